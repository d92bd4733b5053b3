from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.encryption import EncryptedTextField
from apps.common.short_cache import CachedSingleton

# Larger values are not useful as limits, and dates computed with them could be out of range.
MAX_LOCK_SECONDS = 365 * 24 * 60 * 60
MAX_SMS_LIMIT = 1_000_000


class KeyCheck(models.Model):
    """Single row with a value that only the FIELD_ENCRYPTION_KEYS of this installation can decrypt."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    value = EncryptedTextField()

    def __str__(self) -> str:
        return "key check value"


class Features(CachedSingleton):
    """Features of this installation."""

    mobile_authentication = models.BooleanField(
        _("mobile authentication"),
        default=True,
        help_text=_("Off: the portal and device APIs return error 1000, and the console hides its pages."),
    )

    transaction_signing = models.BooleanField(
        _("transaction signing"),
        default=True,
        help_text=_("Types can require a signature over the signing data of the portal. Off: such types require none."),
    )
    custom_authenticators = models.BooleanField(
        _("custom authenticators"),
        default=True,
        help_text=_("Apps can approve with their own authenticators. Off: types that need one use their fallback."),
    )
    geolocation = models.BooleanField(
        _("geolocation"),
        default=False,
        help_text=_(
            "Secure messages include the operating system, browser and location of the request if a source of "
            "locations is configured. Off: no message includes them."
        ),
    )

    class Meta:
        verbose_name = _("features")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


def validate_countries(codes: object) -> None:
    if not isinstance(codes, list):
        raise ValidationError(_("Must be a list of country codes."))
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - 15 ms of every start

    unknown = [str(code) for code in codes if code not in SUPPORTED_REGIONS]
    if unknown:
        raise ValidationError(_("Unknown country codes: %(codes)s."), params={"codes": ", ".join(unknown)})


class PushEnrollmentMode(models.TextChoices):
    SINGLE_DEVICE = "single_device", _("Single device")
    OVERRIDE_ALLOWED = "override_allowed", _("Override allowed")
    MULTIPLE_DEVICES = "multiple_devices", _("Multiple devices")


class GeneralConfiguration(CachedSingleton):
    """General settings of mobile authentication."""

    enrollment_enabled = models.BooleanField(
        _("enrolment enabled"), default=True, help_text=_("Users can enrol devices for push and OTP.")
    )
    unique_pgp_keys_per_enrollment = models.BooleanField(
        _("unique PGP keys per enrolment"),
        default=False,
        help_text=_("Generate a server key for every enrolment. Off is faster."),
    )
    push_enrollment_enabled = models.BooleanField(_("push enrolment enabled"), default=True)
    push_enrollment_mode = models.CharField(
        _("push enrolment mode"),
        max_length=20,
        choices=PushEnrollmentMode.choices,
        default=PushEnrollmentMode.SINGLE_DEVICE,
        help_text=_(
            "Override allowed and multiple devices can be a risk: anyone with the first factor can enrol a new device "
            "and use it as the second factor. With multiple devices, versions 2 and 3 of the API return error 4001."
        ),
    )
    push_authorization_enabled = models.BooleanField(
        _("push authorization enabled"), default=True, help_text=_("Send push messages to users.")
    )
    sms_authentication_enabled = models.BooleanField(
        _("SMS authentication enabled"), default=True, help_text=_("Send SMS with verification codes to users.")
    )
    sms_sender_id = models.CharField(
        _("SMS sender ID"),
        max_length=20,
        blank=True,
        help_text=_("Phone number, short code or alphanumeric sender for all types without a sender ID."),
    )
    callback_allow_list_enabled = models.BooleanField(
        _("callback allow list enabled"),
        default=False,
        help_text=_("Send callbacks only to the URLs under Callback endpoints."),
    )
    callback_on_expiry = models.BooleanField(
        _("call back on expiry"), default=False, help_text=_("Also send a callback when a transaction expires.")
    )

    lock_profile_on_fraud_report = models.BooleanField(
        _("lock profile on fraud report"),
        default=False,
        help_text=_(
            "After a fraud report, the user gets no transactions in that application until support staff unlock the "
            "user."
        ),
    )
    max_consecutive_code_failures = models.PositiveIntegerField(
        _("max consecutive code failures"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_(
            "Number of consecutive wrong codes, over all transactions, after which SMS and code to phone are locked "
            "for the user: 1 to 100."
        ),
    )
    code_lock_seconds = models.PositiveIntegerField(
        _("code lock (seconds)"),
        default=0,
        validators=[MaxValueValidator(MAX_LOCK_SECONDS)],
        help_text=_("Duration of this lock. 0: until support staff unlock the user."),
    )

    max_pending_transactions = models.PositiveIntegerField(
        _("max pending transactions"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_(
            "Maximum number of unanswered pushes per user: 1 to 1,000. Above the limit, the portal API returns error "
            "1429."
        ),
    )
    max_pushes_without_success = models.PositiveIntegerField(
        _("max pushes without success"),
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_(
            "Maximum number of pushes per user in 60 minutes since the last approval: 1 to 1,000. Protects against "
            "push fatigue."
        ),
    )
    push_cooldown_after_denial_seconds = models.PositiveIntegerField(
        _("cool-down after a denial (seconds)"),
        default=0,
        validators=[MaxValueValidator(86_400)],
        help_text=_("Time without pushes to a user after a denial: up to 86,400. 0: no cool-down."),
    )
    sms_allowed_countries = models.JSONField(
        _("allowed countries"),
        default=list,
        blank=True,
        validators=[validate_countries],
        help_text=_("Two-letter codes of the countries to which SMS are sent (NL, BE). Empty: all countries."),
    )
    sms_per_number_per_hour = models.PositiveIntegerField(
        _("text messages per number and hour"),
        default=5,
        validators=[MaxValueValidator(MAX_SMS_LIMIT)],
        help_text=_("Resends count. 0: no limit."),
    )
    sms_per_prefix_per_hour = models.PositiveIntegerField(
        _("text messages per prefix and hour"),
        default=0,
        validators=[MaxValueValidator(MAX_SMS_LIMIT)],
        help_text=_(
            "Limit for all numbers with the same first seven digits. Protects against SMS pumping. Resends count. 0: "
            "no limit."
        ),
    )
    sms_per_client_per_day = models.PositiveIntegerField(
        _("text messages per API client and day"),
        default=0,
        validators=[MaxValueValidator(MAX_SMS_LIMIT)],
        help_text=_("Limit per day in UTC. Resends count. 0: no limit."),
    )

    class Meta:
        verbose_name = _("general")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class ApnsProxy(CachedSingleton):
    """Outgoing proxy for APNs. The proxy of other services is configured in the environment."""

    enabled = models.BooleanField(
        _("enabled"), default=False, help_text=_("Send all pushes to Apple through this proxy.")
    )
    host = models.CharField(
        _("host"),
        max_length=255,
        blank=True,
        default="",
        validators=[
            RegexValidator(r"^([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])$", _("Enter a host name or an IP address."))
        ],
        help_text=_("Host name or IP address without http://. Write IPv6 addresses in square brackets."),
    )
    port = models.PositiveIntegerField(
        _("port"), default=8080, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    username = models.CharField(
        _("username"), max_length=255, blank=True, default="", help_text=_("Empty: the proxy requires no credentials.")
    )
    password = EncryptedTextField(_("password"), blank=True, default="")

    class Meta:
        verbose_name = _("proxy")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

    def clean(self) -> None:
        if self.enabled and not self.host:
            raise ValidationError({"host": _("A host is required if the proxy is enabled.")})
