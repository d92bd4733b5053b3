"""What portals ask for by name: the methods, and the types that an administrator makes of them."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.names import name_validator


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

    class Meta:
        verbose_name = _("mobile authentication type")
        verbose_name_plural = _("mobile authentication types")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.transaction_signing and self.method == Method.SMS:
            raise ValidationError({"transaction_signing": _("A code from a text message signs nothing.")})
        if self.number_matching_digits and self.method not in PUSH_METHODS:
            raise ValidationError({"number_matching_digits": _("Only push types can ask for a number.")})
        if not self.fallback:
            return
        if self.method not in PUSH_METHODS:
            raise ValidationError({"fallback": _("Only push types can have a fallback.")})
        if self.fallback.method == Method.OTP:
            raise ValidationError({"fallback": _("An OTP type cannot be a fallback.")})
        # Compared as rows, not by number: those that a configuration file brings have none yet.
        if self in self.fallback.chain():
            raise ValidationError({"fallback": _("The fallbacks lead back to this type.")})

    def chain(self) -> "list[MobileAuthenticationType]":
        """Return this type and its fallbacks in the order in which they are tried; each once, whatever is stored."""
        steps: list[MobileAuthenticationType] = []
        step: MobileAuthenticationType | None = self
        while step is not None and step not in steps:
            steps.append(step)
            step = step.fallback
        return steps
