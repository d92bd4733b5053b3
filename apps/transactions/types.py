"""What portals ask for by name: the methods, and the types that an administrator makes of them."""

from collections.abc import Collection, Hashable, Iterator
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.names import name_validator

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

# Who answers out of band has 10 minutes (NIST SP 800-63B-4, 3.1.3.2).
RECOMMENDED_LIFETIME_SECONDS = 600
LONG_LIFETIME_WARNING = _(
    "A life above 600 seconds is longer than NIST SP 800-63B-4 allows for out-of-band authentication: the longer a "
    "question waits, the longer it can be answered by mistake."
)


def validate_digits(digits: int) -> None:
    if digits and not 2 <= digits <= 6:
        raise ValidationError(_("Enter 0, or 2 to 6."))


class MobileAuthenticationType(models.Model):
    """What a portal asks for by name: a method, its life and its default texts."""

    name = models.CharField(_("name"), max_length=100, unique=True, validators=[name_validator])
    method = models.CharField(_("method"), max_length=40, choices=Method.choices, default=Method.PUSH)
    time_to_live = models.PositiveIntegerField(
        _("time to live (seconds)"),
        default=300,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text=_(
            "1 to 86,400. Above 600 seconds the transaction outlives what NIST SP 800-63B-4 allows for out-of-band "
            "authentication."
        ),
    )
    default_messages = models.JSONField(
        _("default messages"), default=dict, blank=True, help_text=_("By language; used when a request has no message.")
    )

    max_resends = models.PositiveIntegerField(
        _("max allowed resends"), default=0, help_text=_("How often the same message may be sent again; 0: never.")
    )
    max_attempts = models.PositiveIntegerField(
        _("max attempts"), default=3, help_text=_("Wrong codes until the transaction ends; 0: until it expires.")
    )
    sms_sender_id = models.CharField(
        _("SMS sender ID"),
        max_length=20,
        blank=True,
        help_text=_("A phone number, short code or alphanumeric sender; empty: the general sender ID."),
    )
    transaction_signing = models.BooleanField(
        _("transaction signing"),
        default=False,
        help_text=_("Approving needs a signature over the request's signing_data, made with the user's key."),
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
            "The portal shows a number of so many digits, and who approves has to enter it on the phone: nobody "
            "approves what they did not start. 0: no number; 2 to 6. Six digits meet NIST SP 800-63B-4, 3.1.3.1."
        ),
    )
    fallback = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="falls_back_from",
        verbose_name=_("fallback"),
        help_text=_("Used when this type cannot be initialised for the user."),
    )

    # Known beforehand where many types are judged at once, each of which would walk the same fallbacks (note_rings).
    has_fallback_cycle: bool | None = None

    class Meta:
        verbose_name = _("mobile authentication type")
        verbose_name_plural = _("mobile authentication types")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.transaction_signing and self.method == Method.SMS:
            raise ValidationError({"transaction_signing": _("A code from a text message signs nothing.")})
        if self.signing_data_required and not self.transaction_signing:
            raise ValidationError({"signing_data_required": _("Only types with transaction signing can require it.")})
        if self.number_matching_digits and self.method not in PUSH_METHODS:
            raise ValidationError({"number_matching_digits": _("Only push types can ask for a number.")})
        if not self.fallback:
            return
        if self.method not in PUSH_METHODS:
            raise ValidationError({"fallback": _("Only push types can have a fallback.")})
        if self.fallback.method == Method.OTP:
            raise ValidationError({"fallback": _("An OTP type cannot be a fallback.")})
        if self._is_in_fallback_cycle():
            raise ValidationError({"fallback": _("The fallbacks lead back to this type.")})

    def _is_in_fallback_cycle(self) -> bool:
        if self.has_fallback_cycle is not None or self.fallback is None:
            return bool(self.has_fallback_cycle)
        return self.identity in {step.identity for step in self.fallback.chain()}

    def chain(self) -> "list[MobileAuthenticationType]":
        """Return this type and its fallbacks in the order in which they are tried; each once, whatever is stored."""
        steps: dict[Hashable, MobileAuthenticationType] = {}
        step: MobileAuthenticationType | None = self
        while step is not None and step.identity not in steps:
            steps[step.identity] = step
            step = step.fallback
        return list(steps.values())

    @property
    def identity(self) -> Hashable:
        """What tells a type from others: its number, or while it has none (from a file), the very row."""
        return self.pk or ("new", id(self))


def field_warnings(mobile_type: MobileAuthenticationType) -> "Iterator[tuple[str, StrPromise]]":
    """Yield the fields that hold what is allowed and advised against, each with the reason."""
    if mobile_type.time_to_live > RECOMMENDED_LIFETIME_SECONDS:
        yield "time_to_live", LONG_LIFETIME_WARNING


def mark_fallback_cycles(types: Collection[MobileAuthenticationType]) -> None:
    """Note on each of these types whether its fallbacks lead back to it. Every fallback is followed once."""
    seen, in_cycles = set[Hashable](), set[Hashable]()
    for mobile_type in types:
        path: dict[Hashable, None] = {}
        step: MobileAuthenticationType | None = mobile_type
        while step is not None and step.identity not in seen:
            seen.add(step.identity)
            path[step.identity] = None
            step = step.fallback
        if step is not None and step.identity in path:
            steps = list(path)
            in_cycles.update(steps[steps.index(step.identity) :])
    for mobile_type in types:
        mobile_type.has_fallback_cycle = mobile_type.identity in in_cycles
