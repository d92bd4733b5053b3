"""Authentication methods, and the mobile authentication types that administrators configure."""

from collections.abc import Collection, Hashable, Iterator
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.names import name_validator
from apps.push.models import Platform

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class Method(models.TextChoices):
    PUSH = "push", _("Push")
    PUSH_WITH_PIN = "push_with_pin", _("Push with PIN")
    PUSH_WITH_FINGERPRINT = "push_with_fingerprint", _("Push with fingerprint")
    PUSH_WITH_CUSTOM_AUTHENTICATOR = "push_with_custom_authenticator", _("Push with custom authenticator")
    OTP = "otp", _("OTP")
    SMS = "sms", _("SMS")


PUSH_METHODS = {
    Method.PUSH,
    Method.PUSH_WITH_PIN,
    Method.PUSH_WITH_FINGERPRINT,
    Method.PUSH_WITH_CUSTOM_AUTHENTICATOR,
}

# Out-of-band authentication must be completed within 10 minutes (NIST SP 800-63B-4, 3.1.3.2).
RECOMMENDED_LIFETIME_SECONDS = 600
LONG_LIFETIME_WARNING = _(
    "A lifetime above 600 seconds is longer than NIST SP 800-63B-4 allows for out-of-band authentication. A long "
    "lifetime makes approvals by mistake more likely."
)


def validate_digits(digits: int) -> None:
    if digits and not 2 <= digits <= 6:
        raise ValidationError(_("Enter 0, or 2 to 6."))


def all_platforms() -> list[str]:
    return [str(platform) for platform in Platform.values]


def validate_platforms(value: object) -> None:
    if not isinstance(value, list) or not value or not set(map(str, value)) <= set(Platform.values):
        raise ValidationError(_("Choose at least one of: %(platforms)s.") % {"platforms": ", ".join(Platform.values)})


class MobileAuthenticationType(models.Model):
    """Mobile authentication type: a named configuration of a method, with its lifetime and default messages."""

    name = models.CharField(_("name"), max_length=100, unique=True, validators=[name_validator])
    method = models.CharField(_("method"), max_length=40, choices=Method.choices, default=Method.PUSH)
    time_to_live = models.PositiveIntegerField(
        _("time to live (seconds)"),
        default=300,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text=_("1 to 86,400. NIST SP 800-63B-4 allows at most 600 seconds for out-of-band authentication."),
    )
    default_messages = models.JSONField(
        _("default messages"), default=dict, blank=True, help_text=_("By language. Used if a request has no message.")
    )

    max_resends = models.PositiveIntegerField(
        _("max allowed resends"), default=0, help_text=_("Maximum number of resends of a message. 0: no resends.")
    )
    max_attempts = models.PositiveIntegerField(
        _("max attempts"), default=3, help_text=_("Number of wrong codes that end the transaction. 0: no limit.")
    )
    sms_sender_id = models.CharField(
        _("SMS sender ID"),
        max_length=20,
        blank=True,
        help_text=_("Phone number, short code or alphanumeric sender. Empty: the general sender ID."),
    )
    transaction_signing = models.BooleanField(
        _("transaction signing"),
        default=False,
        help_text=_("An approval requires a signature over the signing_data of the request with the key of the user."),
    )
    signing_data_required = models.BooleanField(
        _("signing data required"),
        default=False,
        help_text=_("Requests without signing_data are rejected. If off, the user approves them without a signature."),
    )
    number_matching_digits = models.PositiveSmallIntegerField(
        _("number matching (digits)"),
        default=0,
        validators=[validate_digits],
        help_text=_(
            "The portal shows a number with this many digits. The user must enter it on the device to approve. "
            "0: no number; otherwise 2 to 6. Six digits comply with NIST SP 800-63B-4, 3.1.3.1."
        ),
    )
    code_to_phone = models.BooleanField(
        _("code to phone"),
        default=False,
        db_default=False,
        help_text=_(
            "The device shows a code of six digits, and the user enters it in the portal. The user cannot approve on "
            "the device."
        ),
    )
    allowed_platforms = models.JSONField(
        _("allowed platforms"),
        default=all_platforms,
        db_default=["android", "ios", "web"],
        validators=[validate_platforms],
        help_text=_("Devices of other platforms cannot be used with this type, so the fallback is used for them."),
    )
    fallback = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="falls_back_from",
        verbose_name=_("fallback"),
        help_text=_("Used if this type cannot be initialised for the user."),
    )

    # Set by mark_fallback_cycles, so that the validation of many types follows each fallback only once.
    has_fallback_cycle: bool | None = None

    class Meta:
        verbose_name = _("mobile authentication type")
        verbose_name_plural = _("mobile authentication types")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self._validate_settings()
        self._validate_fallback()

    def _validate_settings(self) -> None:
        if self.transaction_signing and self.method == Method.SMS:
            raise ValidationError({"transaction_signing": _("SMS types cannot sign transactions.")})
        if self.signing_data_required and not self.transaction_signing:
            raise ValidationError({"signing_data_required": _("Only types with transaction signing can require it.")})
        if self.number_matching_digits and self.method not in PUSH_METHODS:
            raise ValidationError({"number_matching_digits": _("Only push types can use number matching.")})
        self._validate_code_to_phone()
        if self.method == Method.SMS and set(self.allowed_platforms) != set(all_platforms()):
            raise ValidationError({"allowed_platforms": _("SMS types have no platforms.")})

    def _validate_code_to_phone(self) -> None:
        """Check that the type requires nothing of an approval on the device, which code to phone excludes."""
        if not self.code_to_phone:
            return
        if self.method not in PUSH_METHODS:
            raise ValidationError({"code_to_phone": _("Only push types can use code to phone.")})
        if self.number_matching_digits:
            raise ValidationError({"code_to_phone": _("A type with code to phone cannot use number matching.")})
        if self.transaction_signing:
            raise ValidationError({"code_to_phone": _("A type with code to phone cannot sign transactions.")})

    def _validate_fallback(self) -> None:
        if not self.fallback:
            return
        if self.method not in PUSH_METHODS:
            raise ValidationError({"fallback": _("Only push types can have a fallback.")})
        if self.fallback.method == Method.OTP:
            raise ValidationError({"fallback": _("An OTP type cannot be a fallback.")})
        if self._is_in_fallback_cycle():
            raise ValidationError({"fallback": _("The fallbacks form a cycle.")})

    def _is_in_fallback_cycle(self) -> bool:
        if self.has_fallback_cycle is not None or self.fallback is None:
            return bool(self.has_fallback_cycle)
        return self.identity in {step.identity for step in self.fallback.fallback_chain()}

    def allows(self, platform: str) -> bool:
        """Return True if devices of the platform can be used with this type."""
        return platform in self.allowed_platforms

    def fallback_chain(self) -> "list[MobileAuthenticationType]":
        """Return this type and its fallbacks in the order in which they are tried. A stored cycle is cut."""
        steps: dict[Hashable, MobileAuthenticationType] = {}
        step: MobileAuthenticationType | None = self
        while step is not None and step.identity not in steps:
            steps[step.identity] = step
            step = step.fallback
        return list(steps.values())

    @property
    def identity(self) -> Hashable:
        """Identity of the type: its primary key, or the object itself if it is not stored yet."""
        return self.pk or ("new", id(self))


def field_warnings(mobile_type: MobileAuthenticationType) -> "Iterator[tuple[str, StrPromise]]":
    """Yield the fields whose values are allowed but not recommended, each with the reason."""
    if mobile_type.time_to_live > RECOMMENDED_LIFETIME_SECONDS:
        yield "time_to_live", LONG_LIFETIME_WARNING


def mark_fallback_cycles(types: Collection[MobileAuthenticationType]) -> None:
    """Set `has_fallback_cycle` of each of these types. Every fallback is followed once."""
    visited, in_cycles = set[Hashable](), set[Hashable]()
    for mobile_type in types:
        path: dict[Hashable, None] = {}
        step: MobileAuthenticationType | None = mobile_type
        while step is not None and step.identity not in visited:
            visited.add(step.identity)
            path[step.identity] = None
            step = step.fallback
        if step is not None and step.identity in path:
            steps = list(path)
            in_cycles.update(steps[steps.index(step.identity) :])
    for mobile_type in types:
        mobile_type.has_fallback_cycle = mobile_type.identity in in_cycles
