import uuid
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.callbacks import kinds
from apps.callbacks.signatures import MAX_ACTIVE_SECRETS
from apps.common.encryption import CannotDecrypt, EncryptedTextField
from apps.common.urls import validate_http_url
from apps.events.changes import redact_urls
from apps.outbox import models as outbox


class CallbackEndpoint(models.Model):
    """Callback URL that portals may use, with the credentials for it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    url = models.CharField(
        _("callback URL"),
        max_length=2000,
        unique=True,
        validators=[validate_http_url],
        help_text=_("Must match exactly the callback URL of the request."),
    )
    username = models.CharField(_("user name"), max_length=255, blank=True)
    password = EncryptedTextField(_("password"), blank=True, default="")
    # One per line, newest first.
    signing_secrets = EncryptedTextField(_("signing secrets"), blank=True, default="")

    class Meta:
        verbose_name = _("callback endpoint")
        verbose_name_plural = _("callback endpoints")
        ordering = ["url"]

    def __str__(self) -> str:
        return redact_urls(self.url)

    @property
    def active_signing_secrets(self) -> list[str]:
        return str(self.signing_secrets).splitlines()

    def add_signing_secret(self, secret: str) -> None:
        """Add an active secret and keep the previous one, unless the stored secrets cannot be decrypted."""
        try:
            active = self.active_signing_secrets
        except CannotDecrypt:
            active = []
        secrets = list(dict.fromkeys([secret, *active]))[:MAX_ACTIVE_SECRETS]
        if secrets != active:
            self.signing_secrets = "\n".join(secrets)

    def clean(self) -> None:
        if ":" in self.username:
            raise ValidationError({"username": _("A user name for Basic authentication cannot contain a colon.")})
        # The stored ciphertext shows that there is a password, so nothing is decrypted.
        if self.__dict__.get("password") and not self.username:
            raise ValidationError({"username": _("A password needs a user name.")})


class CallbackDelivery(outbox.Delivery):
    """Callback or message of another kind to send, or sent. All attempts have the same `webhook_id`."""

    kind = models.CharField(_("kind"), max_length=40, default=kinds.PORTAL, db_default=kinds.PORTAL)
    transaction_id = models.UUIDField(_("transaction"))
    user_id = models.CharField(_("user"), max_length=255, blank=True)
    client_id = models.CharField(_("client"), max_length=100, blank=True)
    url = models.CharField(_("callback URL"), max_length=2000)
    # Set on claimed rows if the kind gives up before 24 hours have passed.
    give_up_at: datetime | None = None

    class Meta:
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        indexes = [
            models.Index(fields=outbox.DUE_ORDER, condition=models.Q(state="due"), name="callback_due"),
            models.Index(fields=["transaction_id"], name="callback_transaction"),
            # Lists of the console. PostgreSQL checks combinations of filters in the last columns, without reading rows.
            models.Index(fields=["-created_at", "state", "url"], name="callback_created"),
            models.Index(fields=["-created_at", "url"], condition=models.Q(state="failed"), name="callback_failed"),
            models.Index(fields=["url", "-created_at", "state"], name="callback_url"),
            models.Index(
                fields=["-created_at", "url"],
                condition=models.Q(state__in=["due", "failed"]),
                name="callback_undelivered",
            ),
        ]

    def __str__(self) -> str:
        return redact_urls(self.url)

    @property
    def webhook_id(self) -> str:
        return f"msg_{self.pk.hex}"


class CallbackAttempt(outbox.Attempt):
    """Attempt of a callback. `error_kind` is set if no response was received (apps.callbacks.errors)."""

    error_kind = models.CharField(max_length=40, default="", blank=True)
    delivery = models.ForeignKey(CallbackDelivery, on_delete=models.CASCADE, related_name="attempts")


class FailingCallbackUrl(models.Model):
    """Callback URL whose last callbacks failed. The row is deleted by the first successful callback."""

    # Failures before the alert: the first attempt and two retries.
    ALERT_THRESHOLD = 3
    # Time without a callback after which the alert ends.
    ALERT_WINDOW = timedelta(days=7)

    url = models.CharField(_("callback URL"), max_length=2000, unique=True)
    # Of the last failure.
    kind = models.CharField(max_length=40, default=kinds.PORTAL, db_default=kinds.PORTAL)
    failures = models.PositiveIntegerField(_("failures in a row"))
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    # Of the last failure, as in CallbackAttempt.
    error_kind = models.CharField(max_length=40, default="", blank=True)
    status = models.PositiveIntegerField(_("HTTP status"), null=True)
    failing_since = models.DateTimeField(_("failing since"))
    last_failed_at = models.DateTimeField(_("last failure"))

    class Meta:
        verbose_name = _("failing callback URL")
        verbose_name_plural = _("failing callback URLs")
        ordering = ["failing_since"]
        indexes = [
            # Rows of the alert: the number is ALERT_THRESHOLD.
            models.Index(fields=["-last_failed_at"], condition=models.Q(failures__gte=3), name="failing_url_alert"),
        ]

    def __str__(self) -> str:
        return redact_urls(self.url)
