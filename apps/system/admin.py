from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from solo.admin import SingletonModelAdmin
from unfold.forms import AdminPasswordChangeForm

from apps.common.admin import moment
from apps.common.forms import has_password
from apps.common.urls import lane
from apps.events.console import ConsoleAdmin
from apps.system import services as system
from apps.system import staff
from apps.system.forms import ApnsProxyForm, GeneralForm, StaffCreationForm
from apps.system.models import ApnsProxy, Features, GeneralConfiguration

PROXY_VARIABLES = "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_%s"


class SettingsAdmin(SingletonModelAdmin, ConsoleAdmin):  # type: ignore[misc]
    """A configuration of one row: its menu item opens the form, and saving stays there."""

    object_history_template = "admin/object_history.html"
    change_form_template = "admin/change_form.html"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        shown = {"show_save_and_continue": False, **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, shown)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        self.message_user(request, _("Saved. The change is in force everywhere within two seconds."))
        return HttpResponseRedirect(request.path)


@admin.register(Features)
class FeaturesAdmin(SettingsAdmin):
    fieldsets = (
        (None, {"fields": ("mobile_authentication", "transaction_signing", "custom_authenticators", "geolocation")}),
    )


@admin.register(GeneralConfiguration)
class GeneralConfigurationAdmin(SettingsAdmin):
    form = GeneralForm
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
            _("Fraud and guessing"),
            {"fields": ("lock_profile_on_fraud_report", "max_consecutive_code_failures", "code_lock_seconds")},
        ),
        (
            _("Limits of push messages"),
            {
                "fields": (
                    "max_pending_transactions",
                    "max_pushes_without_success",
                    "push_cooldown_after_denial_seconds",
                )
            },
        ),
        (
            _("Limits of text messages"),
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


@admin.register(ApnsProxy)
class ApnsProxyAdmin(SettingsAdmin):
    """The proxy for APNs, and below it the one of the other services, which is set in the environment."""

    title = _("Proxy")
    form = ApnsProxyForm
    secret_fields = ("password",)
    change_form_outer_after_template = "admin/system/apnsproxy/external.html"

    def get_fieldsets(self, request: HttpRequest, obj: ApnsProxy | None = None) -> Any:
        removal = ("remove_password",) if obj and has_password(obj) else ()
        return (
            (_("Apple Push Notification service"), {"fields": ("enabled", "host", "port")}),
            (_("Basic authentication"), {"fields": ("username", "new_password", *removal)}),
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        shown = {"external": external_variables(), **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, shown)


def external_variables() -> list[tuple[str, Any]]:
    """Return what the environment says about the proxy of the other services, by variable; never the password."""
    proxy = system.external_proxy()
    schema, _colon, address = lane(proxy.url if proxy else "").partition("://")
    host, _colon, port = address.rpartition(":")
    values = {
        "ENABLED_BOOLEAN": _("on") if proxy else _("off"),
        "SCHEMA": schema,
        "HOST": host,
        "PORT": port,
        "USERNAME": proxy.username if proxy else "",
        "PASSWORD": _("set, not shown") if proxy and proxy.password else "",
        "PREEMPTIVE_AUTH_ENABLED_BOOLEAN": _("on") if proxy and proxy.preemptive else "",
    }
    return [(PROXY_VARIABLES % name, value or "-") for name, value in values.items()]


admin.site.unregister(Group)
admin.site.unregister(User)


@admin.register(User)
class StaffAdmin(UserAdmin, ConsoleAdmin):  # type: ignore[misc,type-arg]
    """Accounts of the console. There is one role so far, so an account may do everything."""

    title = _("Staff accounts")
    form = forms.ModelForm
    add_form = StaffCreationForm
    change_password_form = AdminPasswordChangeForm
    secret_fields = staff.SECRET_FIELDS
    list_display = ("username", "name", "is_active", "signed_in")
    list_filter = ()
    search_fields = ()
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("signed_in", "password_link")
    fieldsets = (
        (None, {"fields": ("username", "password_link", "is_active")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Use"), {"fields": ("signed_in",)}),
    )
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)

    @admin.display(description=_("name"))
    def name(self, user: User) -> str:
        return user.get_full_name() or "-"

    @admin.display(description=_("last sign-in (UTC)"))
    def signed_in(self, user: User) -> str:
        return moment(user.last_login)

    @admin.display(description=_("password"))
    def password_link(self, user: User) -> SafeString:
        url = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a class="text-link" href="{}">{}</a>', url, _("Set a new password"))

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        # Nobody locks themselves out.
        return (*self.readonly_fields, "is_active") if obj == request.user else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return obj != request.user and bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.is_staff = obj.is_superuser = True
        super().save_model(request, obj, form, change)
        if not change:
            staff.require_new_password(obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        response: HttpResponse = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            staff.password_changed(User.objects.get(pk=id), by=cast(User, request.user))
        return response
