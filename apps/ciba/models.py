import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.applications.models import ApiClient
from apps.common.encryption import EncryptedTextField
from apps.common.identifiers import time_ordered_id
from apps.common.urls import validate_http_url
from apps.transactions.models import Transaction
from apps.transactions.types import PUSH_METHODS, MobileAuthenticationType

MAX_DETAILS_TYPES = 50
MAX_DETAILS_TYPE_CHARACTERS = 100


class DeliveryMode(models.TextChoices):
    """How a client gets the tokens. The values are those of `backchannel_token_delivery_mode` (CIBA Core 1.0, 4)."""

    POLL = "poll", _("Poll")
    PING = "ping", _("Ping")
    PUSH = "push", _("Push")


class AuthenticationMethod(models.TextChoices):
    """How a client authenticates. The values are those of `token_endpoint_auth_method` (OpenID Connect Core 1.0, 9)."""

    SECRET_BASIC = "client_secret_basic", _("Client secret, Basic")
    SECRET_POST = "client_secret_post", _("Client secret, form")
    PRIVATE_KEY_JWT = "private_key_jwt", _("Private key, signed JWT")


def default_methods() -> list[str]:
    return [str(AuthenticationMethod.SECRET_BASIC), str(AuthenticationMethod.SECRET_POST)]


def validate_methods(value: object) -> None:
    if not isinstance(value, list) or not value or not set(map(str, value)) <= set(AuthenticationMethod.values):
        names = ", ".join(AuthenticationMethod.values)
        raise ValidationError(_("Choose at least one of: %(methods)s.") % {"methods": names})


def validate_details_types(value: object) -> None:
    if not isinstance(value, list) or len(value) > MAX_DETAILS_TYPES:
        raise ValidationError(_("Enter a list of at most %(limit)d names.") % {"limit": MAX_DETAILS_TYPES})
    for name in value:
        if not isinstance(name, str) or not 0 < len(name) <= MAX_DETAILS_TYPE_CHARACTERS or not name.isprintable():
            raise ValidationError(_("Enter names of 1 to 100 printable characters."))


def validate_service_url(url: str) -> None:
    """Require https for a URL of a client, except where private addresses are allowed."""
    validate_http_url(url)
    if not url.startswith("https://") and not settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES:
        raise ValidationError(_("The URL must begin with https://."))


def validate_type(mobile_type: MobileAuthenticationType) -> None:
    """Require a type that the user approves on the device. The client has no place where a code can be entered."""
    if mobile_type.method not in PUSH_METHODS or mobile_type.code_to_phone:
        text = _(
            "“%(type)s” cannot be used: the user must be able to approve on the device, so it must be a push type."
        )
        raise ValidationError(text % {"type": mobile_type})


class CibaClient(models.Model):
    """Settings of an API client for OpenID Connect CIBA. Required for the API `ciba`."""

    client = models.OneToOneField(
        ApiClient, on_delete=models.CASCADE, related_name="ciba", verbose_name=_("API client")
    )
    delivery_mode = models.CharField(
        _("delivery mode"), max_length=10, choices=DeliveryMode.choices, default=DeliveryMode.POLL
    )
    notification_endpoint = models.CharField(
        _("notification endpoint"),
        max_length=2000,
        blank=True,
        default="",
        validators=[validate_service_url],
        help_text=_("URL of the client to which pings and pushes are sent, as callbacks are sent to portals."),
    )
    authentication_methods = models.JSONField(
        _("client authentication"),
        default=default_methods,
        validators=[validate_methods],
        help_text=_("Methods that this client may use. A signed JWT needs the public keys of the client."),
    )
    # A JWK Set of public keys, or its URL. Both empty: the client has no keys.
    jwks = models.JSONField(
        _("keys"),
        default=dict,
        blank=True,
        help_text=_(
            "Public keys as a JWK Set. They verify what the client signs: its authentication and its requests."
        ),
    )
    jwks_uri = models.CharField(
        _("URL of the keys"),
        max_length=2000,
        blank=True,
        default="",
        validators=[validate_service_url],
        help_text=_(
            "URL of the JWK Set, instead of the keys. The client can then replace its keys without a change here."
        ),
    )
    types: "models.ManyToManyField[MobileAuthenticationType, AllowedType]" = models.ManyToManyField(
        MobileAuthenticationType,
        through="AllowedType",
        blank=True,
        related_name="ciba_clients",
        verbose_name=_("mobile authentication types"),
        help_text=_("Types that the client may choose with acr_values. Only push types without code to phone."),
    )
    default_type = models.ForeignKey(
        MobileAuthenticationType,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="default_of_ciba_clients",
        verbose_name=_("default type"),
        help_text=_("Used for requests without acr_values."),
    )
    authorization_details_types = models.JSONField(
        _("types of authorization_details"),
        default=list,
        blank=True,
        validators=[validate_details_types],
        help_text=_("Values of the member type that the client may send in authorization_details."),
    )

    class Meta:
        verbose_name = _("CIBA client")
        verbose_name_plural = _("CIBA clients")

    def __str__(self) -> str:
        return str(self.client)

    def clean(self) -> None:
        """Validate rules that concern several fields. Raises ValidationError with the errors of each field."""
        errors: dict[str, Any] = {}
        if self.delivery_mode != DeliveryMode.POLL and not self.notification_endpoint:
            errors["notification_endpoint"] = _("Required for ping and push.")
        elif self.delivery_mode == DeliveryMode.POLL and self.notification_endpoint:
            errors["notification_endpoint"] = _("A client that polls gets no notifications. Leave this field empty.")
        if self.jwks and self.jwks_uri:
            errors["jwks_uri"] = _("Enter the keys or their URL, not both.")
        elif AuthenticationMethod.PRIVATE_KEY_JWT in self.authentication_methods and not (self.jwks or self.jwks_uri):
            errors["jwks"] = _("A client that authenticates with a signed JWT needs its public keys, or their URL.")
        if self.default_type:
            try:
                validate_type(self.default_type)
            except ValidationError as error:
                errors["default_type"] = error
        if errors:
            raise ValidationError(errors)


class AllowedType(models.Model):
    """Mobile authentication type that a client may use. A type in use cannot be deleted."""

    ciba_client = models.ForeignKey(CibaClient, on_delete=models.CASCADE, related_name="allowed_types")
    mobile_type = models.ForeignKey(MobileAuthenticationType, on_delete=models.PROTECT)

    class Meta:
        verbose_name = _("type of a CIBA client")
        verbose_name_plural = _("types of CIBA clients")
        constraints = [models.UniqueConstraint(fields=["ciba_client", "mobile_type"], name="ciba_type_unique")]

    def __str__(self) -> str:
        return f"{self.ciba_client}: {self.mobile_type}"


class SigningKey(models.Model):
    """Key of the issuer, which signs ID tokens and access tokens.

    It is published from its creation, signs from `activated_at` until the next key is active, and is published until
    `retired_at`. The public key is kept after that, to verify ID tokens that clients send as hints.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kid = models.CharField(_("key ID"), max_length=64, unique=True)
    # JWK (RFC 7517). The private one is empty when the key is retired.
    private_key = EncryptedTextField(blank=True, default="")
    public_key = models.JSONField(_("public key"))
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    activated_at = models.DateTimeField(_("active from"))
    retired_at = models.DateTimeField(_("published until"), null=True)

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        ordering = ["-activated_at"]

    def __str__(self) -> str:
        return self.kid


class AuthenticationRequest(models.Model):
    """Authentication request of a client (`auth_req_id`) and its transaction, with which it is purged."""

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    auth_req_id_hash = models.CharField(max_length=80, unique=True)
    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="ciba_requests")
    transaction = models.OneToOneField(Transaction, on_delete=models.CASCADE, related_name="ciba_request")
    scope = models.CharField(max_length=200)
    delivery_mode = models.CharField(max_length=10, choices=DeliveryMode.choices)
    # For notifications: cleared when the last one was delivered, or when no more will be sent. Empty in poll mode.
    auth_req_id = EncryptedTextField(blank=True, default="")
    notification_token = EncryptedTextField(blank=True, default="")
    # The value of the client, as JSON. Empty without authorization_details.
    authorization_details = EncryptedTextField(blank=True, default="")
    # Seconds that the client must wait between two token requests. Each early request adds 5 (CIBA Core 1.0, 11).
    interval = models.PositiveIntegerField(default=5)
    last_polled_at = models.DateTimeField(null=True)
    # Tokens are issued once: by the update that sets this time.
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("CIBA request")
        verbose_name_plural = _("CIBA requests")

    def __str__(self) -> str:
        return str(self.transaction_id)


class UsedAssertion(models.Model):
    """Signed JWT of a client (RFC 7523) or request object that was used. A repeated one is rejected."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE)
    jti_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "jti_hash"], name="ciba_assertion_unique")]
        indexes = [models.Index(fields=["expires_at"], name="ciba_assertion_expiry")]

    def __str__(self) -> str:
        return self.jti_hash
