import json
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_email
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.encryption import CannotDecrypt, EncryptedTextField
from apps.common.names import name_validator
from apps.common.urls import is_http_url, validate_http_url


class Platform(models.TextChoices):
    ANDROID = "android", "Android"
    IOS = "ios", "iOS"
    WEB = "web", _("Web")


class FcmApiVersion(models.TextChoices):
    HTTP_V1 = "http_v1", "HTTP v1"
    LEGACY = "legacy", _("Legacy")


class ApnsEnvironment(models.TextChoices):
    PRODUCTION = "production", _("Production")
    DEVELOPMENT = "development", _("Development")


class Kind(models.TextChoices):
    """Protocol and type of credential of a configuration."""

    FCM_HTTP_V1 = "fcm_http_v1", "FCM HTTP v1"
    FCM_LEGACY = "fcm_legacy", _("FCM legacy API")
    APNS_TOKEN = "apns_token", _("APNs with a signing key")
    APNS_CERTIFICATE = "apns_certificate", _("APNs with a certificate")
    WEB_PUSH = "web_push", "Web Push"


# Required and allowed fields of each kind.
REQUIRED_FIELDS: dict[str, tuple[str, ...]] = {
    Kind.FCM_HTTP_V1: ("service_account",),
    Kind.FCM_LEGACY: ("server_key",),
    Kind.APNS_TOKEN: ("team_id", "key_id", "signing_key"),
    Kind.APNS_CERTIFICATE: ("certificate", "apns_environment"),
    Kind.WEB_PUSH: ("contact", "vapid_private_key"),
}
ALLOWED_FIELDS: dict[str, tuple[str, ...]] = {
    **REQUIRED_FIELDS,
    Kind.FCM_HTTP_V1: ("service_account", "endpoint", "fcm_api_version"),
    Kind.FCM_LEGACY: ("server_key", "endpoint", "fcm_api_version"),
}
KIND_FIELDS = list(dict.fromkeys(name for names in ALLOWED_FIELDS.values() for name in names))
CREDENTIAL_FIELDS = ("service_account", "server_key", "signing_key", "certificate", "vapid_private_key")
LEGACY_ENDPOINT = "https://fcm.googleapis.com/fcm/send"
# A certificate that expires within this period causes a warning.
EXPIRY_NOTICE = timedelta(days=30)


def validate_contact(value: str) -> None:
    """Validate the contact of the operator, which push services receive with each message (RFC 8292, 2.1)."""
    if value.startswith("mailto:"):
        validate_email(value.removeprefix("mailto:"))
    elif not value.startswith("https://") or not is_http_url(value):
        raise ValidationError(_("Enter an email address after “mailto:”, or an https URL."))


def apple_identifier_validator() -> RegexValidator:
    return RegexValidator(r"^[A-Z0-9]{10}$", _("Apple's identifiers are ten capital letters and digits."))


class PushMessagingConfiguration(models.Model):
    """Credentials for a provider. Several versions of applications can share one configuration."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True, validators=[name_validator])
    platform = models.CharField(_("platform"), max_length=10, choices=Platform.choices, default=Platform.ANDROID)

    fcm_api_version = models.CharField(
        _("FCM API version"), max_length=10, choices=FcmApiVersion.choices, blank=True, default=""
    )
    # Copied from the service account, so that showing the project requires no decryption.
    project_id = models.CharField(
        _("project"), max_length=100, blank=True, editable=False, validators=[RegexValidator(r"^[a-z0-9.:-]+$")]
    )
    service_account = EncryptedTextField(_("service account"), blank=True, default="")
    server_key = EncryptedTextField(_("server key"), blank=True, default="")
    endpoint = models.CharField(
        _("endpoint"),
        max_length=2000,
        blank=True,
        validators=[validate_http_url],
        help_text=_("Complete URL to which messages are posted. Empty: Google's own URL."),
    )

    team_id = models.CharField(
        _("team ID"), max_length=10, blank=True, default="", validators=[apple_identifier_validator()]
    )
    key_id = models.CharField(
        _("key ID"), max_length=10, blank=True, default="", validators=[apple_identifier_validator()]
    )
    signing_key = EncryptedTextField(_("signing key"), blank=True, default="")
    # Deprecated: existing certificates work and can be imported, but cannot be added in the console.
    certificate = EncryptedTextField(_("certificate"), blank=True, default="")
    certificate_expires_at = models.DateTimeField(_("certificate expires"), null=True, blank=True, editable=False)
    apns_environment = models.CharField(
        _("APNs environment"), max_length=20, choices=ApnsEnvironment.choices, blank=True, default=""
    )

    contact = models.CharField(
        _("contact"),
        max_length=255,
        blank=True,
        default="",
        db_default="",
        validators=[validate_contact],
        help_text=_("Push services use it to reach the operator: mailto: and an email address, or an https URL."),
    )
    vapid_private_key = EncryptedTextField(_("VAPID private key"), blank=True, default="", db_default="")
    # Derived from the private key, so that apps can read it without decryption: uncompressed point, base64url.
    vapid_public_key = models.CharField(
        _("VAPID public key"), max_length=100, blank=True, default="", db_default="", editable=False
    )

    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    # Reason why the provider rejected this configuration; empty if it accepted the last push.
    delivery_error = models.CharField(_("delivery error"), max_length=500, blank=True, default="", editable=False)
    # App and environment of the error: an accepted push to another destination does not clear it.
    delivery_error_destination = models.CharField(max_length=200, blank=True, default="", editable=False)
    delivery_error_at = models.DateTimeField(_("delivery error since"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("push messaging configuration")
        verbose_name_plural = _("push messaging configuration")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> Kind:
        if self.platform == Platform.WEB:
            return Kind.WEB_PUSH
        if self.platform == Platform.IOS:
            return Kind.APNS_CERTIFICATE if self.certificate_expires_at else Kind.APNS_TOKEN
        return Kind.FCM_LEGACY if self.fcm_api_version == FcmApiVersion.LEGACY else Kind.FCM_HTTP_V1

    @property
    def served_platforms(self) -> tuple[str, ...]:
        """Platforms of the versions that can use this configuration. UnifiedPush brings Web Push to Android."""
        if self.kind == Kind.WEB_PUSH:
            return (Platform.WEB, Platform.ANDROID)
        return (self.platform,)

    def clean(self) -> None:
        """Validate the required and allowed fields of the kind. Each error belongs to its field."""
        if self.platform == Platform.ANDROID and not self.fcm_api_version:
            self.fcm_api_version = FcmApiVersion.HTTP_V1
        errors: dict[str, Any] = {
            name: _("This field is not allowed for: %(kind)s.") % {"kind": self.kind.label}
            for name in KIND_FIELDS
            if name not in ALLOWED_FIELDS[self.kind] and self._has(name)
        } | {
            name: _("This field is required for: %(kind)s.") % {"kind": self.kind.label}
            for name in REQUIRED_FIELDS[self.kind]
            if not self._has(name)
        }
        if self._is_used_by_another_platform():
            errors["platform"] = _("Versions of another platform use this configuration.")
        if errors:
            raise ValidationError(errors)

    def _has(self, name: str) -> bool:
        try:
            return bool(getattr(self, name))
        except CannotDecrypt:
            return True

    def _is_used_by_another_platform(self) -> bool:
        return not self._state.adding and self.versions.exclude(platform__in=self.served_platforms).exists()

    @property
    def message_url(self) -> str:
        """URL for FCM messages. APNs and Web Push have one URL for each device."""
        if self.endpoint:
            return self.endpoint
        if self.kind == Kind.FCM_LEGACY:
            return LEGACY_ENDPOINT
        return f"https://fcm.googleapis.com/v1/projects/{self.project_id}/messages:send"

    @property
    def uses_shut_down_api(self) -> bool:
        """Return True if messages go to Google's own legacy API, which was shut down in 2024."""
        host = urlsplit(self.message_url).hostname
        return self.kind == Kind.FCM_LEGACY and host == urlsplit(LEGACY_ENDPOINT).hostname

    @property
    def service_account_info(self) -> dict[str, Any]:
        info: dict[str, Any] = json.loads(self.service_account)
        return info
