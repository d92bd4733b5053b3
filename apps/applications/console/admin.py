from hashlib import sha256
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.applications.console import curl
from apps.applications.console.forms import ApiClientForm, ApplicationForm, ConfigurationSelect, VersionForm
from apps.applications.models import Api, ApiClient, Application, ApplicationVersion
from apps.applications.problems import problems
from apps.common.console.confirmations import Confirmation, render_confirmation
from apps.events.console.base import ConsoleAdmin, ConsoleInline


class VersionInline(ConsoleInline):
    model = ApplicationVersion
    form = VersionForm

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        widget = ConfigurationSelect(attrs={"data-fits": "platform"})
        kwargs = {**kwargs, "widget": widget, "empty_label": _("None: no push")}
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        # Query the choices once for all versions on the page.
        field.choices = list(field.choices)
        return field


@admin.register(Application)
class ApplicationAdmin(ConsoleAdmin):
    list_display = ("name", "identifier", "number_of_versions")
    search_fields = ("name", "identifier")
    search_help_text = _("Part of the name or the identifier")
    form = ApplicationForm
    fieldsets = (
        (None, {"fields": ("name", "identifier")}),
        (
            _("Authenticators"),
            {"fields": ("pin_enabled", "max_pin_attempts", "fingerprint_enabled", "custom_authenticators")},
        ),
        (_("Phone in the browser"), {"fields": ("web_phone",)}),
    )
    inlines = (VersionInline,)
    change_form_outer_before_template = "admin/callbacks/problems.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Application]:
        rows: QuerySet[Application] = super().get_queryset(request)
        return rows.annotate(version_count=Count("versions"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        application = self.get_object(request, object_id)
        context = {"problems": [problem.on_its_page() for problem in problems(application)]} if application else {}
        response: HttpResponse = super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
        return response

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the versions, and report those that lack push."""
        super().save_related(request, form, formsets, change)
        # The page of the application shows its problems itself.
        for problem in problems(form.instance) if "_continue" not in request.POST else ():
            messages.warning(request, str(problem))

    @admin.display(description=_("versions"))
    def number_of_versions(self, application: Any) -> int:
        return int(application.version_count)


class ApiClientAdmin(ConsoleAdmin):
    """API clients. A secret is shown once, in the response to the request that created it.

    `apps.ciba` registers the page with the settings of CIBA.
    """

    form = ApiClientForm
    secret_fields = ("secret_hashes",)
    list_display = ("name", "client_id", "api_labels", "allowed_addresses", "active_secrets")
    search_fields = ("name", "client_id")
    search_help_text = _("Part of the name or the client ID")
    readonly_fields: tuple[str, ...] = ("active_secrets",)
    actions_detail: tuple[str, ...] = ("new_secret", "remove_old_secret")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer “Remove old secret” only if there are two secrets."""
        client = self.get_object(request, object_id)
        has_old = client is not None and self.active_secrets(client) > 1
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return [button for button in buttons if has_old or button.path != "remove-old-secret"]

    @display(description=_("APIs"), label=True)  # type: ignore[untyped-decorator]
    def api_labels(self, client: ApiClient) -> list[str]:
        return [str(Api(api).label) for api in client.apis if api in Api.values]

    @admin.display(description=_("IP addresses"))
    def allowed_addresses(self, client: ApiClient) -> str:
        return ", ".join(map(str, client.ip_allow_list)) or str(_("all"))

    @admin.display(description=_("active secrets"))
    def active_secrets(self, client: ApiClient) -> int:
        return len(client.secret_hashes)

    def get_fieldsets(self, request: HttpRequest, obj: ApiClient | None = None) -> Any:
        secrets = ("active_secrets",) if obj else ()
        return (
            (None, {"fields": ("name", "client_id", *secrets)}),
            (_("Access"), {"fields": ("apis", "ip_allow_list")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ApiClient | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "client_id") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.new_secret_value = obj.add_secret()
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self.show_secret(request, obj, obj.new_secret_value)

    @action(  # type: ignore[untyped-decorator]
        description=_("New secret"),
        url_path="new-secret",
        icon="key",
        permissions=["change"],
    )
    def new_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET; add a secret on POST and show it once.

        The state token of the form prevents that a repeated POST adds another secret.
        """
        with transaction.atomic():
            client = ApiClient.objects.select_for_update().filter(pk=_row_id(object_id)).first()
            if client is None:
                raise Http404("no such client")
            if not self.has_change_permission(request, client):
                raise PermissionDenied
            if request.method != "POST":
                return self.render_new_secret(request, client)
            if request.POST.get("state_token") != secrets_token(client):
                messages.warning(request, _("The secrets have changed in the meantime. No secret was created."))
                return HttpResponseRedirect(change_url(client))
            secret = self.replace_secret(request, client)
        return self.show_secret(request, client, secret)

    @action(  # type: ignore[untyped-decorator]
        description=_("Remove old secret"),
        url_path="remove-old-secret",
        icon="key_off",
        permissions=["change"],
    )
    def remove_old_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET and remove the old secret on POST.

        The state token of the form identifies the secrets that the page showed.
        """
        with transaction.atomic():
            client = ApiClient.objects.select_for_update().filter(pk=_row_id(object_id)).first()
            if client is None:
                raise Http404("no such client")
            if request.method != "POST":
                return render_confirmation(self, request, removal_confirmation(client), client)
            if request.POST.get("state_token") != secrets_token(client) or self.active_secrets(client) < 2:
                messages.warning(request, _("The secrets have changed in the meantime. No secret was removed."))
            else:
                self.delete_old_secret(request, client)
        return HttpResponseRedirect(change_url(client))

    def delete_old_secret(self, request: HttpRequest, client: ApiClient) -> None:
        before = self.load_snapshot(client)
        client.remove_old_secret()
        client.save(update_fields=["secret_hashes"])
        self.record(request, client, before)
        self.log_change(request, client, str(_("Old secret removed.")))
        messages.success(request, _("The old secret was removed. Only the newest secret is active."))

    def replace_secret(self, request: HttpRequest, client: ApiClient) -> str:
        before = self.load_snapshot(client)
        secret = client.add_secret()
        client.save(update_fields=["secret_hashes"])
        self.record(request, client, before)
        self.log_change(request, client, str(_("New secret.")))
        return secret

    def render_new_secret(self, request: HttpRequest, client: ApiClient) -> HttpResponse:
        context = {**self.context(request, client, _("New secret")), "state_token": secrets_token(client)}
        return TemplateResponse(request, "admin/applications/apiclient/new_secret.html", context)

    def show_secret(self, request: HttpRequest, client: ApiClient, secret: str) -> HttpResponse:
        """Show the secret in this response only. Pages of the console are not cacheable."""
        page_context = self.context(request, client, _("Client secret"))
        command = {"command": curl.first_request(client, secret), "uses_tokens": curl.uses_tokens(client)}
        context = {**page_context, "secret": secret, **command}
        return TemplateResponse(request, "admin/applications/apiclient/secret.html", context)

    def context(self, request: HttpRequest, client: ApiClient, title: Any) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": client,
            "title": title,
            "active_secrets": len(client.secret_hashes),
        }


def change_url(client: ApiClient) -> str:
    return reverse("admin:applications_apiclient_change", args=[client.pk])


def removal_confirmation(client: ApiClient) -> Confirmation:
    if len(client.secret_hashes) < 2:
        heading = _("“%(client)s” has no old secret") % {"client": client}
        return Confirmation(
            title=_("Remove old secret"), heading=heading, paragraphs=(), icon="key_off", back_url=change_url(client)
        )
    return Confirmation(
        title=_("Remove old secret"),
        heading=_("Remove the old secret of “%(client)s”?") % {"client": client},
        paragraphs=(_("Only the newest secret remains active. Remove the old one when the client no longer uses it."),),
        warning=_("Requests with the old secret are rejected immediately (401)."),
        icon="key_off",
        back_url=change_url(client),
        button_label=_("Remove the old secret"),
        state_token=secrets_token(client),
    )


def secrets_token(client: ApiClient) -> str:
    """Return a hash of the active secrets, which identifies their state without revealing them."""
    return sha256("\n".join(client.secret_hashes).encode()).hexdigest()


def _row_id(object_id: str) -> int:
    """Return the id of the row, or 0, which no row has."""
    text = unquote(object_id)
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else 0
