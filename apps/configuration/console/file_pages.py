"""Console page “Configuration file”: export, and import with the plan shown before it is applied."""

from hashlib import sha256
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from apps.configuration import environment, file, services
from apps.configuration.problems import ConfigurationInvalid, format_problem

PAGE, EXPORT = "configuration_file", "configuration_export"
VIEW_PERMISSION, CHANGE_PERMISSION = "system.view_features", "system.change_features"
# Less than DATA_UPLOAD_MAX_MEMORY_SIZE, the limit of a request. Larger files need the command.
MAX_BYTES = 200 * 1024
CONTENT_TYPES = {"yaml": "application/yaml", "json": "application/json"}


class ImportForm(forms.Form):
    upload = forms.FileField(label=_("File (YAML or JSON)"), required=False, widget=UnfoldAdminFileFieldWidget())
    content = forms.CharField(
        label=_("Or the text of the file"),
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        upload, content = self.cleaned_data.get("upload"), self.cleaned_data.get("content") or ""
        if bool(upload) == bool(content.strip()):
            raise ValidationError(_("Choose a file or enter its text."))
        size = upload.size if upload else len(content.encode(errors="surrogatepass"))
        if size > MAX_BYTES:
            text = _("The file is larger than 200 kB. Use the command import_configuration.")
            raise ValidationError(text)
        self.cleaned_data["bytes"] = _normalize(upload.read() if upload else content.encode(errors="surrogatepass"))
        return self.cleaned_data


def _normalize(content: bytes) -> bytes:
    """Return the content as a browser posts it again, apart from its line breaks: both forms give the same plan."""
    return content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")


@permission_required(VIEW_PERMISSION, raise_exception=True)
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """Return the configuration without secrets as a file."""
    file_format = "json" if request.GET.get("format") == "json" else "yaml"
    name = f"configuration-{timezone.now():%Y%m%d-%H%M%S}.{file_format}"
    return HttpResponse(
        file.dump(services.export_configuration(), file_format),
        content_type=f"{CONTENT_TYPES[file_format]}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@sensitive_post_parameters("content")
@sensitive_variables("content", "form")
@require_http_methods(["GET", "POST"])
def configuration_file(request: HttpRequest) -> HttpResponse:
    """Show the export and the form of the import on GET. On POST, show the plan, or apply the plan that was shown."""
    is_post = request.method == "POST"
    if not request.user.has_perm(CHANGE_PERMISSION if is_post else VIEW_PERMISSION):
        raise PermissionDenied
    form = ImportForm(request.POST, request.FILES) if is_post else ImportForm()
    context: dict[str, Any] = {"form": form}
    if is_post and form.is_valid():
        content = form.cleaned_data["bytes"]
        try:
            data = _load(content)
            if "state_token" in request.POST and _apply(request, content, data):
                return HttpResponseRedirect(reverse(f"admin:{PAGE}"))
            context |= _plan(content, data)
        except ConfigurationInvalid as error:
            context["problems"] = error.problems
        else:
            context["is_changed"] = request.POST.get("state_token", context["state_token"]) != context["state_token"]
    return _render(request, context)


def _render(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    page_context = {
        **admin.site.each_context(request),
        "title": _("Configuration file"),
        "can_import": request.user.has_perm(CHANGE_PERMISSION),
        "export_url": reverse(f"admin:{EXPORT}"),
        "page_url": reverse(f"admin:{PAGE}"),
        **context,
    }
    return TemplateResponse(request, "admin/configuration/file.html", page_context)


def _load(content: bytes) -> object:
    """Parse the file. Variables are rejected: with their values, an administrator could read secrets of the server."""
    data = file.load(content)
    text = _("Environment variables are read by the command import_configuration only. Enter the value.")
    if paths := list(environment.references(data)):
        raise ConfigurationInvalid([format_problem(where or "file", str(text)) for where in paths])
    return data


def _plan(content: bytes, data: object) -> dict[str, Any]:
    warnings: list[str] = []
    lines = services.import_configuration(data, check=True, warn=warnings.append)
    return {
        "lines": lines,
        "warnings": warnings,
        "text": content.decode(),
        "state_token": _state_token(content, lines),
    }


def _state_token(content: bytes, lines: list[str]) -> str:
    return sha256("\n".join([sha256(content).hexdigest(), *lines]).encode(errors="surrogatepass")).hexdigest()


def _apply(request: HttpRequest, content: bytes, data: object) -> bool:
    """Apply the plan if it is still the one that was shown. Return False if it changed meanwhile."""
    token = request.POST["state_token"]
    with transaction.atomic():
        lines = services.import_configuration(data, check=True)
        if _state_token(content, lines) != token:
            return False
        applied = services.import_configuration(data, who=request.user.get_username())
        if applied != lines:
            # Another change was committed between the two plans.
            transaction.set_rollback(True)
            return False
    count = len(applied)
    text = ngettext("%(count)d item was changed.", "%(count)d items were changed.", count)
    messages.success(request, text % {"count": count})
    return True


def urls(guard: Any) -> list[Any]:
    return [
        path("configuration-file/", guard(configuration_file), name=PAGE),
        path("configuration-file/export/", guard(export), name=EXPORT),
    ]
