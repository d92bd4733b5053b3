from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from solo.admin import SingletonModelAdmin
from unfold.decorators import action

from apps.common.console.admin import StoredPasswordAdmin
from apps.common.console.documents import error
from apps.common.urls import origin
from apps.events.console.base import ConsoleAdmin
from apps.system import services as system
from apps.system.console.forms import ApnsProxyForm, GeneralForm
from apps.system.models import ApnsProxy, Features, GeneralConfiguration

PROXY_VARIABLES = "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_%s"


class SettingsAdmin(SingletonModelAdmin, ConsoleAdmin):  # type: ignore[misc]
    """Page of a configuration of one row. The menu item opens the form, and saving returns to it."""

    object_history_template = "admin/object_history.html"
    change_form_template = "admin/change_form.html"
    # Numbers of the API errors that the settings cause.
    errors: tuple[str, ...] = ()

    def form_context(self) -> dict[str, Any]:
        documents = [error(number) for number in self.errors]
        return {**super().form_context(), "show_save_and_continue": False, "documents": documents}

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        self.message_user(request, _("Saved. The change takes effect in all processes within two seconds."))
        return HttpResponseRedirect(request.path)


@admin.register(Features)
class FeaturesAdmin(SettingsAdmin):
    errors = ("1000",)
    change_form_outer_after_template = "admin/system/errors.html"
    fieldsets = (
        (None, {"fields": ("mobile_authentication", "transaction_signing", "custom_authenticators", "geolocation")}),
    )


@admin.register(GeneralConfiguration)
class GeneralConfigurationAdmin(SettingsAdmin):
    form = GeneralForm
    errors = ("1429", "3000", "3001", "4001", "9017", "9018")
    change_form_outer_after_template = "admin/system/errors.html"
    actions_detail = ("send_test_sms", "text_messages_by_day")
    fieldsets = (
        (
            _("Enrolment"),
            {"fields": ("enrollment_enabled", "unique_pgp_keys_per_enrollment")},
        ),
        (_("Push enrolment"), {"fields": ("push_enrollment_enabled", "push_enrollment_mode")}),
        (_("Push"), {"fields": ("push_authorization_enabled",)}),
        (_("SMS"), {"fields": ("sms_authentication_enabled", "sms_sender_id")}),
        (_("Callbacks"), {"fields": ("callback_allow_list_enabled", "callback_on_expiry")}),
        (
            _("Fraud and wrong codes"),
            {"fields": ("lock_profile_on_fraud_report", "max_consecutive_code_failures", "code_lock_seconds")},
        ),
        (
            _("Limits for push messages"),
            {
                "fields": (
                    "max_pending_transactions",
                    "max_pushes_without_success",
                    "push_cooldown_after_denial_seconds",
                )
            },
        ),
        (
            _("Limits for SMS"),
            {
                "fields": (
                    "sms_allowed_countries",
                    "sms_per_number_per_hour",
                    "sms_per_prefix_per_hour",
                    "sms_per_client_per_day",
                )
            },
        ),
    )

    @action(description=_("Send test SMS"), url_path="send-test-sms", icon="sms", permissions=["change"])  # type: ignore[untyped-decorator]
    def send_test_sms(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:send_test_sms"))

    def has_text_messages_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        # A permission name in the decorator would be looked up in the database before the tables exist.
        return bool(request.user.has_perm("transactions.view_smsusage"))

    @action(  # type: ignore[untyped-decorator]
        description=_("Text messages by day"),
        url_path="text-messages-by-day",
        icon="calendar_month",
        permissions=["text_messages"],
    )
    def text_messages_by_day(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:transactions_smsusage_changelist"))


@admin.register(ApnsProxy)
class ApnsProxyAdmin(SettingsAdmin, StoredPasswordAdmin):  # type: ignore[misc]
    """Page of the proxy for APNs. It also displays the proxy of other services, which is set in the environment."""

    title = _("Proxy")
    form = ApnsProxyForm
    secret_fields = ("password",)
    change_form_outer_after_template = "admin/system/apnsproxy/external.html"

    def get_fieldsets(self, request: HttpRequest, obj: ApnsProxy | None = None) -> Any:
        return (
            (_("Apple Push Notification service"), {"fields": ("enabled", "host", "port")}),
            (_("Basic authentication"), {"fields": ("username", *self.password_fields(request, obj))}),
        )

    def form_context(self) -> dict[str, Any]:
        return {**super().form_context(), "external": external_variables()}


def external_variables() -> list[tuple[str, Any]]:
    """Return the environment variables of the proxy for other services with their values, without the password."""
    proxy = system.external_proxy()
    schema, _colon, address = origin(proxy.url if proxy else "").partition("://")
    host, _colon, port = address.rpartition(":")
    values = {
        "ENABLED_BOOLEAN": _("on") if proxy else _("off"),
        "SCHEMA": schema,
        "HOST": host,
        "PORT": port,
        "USERNAME": proxy.username if proxy else "",
        "PASSWORD": _("set, hidden") if proxy and proxy.password else "",
        "PREEMPTIVE_AUTH_ENABLED_BOOLEAN": _("on") if proxy and proxy.preemptive else "",
    }
    return [(PROXY_VARIABLES % name, value or "-") for name, value in values.items()]
