import json
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.applications.console.admin import ApiClientAdmin, change_url
from apps.applications.models import Api, ApiClient
from apps.callbacks import remedies
from apps.callbacks.transport import CallbackResult
from apps.ciba import keys, notifications
from apps.ciba.console.forms import FIELDS, PREFIX, ClientForm, describe
from apps.ciba.models import CibaClient, DeliveryMode, SigningKey
from apps.ciba.problems import problems
from apps.common.console.admin import ReadOnlyAdmin, format_datetime
from apps.common.console.confirmations import Confirmation, render_confirmation
from apps.events import changes
from apps.events.console.base import CREATED, UPDATED

KEYS = "admin:ciba_signingkey_changelist"
DISCOVERY_PATH, KEY_SET_PATH = "/.well-known/openid-configuration", "/oauth/jwks"

STATE_COLORS = {"upcoming": "info", "active": "success", "replaced": "default", "retired": "warning"}


@admin.register(ApiClient)
class ClientAdmin(ApiClientAdmin):
    """API clients with their settings for OpenID Connect CIBA."""

    form = ClientForm
    readonly_fields = (*ApiClientAdmin.readonly_fields, "ciba_settings")
    actions_list = ("signing_keys",)
    actions_detail = (*ApiClientAdmin.actions_detail, "send_test_notification")
    change_form_outer_before_template = "admin/ciba/client.html"

    def get_fieldsets(self, request: HttpRequest, obj: ApiClient | None = None) -> Any:
        fields: tuple[str, ...] = tuple(PREFIX + name for name in FIELDS)
        if obj and not self.has_change_permission(request, obj):
            fields = ("ciba_settings",)
        return (*super().get_fieldsets(request, obj), ("OpenID Connect CIBA", {"fields": fields}))

    @admin.display(description=_("settings"), empty_value="-")
    def ciba_settings(self, client: ApiClient) -> SafeString | None:
        """Return the settings as text, for users without change permission."""
        row = CibaClient.objects.filter(client=client).first()
        lines = describe(row) if row else []
        return format_html_join("\n", '<span class="console-text">{}: {}</span>', lines) if lines else None

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer the test notification only for clients that are notified."""
        is_notified = _notified(self.get_object(request, object_id)) is not None
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return [button for button in buttons if is_notified or button.path != "send-test-notification"]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        client = self.get_object(request, object_id)
        context: dict[str, Any] = {"problems": [each.on_its_page() for each in problems(client)]} if client else {}
        if client and Api.CIBA in client.apis:
            context["ciba"] = _summary(client)
        response: HttpResponse = super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.settings_row is not None:
            self.save_settings(request, form.settings_row, obj, list(form.cleaned_data["ciba_types"]))

    def save_settings(self, request: HttpRequest, row: CibaClient, client: ApiClient, types: list[Any]) -> None:
        before = _snapshot(row)
        row.client = client
        row.save()
        row.types.set(types)
        event_type = UPDATED if before.plain else CREATED
        changes.record(event_type, who=request.user.get_username(), row=row, before=before, after=_snapshot(row))

    @action(description=_("Signing keys"), url_path="signing-keys", icon="key", permissions=["view"])  # type: ignore[untyped-decorator]
    def signing_keys(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse(KEYS))

    @action(  # type: ignore[untyped-decorator]
        description=_("Send test notification"),
        url_path="send-test-notification",
        icon="send",
        permissions=["change"],
    )
    def send_test_notification(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET and send the notification on POST."""
        row = _notified(self.get_object(request, object_id))
        if row is None:
            raise Http404("no such client with notifications")
        if request.method != "POST":
            return render_confirmation(self, request, _test_confirmation(row), row.client)
        _show_test_result(request, row, notifications.send_test(row, who=request.user.get_username()))
        return HttpResponseRedirect(change_url(row.client))


def _notified(client: ApiClient | None) -> CibaClient | None:
    """Return the settings of a client that gets notifications, or None."""
    if client is None or Api.CIBA not in client.apis:
        return None
    rows = CibaClient.objects.select_related("client").filter(client=client)
    return rows.exclude(delivery_mode=DeliveryMode.POLL).exclude(notification_endpoint="").first()


def _snapshot(row: CibaClient) -> changes.Snapshot:
    """Return the stored values of the settings with the names of the types."""
    stored = CibaClient.objects.filter(pk=row.pk).first() if row.pk else None
    if stored is None:
        return changes.EMPTY_SNAPSHOT
    snapshot = changes.snapshot(stored)
    return changes.Snapshot({**snapshot.plain, "types": sorted(map(str, stored.types.all()))}, snapshot.secret)


def _summary(client: ApiClient) -> dict[str, Any]:
    return {
        "issuer": settings.PUBLIC_URL,
        "discovery_url": settings.PUBLIC_URL + DISCOVERY_PATH,
        "keys_url": reverse(KEYS),
        "client_id": client.client_id,
    }


def _test_confirmation(row: CibaClient) -> Confirmation:
    return Confirmation(
        title=_("Send test notification"),
        heading=_("Send a test notification to %(url)s?") % {"url": row.notification_endpoint},
        paragraphs=(
            _(
                "The client receives a notification with a token and a request that it does not know. A client that "
                "rejects it works as it should: the test shows whether the endpoint can be reached."
            ),
            _("This page waits for the response for at most 20 seconds. The notification is not retried."),
        ),
        icon="send",
        back_url=change_url(row.client),
        button_label=_("Send test notification"),
    )


def _show_test_result(request: HttpRequest, row: CibaClient, result: CallbackResult) -> None:
    values = {"url": row.notification_endpoint, "status": result.status}
    if result.status is None:
        reason = remedies.translate_reason(result.reason)
        text = _("The test notification to %(url)s failed. Reason: %(reason)s. %(remedy)s")
        remedy = remedies.remedy_for(result.error_kind, None)
        messages.error(request, text % {**values, "reason": reason, "remedy": remedy})
    elif result.delivered or 400 <= result.status < 500:
        messages.success(request, _("%(url)s responded to the test notification with HTTP %(status)d.") % values)
    else:
        text = _("%(url)s responded to the test notification with HTTP %(status)d. Notifications would fail.")
        messages.error(request, text % values)


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    """Keys that sign ID tokens and access tokens. The private keys are never shown."""

    title = _("Signing keys")
    list_display = ("kid", "state", "active_from", "published_until")
    # The private key is in no list of fields.
    fields = ("kid", "state_label", "created", "active_from", "published_until", "jwk")
    readonly_fields = ("state_label", "created", "active_from", "published_until", "jwk")
    actions_list = ("new_signing_key",)
    list_before_template = "admin/ciba/keys.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        urls = {
            "key_set_url": settings.PUBLIC_URL + KEY_SET_PATH,
            "discovery_url": settings.PUBLIC_URL + DISCOVERY_PATH,
        }
        return super().changelist_view(request, {**urls, **(extra_context or {})})

    def has_rotate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ciba.change_signingkey")

    @display(description=_("status"), label=STATE_COLORS)  # type: ignore[untyped-decorator]
    def state(self, key: SigningKey) -> tuple[str, Any]:
        now, active = timezone.now(), keys.active()
        if key.retired_at and key.retired_at <= now:
            return "retired", _("no longer published")
        if key.activated_at > now:
            return "upcoming", _("published, not active yet")
        return ("active", _("active")) if key.pk == active.pk else ("replaced", _("replaced, still published"))

    @admin.display(description=_("status"))
    def state_label(self, key: SigningKey) -> SafeString:
        state, text = self.state(key)
        return render_to_string("unfold/helpers/label.html", {"type": STATE_COLORS[state], "text": text})

    @admin.display(description=_("created (UTC)"))
    def created(self, key: SigningKey) -> str:
        return format_datetime(key.created_at)

    @admin.display(description=_("public key"))
    def jwk(self, key: SigningKey) -> SafeString:
        return format_html('<code class="console-text" translate="no">{}</code>', json.dumps(key.public_key))

    @admin.display(description=_("active from (UTC)"))
    def active_from(self, key: SigningKey) -> str:
        return format_datetime(key.activated_at)

    @admin.display(description=_("published until (UTC)"))
    def published_until(self, key: SigningKey) -> str:
        return format_datetime(key.retired_at)

    @action(description=_("New signing key"), url_path="new-key", icon="add", permissions=["rotate"])  # type: ignore[untyped-decorator]
    def new_signing_key(self, request: HttpRequest) -> HttpResponse:
        """Show a confirmation page on GET and create the next key on POST. A repeated POST creates no other key."""
        if request.method != "POST":
            return render_confirmation(self, request, _key_confirmation(), None)
        key = keys.rotate()
        text = _("Key %(kid)s is published. It signs from %(time)s (UTC) on.")
        messages.success(request, text % {"kid": key.kid, "time": format_datetime(key.activated_at)})
        return HttpResponseRedirect(reverse(KEYS))


def _key_confirmation() -> Confirmation:
    lead, overlap = (round(time.total_seconds() / 3600) for time in (keys.LEAD, keys.OVERLAP))
    return Confirmation(
        title=_("New signing key"),
        heading=_("Create the next signing key?"),
        paragraphs=(
            _("The new key is published now and signs after %(hours)d hours, so that clients can fetch it before.")
            % {"hours": lead},
            _("The current key is published for %(hours)d hours after that. No token becomes invalid.")
            % {"hours": overlap},
            _("After the disclosure of a key, run rotate_ciba_key --now instead: it replaces the key at once."),
        ),
        icon="add",
        back_url=reverse(KEYS),
        button_label=_("Create the key"),
    )
