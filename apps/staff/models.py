"""Second factors of staff accounts."""

import base64
import secrets
import time

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import hotp

from apps.common import codes
from apps.common.encryption import EncryptedTextField

# The lifetime of a code (RFC 6238, 5.2), and the wait after a wrong code, which doubles with each further one.
STEP_SECONDS = 30
THROTTLE_SECONDS = 1
RECOVERY_PURPOSE = "recovery code"


def random_key() -> int:
    """Return a random primary key. An encrypted field needs the key before the row is saved."""
    return secrets.randbits(62)


class AuthenticatorApp(TimestampMixin, ThrottlingMixin, Device):
    """Authenticator app (TOTP, RFC 6238) of a staff account.

    It is active when it is `confirmed` by a code. The model of django-otp would store the secret in plain text.
    """

    id = models.BigIntegerField(primary_key=True, default=random_key)  # type: ignore[var-annotated]
    secret = EncryptedTextField(help_text="Base32, the format of authenticator apps.")
    last_step = models.BigIntegerField(default=-1)  # type: ignore[var-annotated]

    class Meta:
        verbose_name = _("authenticator app")

    def get_throttle_factor(self) -> int:
        return THROTTLE_SECONDS

    def verify_token(self, token: str) -> bool:
        """Return True if the code is that of the current, previous or next step. Each code can be used once."""
        if not self.verify_is_allowed()[0]:
            return False
        key, now = base64.b32decode(self.secret), int(time.time()) // STEP_SECONDS
        steps = [
            step for step in (now - 1, now, now + 1) if codes.constant_time_compare(token, f"{hotp(key, step):06d}")
        ]
        fresh = [step for step in steps if step > self.last_step]
        if not fresh:
            self.throttle_increment()
            return False
        self.last_step = max(fresh)
        self.throttle_reset(commit=False)
        self.set_last_used_timestamp(commit=False)
        self.save()
        return True


class RecoveryCodes(TimestampMixin, ThrottlingMixin, Device):
    """Recovery codes of a staff account, for single use. Only keyed hashes are stored."""

    class Meta:
        verbose_name = _("recovery codes")

    def get_throttle_factor(self) -> int:
        return THROTTLE_SECONDS

    def verify_token(self, token: str) -> bool:
        if not self.verify_is_allowed()[0]:
            return False
        plain = token.strip().lower().replace("-", "").replace(" ", "")
        used, _tables = self.codes.filter(code_hash__in=codes.hash_candidates(plain, RECOVERY_PURPOSE)).delete()
        if not used:
            self.throttle_increment()
            return False
        self.throttle_reset(commit=False)
        self.set_last_used_timestamp(commit=False)
        self.save()
        return True


class RecoveryCode(models.Model):
    codes = models.ForeignKey(RecoveryCodes, on_delete=models.CASCADE, related_name="codes")
    code_hash = models.CharField(max_length=80)

    class Meta:
        verbose_name = _("recovery code")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)
