from ipaddress import ip_network
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common import codes
from apps.common.caller import is_in_networks
from apps.common.names import credential_validator, name_validator
from apps.push.destinations import Destination
from apps.push.models import ApnsEnvironment, Kind, Platform, PushMessagingConfiguration


class Api(models.TextChoices):
    MOBILE_AUTHENTICATION = "mobile_authentication", _("Mobile authentication")
    END_USER = "end_user", _("Users and devices")
    EVENTS = "events", _("Events")
    CIBA = "ciba", "OpenID Connect CIBA"


# Two, so that a secret can be rotated without an outage.
MAX_ACTIVE_SECRETS = 2
SECRET_PURPOSE = "client secret"
MAX_AUTHENTICATORS = 20


def validate_apis(value: object) -> None:
    if not isinstance(value, list) or not set(map(str, value)) <= set(Api.values):
        raise ValidationError(_("Choose from: %(apis)s.") % {"apis": ", ".join(Api.values)})


def validate_networks(value: object) -> None:
    if not isinstance(value, list):
        raise ValidationError(_("Enter a list of IP addresses or networks."))
    for network in value:
        try:
            ip_network(str(network), strict=False)
        except ValueError:
            raise ValidationError(_("“%(network)s” is not an IP address or network.") % {"network": network}) from None


def validate_authenticators(value: object) -> None:
    if not isinstance(value, list) or len(value) > MAX_AUTHENTICATORS:
        raise ValidationError(_("Enter a list of at most %(limit)d identifiers.") % {"limit": MAX_AUTHENTICATORS})
    for identifier in value:
        name_validator(str(identifier))


class ApiClient(models.Model):
    """API client: credentials and permissions of a portal or of another client of the REST APIs."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    client_id = models.CharField(_("client ID"), max_length=100, unique=True, validators=[credential_validator])
    secret_hashes = models.JSONField(default=list, editable=False)
    apis = models.JSONField(_("APIs"), default=list, validators=[validate_apis])
    ip_allow_list = models.JSONField(
        _("IP allow list"),
        default=list,
        blank=True,
        validators=[validate_networks],
        help_text=_("Allowed IP addresses or networks in CIDR notation, one per line. Empty: all addresses."),
    )

    class Meta:
        verbose_name = _("API client")
        verbose_name_plural = _("API clients")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def add_secret(self) -> str:
        """Generate a secret and return it. Its hash and that of the previous secret are stored."""
        secret = codes.random_token()
        self.secret_hashes = [codes.keyed_hash(secret, SECRET_PURPOSE), *self.secret_hashes][:MAX_ACTIVE_SECRETS]
        return secret

    def remove_old_secret(self) -> None:
        """Remove all secrets except the newest."""
        self.secret_hashes = self.secret_hashes[:1]

    def has_secret(self, secret: str) -> bool:
        return codes.matches(secret, SECRET_PURPOSE, self.secret_hashes)

    def rehash_secret(self, secret: str) -> None:
        """Store a verified secret as a hash with the newest key, so that the old key can be removed."""
        rehashed = [
            codes.keyed_hash(secret, SECRET_PURPOSE)
            if codes.needs_rehash(stored) and codes.matches(secret, SECRET_PURPOSE, [stored])
            else stored
            for stored in self.secret_hashes
        ]
        # A concurrent change of the secrets is not overwritten.
        if rehashed != self.secret_hashes:
            ApiClient.objects.filter(pk=self.pk, secret_hashes=self.secret_hashes).update(secret_hashes=rehashed)

    def may_call_from(self, address: str) -> bool:
        return not self.ip_allow_list or is_in_networks(address, self.ip_allow_list)


class Application(models.Model):
    """Mobile app."""

    identifier = models.CharField(_("identifier"), max_length=100, unique=True, validators=[name_validator])
    name = models.CharField(_("name"), max_length=100)
    pin_enabled = models.BooleanField(
        _("PIN enabled"), default=False, help_text=_("Users of this app have a PIN. Required for push with PIN.")
    )
    max_pin_attempts = models.PositiveIntegerField(
        _("max PIN attempts"),
        default=3,
        help_text=_(
            "Number of consecutive wrong PINs after which the user is disconnected from the device. 0: no limit."
        ),
    )
    fingerprint_enabled = models.BooleanField(
        _("fingerprint enabled"),
        default=False,
        help_text=_("Required for push with fingerprint. Users can enter their PIN instead."),
    )
    custom_authenticators = models.JSONField(
        _("custom authenticators"),
        default=list,
        blank=True,
        validators=[validate_authenticators],
        help_text=_("Identifiers of the app's custom authenticators, one per line. Each of them can approve."),
    )
    web_phone = models.BooleanField(
        _("web phone"),
        default=False,
        db_default=False,
        help_text=_("Users can enrol a browser as a phone, at /phone/. Requires a version for the platform web."),
    )

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("applications")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class VersionStatus(models.TextChoices):
    ENABLED = "enabled", _("Enabled")
    LOGIN_ONLY = "login_only", _("Login only")
    DISABLED = "disabled", _("Disabled")


class InterruptionLevel(models.TextChoices):
    """How much a notification interrupts the user of an iOS device. The value is Apple's."""

    PASSIVE = "passive", _("Passive")
    ACTIVE = "active", _("Active")
    TIME_SENSITIVE = "time-sensitive", _("Time-sensitive")


class ApplicationVersion(models.Model):
    """Version of an application on one platform, with its push settings."""

    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="versions", verbose_name=_("application")
    )
    platform = models.CharField(_("platform"), max_length=10, choices=Platform.choices, default=Platform.ANDROID)
    version = models.CharField(_("version"), max_length=50, validators=[name_validator])
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=VersionStatus.choices,
        default=VersionStatus.ENABLED,
        help_text=_("Login only: enrolled devices continue to work, new devices cannot enrol."),
    )
    push_messaging_configuration = models.ForeignKey(
        PushMessagingConfiguration,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="versions",
        verbose_name=_("push messaging configuration"),
    )
    cordova = models.BooleanField(
        "Cordova",
        default=False,
        help_text=_("Send a notification with the data, for apps built with Cordova."),
    )
    apns_environment = models.CharField(
        _("APNs environment"),
        max_length=20,
        choices=ApnsEnvironment.choices,
        default=ApnsEnvironment.PRODUCTION,
        help_text=_("Development: for builds installed by Xcode. A certificate determines the environment itself."),
    )
    bundle_identifier = models.CharField(
        _("bundle identifier"),
        max_length=155,
        blank=True,
        default="",
        validators=[RegexValidator(r"^[A-Za-z0-9.-]+$", _("Letters, digits, dots and dashes: com.example.shop."))],
        help_text=_("Apple's identifier of the app, such as com.example.shop."),
    )
    send_badge_number = models.BooleanField(
        _("send badge number"),
        default=False,
        help_text=_("Show the number of unanswered transactions on the app's icon."),
    )

    mutable_content = models.BooleanField(
        _("mutable content"),
        default=False,
        db_default=False,
        help_text=_("Let a notification service extension of the app change the notification before it is shown."),
    )
    notification_category = models.CharField(
        _("notification category"),
        max_length=64,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(r"^[A-Za-z0-9._-]+$", _("Letters, digits, dots, dashes and underscores."))],
        help_text=_("Category of the notification, for which the app declares buttons or its own view."),
    )
    interruption_level = models.CharField(
        _("interruption level"),
        max_length=20,
        choices=InterruptionLevel.choices,
        default=InterruptionLevel.ACTIVE,
        db_default=InterruptionLevel.ACTIVE,
        help_text=_("Time-sensitive notifications require an entitlement of the app."),
    )

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        ordering = ["platform", "version"]
        constraints = [
            models.UniqueConstraint(fields=["application", "platform", "version"], name="application_version_unique")
        ]

    def __str__(self) -> str:
        return f"{self.application} {self.version} ({self.get_platform_display()})"

    def destination(self) -> Destination | None:
        """Return the destination of pushes to this version, or None if it has no push."""
        if self.push_messaging_configuration is None:
            return None
        return Destination(
            self.push_messaging_configuration,
            self.apns_environment,
            self.bundle_identifier,
            self.cordova,
            self._notification_settings(),
        )

    def _notification_settings(self) -> dict[str, Any]:
        """Return the members of `aps` that this version switches on."""
        settings: dict[str, Any] = {"mutable-content": 1} if self.mutable_content else {}
        if self.notification_category:
            settings["category"] = self.notification_category
        if self.interruption_level != InterruptionLevel.ACTIVE:
            settings["interruption-level"] = self.interruption_level
        return settings

    def clean(self) -> None:
        """Validate the push settings. Raises ValidationError with the errors of each field."""
        errors = self._field_errors()
        configuration = self.push_messaging_configuration
        if configuration and self.platform not in configuration.served_platforms:
            errors["push_messaging_configuration"] = _("This push messaging configuration is for another platform.")
        elif configuration and configuration.kind == Kind.APNS_TOKEN and not self.bundle_identifier:
            errors["bundle_identifier"] = _("The bundle identifier is required for a signing key.")
        elif configuration and configuration.kind == Kind.WEB_PUSH and self.cordova:
            errors["cordova"] = _("This field is not allowed for: %(kind)s.") % {"kind": configuration.kind.label}
        if errors:
            raise ValidationError(errors)

    def _field_errors(self) -> dict[str, Any]:
        """Return the errors of push settings that do not apply to this platform or require a configuration."""
        fields = [
            ("cordova", Platform.ANDROID, self.cordova),
            ("apns_environment", Platform.IOS, self.apns_environment != ApnsEnvironment.PRODUCTION),
            ("bundle_identifier", Platform.IOS, bool(self.bundle_identifier)),
            ("send_badge_number", Platform.IOS, self.send_badge_number),
            ("mutable_content", Platform.IOS, self.mutable_content),
            ("notification_category", Platform.IOS, bool(self.notification_category)),
            ("interruption_level", Platform.IOS, self.interruption_level != InterruptionLevel.ACTIVE),
        ]
        errors: dict[str, Any] = {}
        for name, platform, is_set in fields:
            if is_set and self.platform != platform:
                errors[name] = _("This is for %(platform)s only.") % {"platform": platform.label}
            elif is_set and not self.push_messaging_configuration:
                errors[name] = _("This requires a push messaging configuration.")
        return errors
