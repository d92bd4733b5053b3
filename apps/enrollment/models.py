import uuid
from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.applications.models import Application, ApplicationVersion
from apps.common import codes
from apps.common.encryption import EncryptedTextField
from apps.common.prefixes import PrefixKey
from apps.events.facts import DeviceFacts

ENROLLMENT_CODE_LIFETIME = timedelta(minutes=10)
MAX_USER_ID_CHARACTERS = 255


class KeyKind(models.TextChoices):
    """Kind of the keys of a profile, which its device chooses at the enrolment. The server's key has the same kind."""

    JOSE = "jose", "JOSE (P-256)"
    OPENPGP = "openpgp", "OpenPGP"


class ServerKey(models.Model):
    """Key of the server, used to sign messages to devices and to decrypt their messages.

    One key of each kind is shared by all new enrolments, unless each enrolment gets its own key.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=KeyKind.choices, db_default=KeyKind.OPENPGP)
    secret_key = EncryptedTextField()
    public_key = models.TextField()
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("server key")
        verbose_name_plural = _("server keys")
        constraints = [
            models.UniqueConstraint(fields=["kind"], condition=models.Q(shared=True), name="server_key_one_shared")
        ]

    def __str__(self) -> str:
        return str(self.pk)


def enrollment_code_expiry() -> datetime:
    return timezone.now() + ENROLLMENT_CODE_LIFETIME


class EnrollmentCode(models.Model):
    """Single-use code for the enrolment of a user's device. Only its hash is stored."""

    code_hash = models.CharField(max_length=80, unique=True)
    user_id = models.CharField(max_length=MAX_USER_ID_CHARACTERS)
    application = models.ForeignKey(Application, on_delete=models.CASCADE)
    expires_at = models.DateTimeField(default=enrollment_code_expiry)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user_id} {self.application_id}"


class Device(models.Model):
    """One installation of an application. It is deleted with its last profile."""

    device_id = models.CharField(_("device ID"), max_length=64, unique=True, default=codes.device_id)
    token_hash = models.CharField(max_length=80, unique=True)
    version = models.ForeignKey(ApplicationVersion, on_delete=models.PROTECT, verbose_name=_("version"))
    name = models.CharField(_("name"), max_length=100)
    model = models.CharField(_("model"), max_length=100, blank=True)
    os_version = models.CharField(_("OS version"), max_length=50, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    last_login_at = models.DateTimeField(_("last login"), default=timezone.now)

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        indexes = [models.Index(PrefixKey("name"), "id", name="device_name_prefix")]

    def __str__(self) -> str:
        return self.name


class Profile(models.Model):
    """One user on one device, with the keys for sealed messages.

    Revoking mobile authentication deletes the keys but not the row: the device can enrol the user again with the same
    profile id.
    """

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="profiles", verbose_name=_("device"))
    profile_id = models.CharField(_("profile ID"), max_length=6, default=codes.profile_id)
    user_id = models.CharField(_("user"), max_length=MAX_USER_ID_CHARACTERS)
    # These three are empty while the profile has no keys.
    public_key = models.TextField(blank=True)
    fingerprint = models.CharField(_("key fingerprint"), max_length=64, blank=True)
    server_key = models.ForeignKey(ServerKey, null=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField(pgettext_lazy("time of enrolment", "enrolled"), default=timezone.now)
    # Consecutive invalid PIN tokens, across all transactions.
    wrong_pins = models.PositiveIntegerField(_("wrong PINs"), default=0)
    # Push types can reach this browser without a push token. Only `pulling` and revocations change it.
    can_pull = models.BooleanField(_("requests without push"), default=False, db_default=False)
    # Start of the fraud lock, or None. Set only on rows of `fraud_locks.annotate`.
    locked_at: datetime | None
    # Set only on rows of `pulling.annotate_others`.
    others_are_reachable: bool

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        indexes = [
            models.Index(fields=["user_id"], name="profile_user"),
            models.Index(PrefixKey("user_id"), "id", name="profile_user_prefix"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["device", "profile_id"], name="profile_id_unique_on_device"),
            models.UniqueConstraint(fields=["device", "user_id"], name="profile_one_per_user_on_device"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} ({self.profile_id})"

    @property
    def facts(self) -> DeviceFacts:
        """Facts of the profile's events."""
        return DeviceFacts(
            user_id=self.user_id,
            app_name=self.device.version.application.name,
            device_id=self.device.device_id,
        )

    @property
    def is_locked(self) -> bool:
        """Return True if the profile cannot approve transactions until support staff unlock it."""
        return self.locked_at is not None

    @property
    def has_keys(self) -> bool:
        return self.server_key_id is not None

    @property
    def key_kind(self) -> KeyKind | None:
        """Return the kind of the keys, or None if they were removed."""
        return KeyKind(self.server_key.kind) if self.server_key else None


class FraudLock(models.Model):
    """Lock of a user in an application after a fraud report. Only support staff can remove it.

    It has no relation to a device or profile, so that deleting a device or enrolling again does not end it.
    """

    user_id = models.CharField(_("user"), max_length=MAX_USER_ID_CHARACTERS)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, verbose_name=_("application"))
    locked_at = models.DateTimeField(_("locked since"), default=timezone.now)

    class Meta:
        verbose_name = _("fraud lock")
        verbose_name_plural = _("fraud locks")
        constraints = [models.UniqueConstraint(fields=["user_id", "application"], name="fraud_lock_unique")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.application_id}"


class PushEnrollment(models.Model):
    """Push token of a profile. The row is deleted if the provider reports an invalid push token; the profile stays."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    profile = models.OneToOneField(Profile, on_delete=models.CASCADE, related_name="push_enrollment")
    token = EncryptedTextField()
    token_hash = models.CharField(max_length=80)
    enrolled_at = models.DateTimeField(_("enrolled for push"), default=timezone.now)

    class Meta:
        verbose_name = _("push enrolment")
        verbose_name_plural = _("push enrolments")
        indexes = [models.Index(fields=["token_hash"], name="push_enrollment_token")]

    def __str__(self) -> str:
        return str(self.profile)


class AuthenticatorType(models.TextChoices):
    PIN = "pin", _("PIN")
    FINGERPRINT = "fingerprint", _("Fingerprint")
    CUSTOM = "custom", _("Custom authenticator")


class Authenticator(models.Model):
    """Registered authenticator of a profile. The device stores the token, the server stores its keyed hash."""

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="authenticators")
    type = models.CharField(_("type"), max_length=20, choices=AuthenticatorType.choices)
    # Name in the application's list of custom authenticators. Empty for PIN and fingerprint.
    authenticator_id = models.CharField(_("authenticator ID"), max_length=100, blank=True, default="")
    token_hash = models.CharField(max_length=80)
    registered_at = models.DateTimeField(_("registered"), default=timezone.now)

    class Meta:
        verbose_name = _("authenticator")
        verbose_name_plural = _("authenticators")
        constraints = [
            models.UniqueConstraint(fields=["profile", "type", "authenticator_id"], name="authenticator_unique")
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.authenticator_id}".strip()


class UsedNonce(models.Model):
    """Nonce that a profile has used. A repeated message with it is rejected."""

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE)
    nonce_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["profile", "nonce_hash"], name="nonce_unique")]
        indexes = [models.Index(fields=["expires_at"], name="nonce_expiry")]

    def __str__(self) -> str:
        return self.nonce_hash
