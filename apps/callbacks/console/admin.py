from hashlib import sha256
from time import monotonic
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from apps.callbacks import remedies, services, signatures
from apps.callbacks.console import states
from apps.callbacks.console.delivery_admin import CallbackDeliveryAdmin
from apps.callbacks.console.forms import CallbackEndpointForm, count_active_secrets
from apps.callbacks.models import CallbackEndpoint
from apps.callbacks.problems import endpoint_problems, failing_urls, problems, summary
from apps.callbacks.transport import CallbackResult
from apps.common.console.admin import StoredPasswordAdmin
from apps.common.console.confirmations import Confirmation, render_confirmation
from apps.events.console.base import ConsoleAdmin

__all__ = ["CallbackDeliveryAdmin", "CallbackEndpointAdmin"]

DELIVERIES = "admin:callbacks_callbackdelivery_changelist"


@admin.register(CallbackEndpoint)
class CallbackEndpointAdmin(StoredPasswordAdmin, ConsoleAdmin):
    """Callback endpoints. A generated secret is shown once, in the response to its request."""

    form = CallbackEndpointForm
    list_display = ("url", "username", "has_password", "is_signed", "problem")
    search_fields = ("url",)
    search_help_text = _("Part of the URL")
    actions_list = ("deliveries", "failed_deliveries")
    actions_detail = ("send_test_callback", "new_signing_secret", "endpoint_deliveries")
    list_before_template = "admin/callbacks/problems.html"
    change_form_outer_before_template = "admin/callbacks/problems.html"

    @admin.display(description=_("signed"), boolean=True)
    def is_signed(self, endpoint: CallbackEndpoint) -> bool:
        # The stored ciphertext shows whether there is a secret, so the list decrypts nothing.
        return bool(endpoint.__dict__.get("signing_secrets"))

    @admin.display(description=_("problem"), empty_value="-")
    def problem(self, endpoint: Any) -> SafeString | None:
        if endpoint.failing_since is None:
            return None
        text = summary(endpoint.failing_since, endpoint.failing_reason)
        return format_html('<span class="console-problem" data-tone="bad">{}</span>', text)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CallbackEndpoint]:
        rows: QuerySet[CallbackEndpoint] = super().get_queryset(request)
        failing = failing_urls().filter(url=OuterRef("url"))
        return rows.annotate(
            failing_since=Subquery(failing.values("failing_since")[:1]),
            failing_reason=Subquery(failing.values("reason")[:1]),
        )

    def get_fieldsets(self, request: HttpRequest, obj: CallbackEndpoint | None = None) -> Any:
        secrets: tuple[str, ...] = ("new_signing_secret",)
        if obj and not self.has_change_permission(request, obj):
            secrets = ("is_signed",)
        elif obj and self.is_signed(obj):
            secrets = ("new_signing_secret", "remove_signing_secrets")
        return (
            (None, {"fields": ("url",)}),
            (
                _("Basic authentication"),
                {
                    "fields": ("username", *self.password_fields(request, obj)),
                    "description": _("Sent with every callback to this URL. Leave empty to send no credentials."),
                },
            ),
            (
                _("Signature"),
                {
                    "fields": secrets,
                    "description": _(
                        "Callbacks are signed with a secret shared with the portal (Standard Webhooks 1.0), so that "
                        "the portal can verify their origin."
                    ),
                },
            ),
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"problems": problems(), **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        endpoint = self.get_object(request, object_id)
        context = {"problems": endpoint_problems(endpoint)} if endpoint else {}
        response: HttpResponse = super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
        return response

    @action(description=_("Deliveries"), url_path="deliveries", icon="list", permissions=["view"])  # type: ignore[untyped-decorator]
    def deliveries(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse(DELIVERIES))

    @action(  # type: ignore[untyped-decorator]
        description=_("Failed deliveries"), url_path="failed-deliveries", icon="error", permissions=["view"]
    )
    def failed_deliveries(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse(DELIVERIES, query={"state": states.UNDELIVERED}))

    @action(description=_("Deliveries"), url_path="deliveries", icon="list", permissions=["view"])  # type: ignore[untyped-decorator]
    def endpoint_deliveries(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse(DELIVERIES, query={"url": self.endpoint(request, object_id).url}))

    @action(  # type: ignore[untyped-decorator]
        description=_("Send test callback"), url_path="send-test-callback", icon="send", permissions=["change"]
    )
    def send_test_callback(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET and send the test callback on POST."""
        endpoint = self.endpoint(request, object_id)
        if request.method != "POST":
            return render_confirmation(self, request, test_callback_confirmation(endpoint), endpoint)
        started_at = monotonic()
        result = services.send_test(endpoint, who=request.user.get_username())
        show_test_result(request, endpoint, result, round((monotonic() - started_at) * 1000))
        return HttpResponseRedirect(change_url(endpoint))

    @action(  # type: ignore[untyped-decorator]
        description=_("New signing secret"), url_path="new-signing-secret", icon="key", permissions=["change"]
    )
    def new_signing_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET; add a secret on POST and show it once.

        The state token of the form prevents that a repeated POST adds another secret.
        """
        endpoint = self.endpoint(request, object_id)
        if request.method != "POST":
            return render_confirmation(self, request, new_secret_confirmation(endpoint), endpoint)
        with transaction.atomic():
            endpoint = CallbackEndpoint.objects.select_for_update().get(pk=endpoint.pk)
            if request.POST.get("state_token") != secrets_token(endpoint):
                messages.warning(request, _("The signing secrets have changed in the meantime. No secret was added."))
                return HttpResponseRedirect(change_url(endpoint))
            secret = self.add_secret(request, endpoint)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": endpoint,
            "title": _("Signing secret"),
            "secret": secret,
            "active_secrets": count_active_secrets(endpoint),
        }
        return TemplateResponse(request, "admin/callbacks/callbackendpoint/signing_secret.html", context)

    def add_secret(self, request: HttpRequest, endpoint: CallbackEndpoint) -> str:
        before, secret = self.load_snapshot(endpoint), signatures.generate_secret()
        endpoint.add_signing_secret(secret)
        endpoint.save(update_fields=["signing_secrets"])
        self.record(request, endpoint, before)
        self.log_change(request, endpoint, str(_("New signing secret.")))
        return secret

    def endpoint(self, request: HttpRequest, object_id: str) -> CallbackEndpoint:
        found: CallbackEndpoint | None = self.get_object(request, object_id)
        if found is None:
            raise Http404("no such callback endpoint")
        return found


def change_url(endpoint: CallbackEndpoint) -> str:
    return reverse("admin:callbacks_callbackendpoint_change", args=[endpoint.pk])


def secrets_token(endpoint: CallbackEndpoint) -> str:
    """Return a hash of the stored secrets, which identifies their state without revealing them."""
    return sha256(str(endpoint.__dict__["signing_secrets"]).encode()).hexdigest()


def test_callback_confirmation(endpoint: CallbackEndpoint) -> Confirmation:
    return Confirmation(
        title=_("Send test callback"),
        heading=_("Send a test callback to %(url)s?") % {"url": endpoint},
        paragraphs=(
            _(
                "The portal receives a callback as after a login, with the credentials and signatures of this "
                "endpoint. Its transaction does not exist: the portal API returns error 3004 for it."
            ),
            _("This page waits for the response for at most 20 seconds. The callback is not retried."),
        ),
        icon="send",
        back_url=change_url(endpoint),
        button_label=_("Send test callback"),
    )


def new_secret_confirmation(endpoint: CallbackEndpoint) -> Confirmation:
    active = count_active_secrets(endpoint)
    paragraphs = [_("The new secret is shown once, on the next page.")]
    if active == 1:
        paragraphs.append(_("The current secret remains active until you remove it."))
    is_full = active == signatures.MAX_ACTIVE_SECRETS
    warning = _(
        "Two secrets are active. The older one is removed immediately: a portal that verifies only with the older "
        "secret rejects callbacks."
    )
    return Confirmation(
        title=_("New signing secret"),
        heading=_("Create a new signing secret for %(url)s?") % {"url": endpoint},
        paragraphs=paragraphs,
        icon="key",
        back_url=change_url(endpoint),
        button_label=_("Create secret"),
        warning=warning if is_full else "",
        state_token=secrets_token(endpoint),
    )


def show_test_result(
    request: HttpRequest, endpoint: CallbackEndpoint, result: CallbackResult, duration_ms: int
) -> None:
    """Show the result of a test callback, with the remedy if it failed."""
    reason = remedies.translate_reason(result.reason)
    values = {"url": endpoint, "status": result.status, "reason": reason, "duration": duration_ms}
    if result.delivered:
        text = _("%(url)s accepted the test callback: HTTP %(status)d after %(duration)d ms.")
        messages.success(request, text % values)
        return
    text = _("The test callback to %(url)s failed after %(duration)d ms. Reason: %(reason)s. %(remedy)s")
    messages.error(request, text % {**values, "remedy": remedies.remedy_for(result.error_kind, result.status)})
