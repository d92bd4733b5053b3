from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from apps.common.console.documents import error, security
from apps.common.console.forms import LinesField, StoredPasswordForm, warning
from apps.system.models import ApnsProxy, GeneralConfiguration, PushEnrollmentMode

ENROLLMENT_OPTIONS = ("unique_pgp_keys_per_enrollment", "push_enrollment_enabled", "push_enrollment_mode")


class CountriesField(LinesField):
    """List of country codes, one per line, in any case."""

    def to_python(self, value: Any) -> Any:
        return [code.upper() for code in super().to_python(value)]


class GeneralForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form of the general settings. The options of enrolment are disabled, and ignored, while enrolment is off."""

    sms_allowed_countries = CountriesField(
        required=False,
        label=_("Allowed countries"),
        help_text=GeneralConfiguration._meta.get_field("sms_allowed_countries").help_text,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ENROLLMENT_OPTIONS:
            self.fields[name].disabled = not self.enrollment_enabled
            self.fields[name].widget.attrs["data-enabled-by"] = "enrollment_enabled"
        self.fields["push_enrollment_mode"].help_text = mode_help_text()
        self.fields["unique_pgp_keys_per_enrollment"].help_text = keys_help_text()

    @property
    def enrollment_enabled(self) -> bool:
        if self.is_bound:
            return bool(
                self.fields["enrollment_enabled"].widget.value_from_datadict(self.data, {}, "enrollment_enabled")
            )
        return bool(self.instance.enrollment_enabled)

    class Meta:
        model = GeneralConfiguration
        fields = (
            "enrollment_enabled",
            *ENROLLMENT_OPTIONS,
            "push_authorization_enabled",
            "sms_authentication_enabled",
            "sms_sender_id",
            "callback_allow_list_enabled",
            "callback_on_expiry",
            "lock_profile_on_fraud_report",
            "max_consecutive_code_failures",
            "code_lock_seconds",
            "max_pending_transactions",
            "max_pushes_without_success",
            "push_cooldown_after_denial_seconds",
            "sms_allowed_countries",
            "sms_per_number_per_hour",
            "sms_per_prefix_per_hour",
            "sms_per_client_per_day",
        )


def mode_help_text() -> Any:
    risky_modes = f"{PushEnrollmentMode.OVERRIDE_ALLOWED}|{PushEnrollmentMode.MULTIPLE_DEVICES}"
    risk = _(
        "When mobile authentication with push is the only method for second factor authentication, this might "
        "introduce a security risk. Anyone who has access to the first factor credentials can enrol a new device and "
        "use this device for second factor authentication. Take this decision carefully."
    )
    versions = _("Versions 2 and 3 of the API return 404 (4001) while multiple devices are allowed.")
    return format_html(
        "{}{}{}",
        _("Number of devices on which a user can be enrolled for push in one application."),
        warning(risk, f"push_enrollment_mode={risky_modes}", security("threats")),
        warning(versions, f"push_enrollment_mode={PushEnrollmentMode.MULTIPLE_DEVICES}", error("4001")),
    )


def keys_help_text() -> Any:
    return format_html(
        "{}{}",
        _("Generate a server key pair for every enrolment of a user."),
        warning(_("Leave this off for better performance."), "unique_pgp_keys_per_enrollment=on"),
    )


class ApnsProxyForm(StoredPasswordForm):
    class Meta:
        model = ApnsProxy
        fields = ("enabled", "host", "port", "username")
