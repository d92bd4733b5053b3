import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.applications.models import ApiClient
from apps.common.encryption import EncryptedTextField
from apps.common.names import name_validator
from apps.common.urls import validate_http_url
from apps.integrations.types import unsupported_reason
from apps.transactions.models import Transaction
from apps.transactions.types import MobileAuthenticationType

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

MAX_ACR_TYPES = 50
# Paths below the URL of a realm.
CALLBACK_PATH = "/protocol/openid-connect/ext/ciba/auth/callback"
KEY_SET_PATH = "/protocol/openid-connect/certs"


def validate_realm_url(url: str) -> None:
    validate_http_url(url)
    parts = urlsplit(url)
    if url.endswith("/") or parts.query or parts.fragment or parts.username is not None:
        raise ValidationError(
            _("Enter the URL without a slash at the end, query, fragment or user name: https://HOST/realms/REALM.")
        )


def validate_type_names(value: object) -> None:
    if not isinstance(value, list) or len(value) > MAX_ACR_TYPES:
        raise ValidationError(_("Enter a list of at most %(limit)d names.") % {"limit": MAX_ACR_TYPES})
    for name in value:
        name_validator(str(name))


class UserIdRule(models.TextChoices):
    """How the login hint becomes the user id."""

    UNCHANGED = "unchanged", _("Login hint")
    LOWER_CASE = "lower_case", _("Login hint in lower case")
    BEFORE_AT = "before_at", _("Login hint before the last @")


class KeycloakIntegration(models.Model):
    """Realm of Keycloak that delegates the authentication of its users (HTTP authentication channel of CIBA)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        _("name"),
        max_length=100,
        unique=True,
        validators=[name_validator],
        help_text=_("Part of the URL that Keycloak calls: /integrations/keycloak/NAME."),
    )
    realm_url = models.CharField(
        _("realm URL"),
        max_length=1800,
        validators=[validate_realm_url],
        help_text=_("URL of the realm as this server reaches it: https://HOST/realms/REALM."),
    )
    issuer = models.CharField(
        _("issuer"),
        max_length=1800,
        blank=True,
        default="",
        validators=[validate_realm_url],
        help_text=_("Issuer of the realm if it differs from the realm URL. Empty: the realm URL."),
    )
    api_client = models.ForeignKey(
        ApiClient,
        on_delete=models.PROTECT,
        related_name="keycloak_integrations",
        verbose_name=_("API client"),
        help_text=_(
            "Authentications are started in its name, with its IP allow list and limits. It needs the API “Mobile "
            "authentication”."
        ),
    )
    type = models.ForeignKey(
        MobileAuthenticationType,
        on_delete=models.PROTECT,
        related_name="keycloak_integrations",
        verbose_name=_("mobile authentication type"),
        help_text=_("A push type that the user approves on the device, without a number or a code."),
    )
    acr_types = models.JSONField(
        _("types for acr_values"),
        default=list,
        blank=True,
        validators=[validate_type_names],
        help_text=_("Types that acr_values can name. The first of them is used, otherwise the type above."),
    )
    user_id_rule = models.CharField(
        _("user id"), max_length=20, choices=UserIdRule.choices, default=UserIdRule.UNCHANGED
    )
    user_id_prefix = models.CharField(
        _("prefix"), max_length=100, blank=True, default="", help_text=_("Text before the user id.")
    )
    user_id_suffix = models.CharField(
        _("suffix"), max_length=100, blank=True, default="", help_text=_("Text after the user id.")
    )
    # Why the keys of the realm could not be fetched for a request, and since when. Cleared by the next verified token.
    key_set_error = models.CharField(
        _("error of the keys"), max_length=500, blank=True, default="", db_default="", editable=False
    )
    key_set_failed_at = models.DateTimeField(_("error of the keys since"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("Keycloak integration")
        verbose_name_plural = _("Keycloak integrations")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def callback_url(self) -> str:
        return f"{self.realm_url}{CALLBACK_PATH}"

    @property
    def key_set_url(self) -> str:
        return f"{self.realm_url}{KEY_SET_PATH}"

    @property
    def expected_issuer(self) -> str:
        return self.issuer or self.realm_url

    def clean(self) -> None:
        # The form reports a missing type itself.
        reason: StrPromise | None = unsupported_reason(self.type) if hasattr(self, "type") else None
        if reason:
            raise ValidationError({"type": reason})

    def record_key_set_error(self, reason: str) -> None:
        """Store why the keys of the realm cannot be fetched, with the time of the first failure; empty: clear it."""
        if reason == self.key_set_error:
            return
        since = (self.key_set_failed_at or timezone.now()) if reason else None
        rows = KeycloakIntegration.objects.filter(pk=self.pk)
        rows.update(key_set_error=reason[:500], key_set_failed_at=since)

    def user_id(self, login_hint: str) -> str:
        """Return the user id for a login hint."""
        hint = login_hint.lower() if self.user_id_rule == UserIdRule.LOWER_CASE else login_hint
        if self.user_id_rule == UserIdRule.BEFORE_AT and "@" in hint:
            hint = hint.rpartition("@")[0]
        return f"{self.user_id_prefix}{hint}{self.user_id_suffix}"

    def type_name(self, acr_values: Iterable[str]) -> str:
        """Return the name of the type for a request: the first value that this integration allows, or its type."""
        return next((value for value in acr_values if value in self.acr_types), self.type.name)


class KeycloakRequest(models.Model):
    """Request of Keycloak, and the bearer token with which its result is reported.

    The hash of the issuer and the id of the token (`jti`) is unique, so that a token starts one transaction. The token
    is erased when the result is delivered or given up. The row is purged with its transaction.
    """

    transaction = models.OneToOneField(
        Transaction, primary_key=True, on_delete=models.CASCADE, related_name="keycloak_request"
    )
    token_hash = models.CharField(max_length=64, unique=True)
    bearer = EncryptedTextField(blank=True, default="")
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("request of Keycloak")
        verbose_name_plural = _("requests of Keycloak")

    def __str__(self) -> str:
        return str(self.transaction_id)
