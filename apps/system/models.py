from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from phonenumbers import SUPPORTED_REGIONS
from solo.models import SingletonModel

from apps.common.encryption import EncryptedTextField

# Beyond these nobody means a limit; and a database may keep numbers with which no moment can be computed.
MAX_LOCK_SECONDS = 365 * 24 * 60 * 60
MAX_SMS_LIMIT = 1_000_000


class KeyCheck(models.Model):
    """The single row whose value decrypts only with the FIELD_ENCRYPTION_KEYS of this installation."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    value = EncryptedTextField()

    def __str__(self) -> str:
        return "key check value"


class Features(SingletonModel):
    """What this installation offers at all."""

    mobile_authentication = models.BooleanField(
        _("mobile authentication"),
        default=True,
        help_text=_("Off: the portal and device APIs answer 1000, and the console hides everything about it."),
    )

    transaction_signing = models.BooleanField(
        _("transaction signing"),
        default=True,
        help_text=_("Types can ask for a signature over the portal's data. Off: such types ask for none."),
    )
    custom_authenticators = models.BooleanField(
        _("custom authenticators"),
        default=True,
        help_text=_("Apps can approve with authenticators of their own. Off: types that need one use their fallback."),
    )
    geolocation = models.BooleanField(
        _("geolocation"),
        default=True,
        help_text=_(
            "Secure messages say from which machine, browser and place a request comes, once a source of locations is "
            "set. Off: they never do."
        ),
    )

    class Meta:
        verbose_name = _("features")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


def validate_countries(codes: object) -> None:
    if not isinstance(codes, list):
        raise ValidationError(_("Must be a list of country codes."))
    unknown = [str(code) for code in codes if code not in SUPPORTED_REGIONS]
    if unknown:
        raise ValidationError(_("These are no country codes: %(codes)s."), params={"codes": ", ".join(unknown)})


class PushEnrollmentMode(models.TextChoices):
    SINGLE_DEVICE = "single_device", _("Single device")
    OVERRIDE_ALLOWED = "override_allowed", _("Override allowed")
    MULTIPLE_DEVICES = "multiple_devices", _("Multiple devices")


class GeneralConfiguration(SingletonModel):
    """General switches of mobile authentication."""

    enrollment_enabled = models.BooleanField(
        _("enrolment enabled"), default=True, help_text=_("Users may enrol devices for push and OTP.")
    )
    unique_pgp_keys_per_enrollment = models.BooleanField(
        _("unique PGP keys per enrolment"),
        default=False,
        help_text=_("Make a server key for every enrolment. For better performance, leave this off."),
    )
    push_enrollment_enabled = models.BooleanField(_("push enrolment enabled"), default=True)
    push_enrollment_mode = models.CharField(
        _("push enrolment mode"),
        max_length=20,
        choices=PushEnrollmentMode.choices,
        default=PushEnrollmentMode.SINGLE_DEVICE,
        help_text=_(
            "Override allowed and multiple devices can be a risk: who knows the first factor can enrol a new device "
            "and use it as the second. With multiple devices, versions 2 and 3 of the API answer 4001."
        ),
    )
    push_authorization_enabled = models.BooleanField(
        _("push authorization enabled"), default=True, help_text=_("Push messages are sent to users.")
    )
    sms_authentication_enabled = models.BooleanField(
        _("SMS authentication enabled"), default=True, help_text=_("Text messages with codes are sent to users.")
    )
    sms_sender_id = models.CharField(
        _("SMS sender ID"),
        max_length=20,
        blank=True,
        help_text=_("A phone number, short code or alphanumeric sender for all types that have none of their own."),
    )
    callback_allow_list_enabled = models.BooleanField(
        _("callback allow list enabled"),
        default=False,
        help_text=_("Only the addresses under Callback endpoints may be called back."),
    )
    callback_on_expiry = models.BooleanField(
        _("call back on expiry"), default=False, help_text=_("Also call back when a transaction expires unanswered.")
    )

    lock_profile_on_fraud_report = models.BooleanField(
        _("lock profile on fraud report"),
        default=False,
        help_text=_(
            "A user who reports a fraud gets no more transactions in that application until support staff unlock the "
            "user."
        ),
    )
    max_consecutive_code_failures = models.PositiveIntegerField(
        _("max consecutive code failures"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_(
            "So many wrong codes of a user in a row, over all transactions, lock SMS for the user. At most 100."
        ),
    )
    code_lock_seconds = models.PositiveIntegerField(
        _("code lock (seconds)"),
        default=0,
        validators=[MaxValueValidator(MAX_LOCK_SECONDS)],
        help_text=_("How long SMS stays locked; 0: until support staff unlock the user."),
    )

    max_pending_transactions = models.PositiveIntegerField(
        _("max pending transactions"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("So many pushes of a user may wait for an answer at once: 1 to 1,000. Beyond, portals hear 1429."),
    )
    max_pushes_without_success = models.PositiveIntegerField(
        _("max pushes without success"),
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_(
            "So many pushes go to a user within 60 minutes, counted from the user's last approval: 1 to 1,000. Nobody "
            "can wear a user out until one is approved."
        ),
    )
    push_cooldown_after_denial_seconds = models.PositiveIntegerField(
        _("cool-down after a denial (seconds)"),
        default=0,
        validators=[MaxValueValidator(86_400)],
        help_text=_("After a user has refused, no push goes to that user for so long: up to 86,400; 0: none is held."),
    )
    sms_allowed_countries = models.JSONField(
        _("allowed countries"),
        default=list,
        blank=True,
        validators=[validate_countries],
        help_text=_("Two-letter codes of the countries to whose numbers text messages go (NL, BE). Empty: to all."),
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
            "To all numbers that begin with the same seven digits, as the number blocks of those who earn money with "
            "text messages do. Resends count. 0: no limit."
        ),
    )
    sms_per_client_per_day = models.PositiveIntegerField(
        _("text messages per API client and day"),
        default=0,
        validators=[MaxValueValidator(MAX_SMS_LIMIT)],
        help_text=_("By UTC. Resends count. 0: no limit."),
    )

    class Meta:
        verbose_name = _("general")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class ApnsProxy(SingletonModel):
    """The outgoing proxy for Apple's push service. Other services have theirs in the environment."""

    enabled = models.BooleanField(
        _("enabled"), default=False, help_text=_("Send pushes to Apple through this proxy, and never past it.")
    )
    host = models.CharField(
        _("host"),
        max_length=255,
        blank=True,
        default="",
        validators=[RegexValidator(r"^([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])$", _("Enter a host name or an address."))],
        help_text=_("A name or an address, without http://; an IPv6 address in square brackets."),
    )
    port = models.PositiveIntegerField(
        _("port"), default=8080, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    username = models.CharField(
        _("username"), max_length=255, blank=True, default="", help_text=_("Empty: the proxy asks for no credentials.")
    )
    password = EncryptedTextField(_("password"), blank=True, default="")

    class Meta:
        verbose_name = _("proxy")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

    def clean(self) -> None:
        if self.enabled and not self.host:
            raise ValidationError({"host": _("An enabled proxy needs a host.")})
