from datetime import datetime
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.applications.models import ApiClient
from apps.callbacks import kinds
from apps.common.encryption import EncryptedTextField
from apps.common.identifiers import time_ordered_id
from apps.enrollment.models import AuthenticatorType, Profile
from apps.events.facts import Actor, TransactionFacts
from apps.outbox import models as outbox
from apps.push.models import Platform
from apps.transactions.types import Method


class Status(models.TextChoices):
    PENDING = "pending", _("Pending")
    AUTHENTICATED = "authenticated", _("Authenticated")
    NOT_AUTHENTICATED = "not_authenticated", _("Not authenticated")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")


class Reason(models.TextChoices):
    """Reason of a transaction that was not authenticated. The labels are texts of the API."""

    FAILED_TO_SEND = "failed_to_send", _("Push message failed to be sent")
    INVALID_REQUEST = "invalid_request", _("Invalid push authentication request")
    NOT_ACCEPTED = "not_accepted", _("User rejected push")
    INVALID_ANSWER = "invalid_answer", _("Invalid push answer")


class TransactionQuerySet(models.QuerySet["Transaction"]):
    def pending(self, now: datetime) -> Self:
        """Return the transactions that can be answered. This is the only definition of pending."""
        return self.filter(status=Status.PENDING, expires_at__gt=now)

    def overdue(self, now: datetime) -> Self:
        """Return the pending transactions whose expiry time has passed."""
        return self.filter(status=Status.PENDING, expires_at__lte=now)


class Transaction(models.Model):
    """Authentication request of a portal. Only `lifecycle` writes its status.

    Contents for the device alone are encrypted. User, device and application are copied, so that they are kept if the
    profile is deleted.
    """

    id = models.UUIDField(_("transaction"), primary_key=True, default=time_ordered_id, editable=False)
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, verbose_name=_("API client"))
    type_name = models.CharField(_("type"), max_length=100)
    method = models.CharField(_("method"), max_length=40, choices=Method.choices)
    user_id = models.CharField(_("user"), max_length=255, blank=True)
    profile = models.ForeignKey(
        Profile, null=True, on_delete=models.SET_NULL, related_name="transactions", verbose_name=_("profile")
    )
    device_id = models.CharField(_("device ID"), max_length=64, blank=True)
    device_platform = models.CharField(
        _("device platform"), max_length=10, choices=Platform.choices, blank=True, default="", db_default=""
    )
    app_name = models.CharField(_("application"), max_length=100, blank=True)
    callback_uri = models.CharField(_("callback URL"), max_length=2000, blank=True)
    # Kind of the message that reports the end (apps.callbacks.kinds).
    callback_kind = models.CharField(max_length=40, default=kinds.PORTAL, db_default=kinds.PORTAL)
    message = models.TextField(_("message"), blank=True)
    secure_message = EncryptedTextField(blank=True, default="")
    # A context lookup is due and will extend the secure message.
    awaits_context = models.BooleanField(default=False)
    # Token of the challenge: an answer with this token proves that the sealed challenge was opened.
    token = EncryptedTextField()
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.PENDING)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices, blank=True)
    created_at = models.DateTimeField(_("started"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    # A code is verified with its hash. The encrypted copy is needed for resends and cleared when the transaction ends.
    phone_number = EncryptedTextField(blank=True, default="")
    code = EncryptedTextField(blank=True, default="")
    code_hash = models.CharField(max_length=80, blank=True)
    sms_sender_id = models.CharField(max_length=20, blank=True)
    attempts_used = models.PositiveIntegerField(_("attempts"), default=0)
    max_attempts = models.PositiveIntegerField(default=0)
    resends_used = models.PositiveIntegerField(_("resends"), default=0)
    max_resends = models.PositiveIntegerField(default=0)
    # Sent to the device in the sealed challenge only. Empty if the transaction requires no signature.
    signing_data = EncryptedTextField(blank=True, default="")
    signature = models.CharField(max_length=2000, blank=True, default="")
    user_public_key = models.TextField(blank=True, default="")
    signature_verified = models.BooleanField(null=True)
    # Authenticator that approved. Empty for a method without one.
    authenticator = models.CharField(
        _("authenticator"), max_length=20, choices=AuthenticatorType.choices, blank=True, default="", db_default=""
    )
    fraud_reported = models.BooleanField(default=False)
    # Shown by the portal and required in an approval. Empty without number matching.
    verification_number = EncryptedTextField(blank=True, default="")
    # The device shows the code, and the portal verifies it. The hash is stored when the device gets the code, so a code
    # that no device has got is never valid. `attempts_used` counts the credentials of the device.
    code_to_phone = models.BooleanField(_("code to phone"), default=False, db_default=False)
    code_attempts_used = models.PositiveIntegerField(_("attempts of the code"), default=0, db_default=0)
    # Digest of the last request that got the code: a byte-identical repeat is not counted.
    code_request_digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    # Digest of the answer that ended the transaction: a byte-identical repeat gets the same response.
    answer_digest = models.CharField(max_length=64, blank=True)
    # The last status that the portal has read.
    retrieved_status = models.CharField(max_length=20, choices=Status.choices, blank=True, default="")
    # Start of the fraud lock of the profile. Set only by queries that are annotated with it.
    profile_locked_at: datetime | None

    objects = TransactionQuerySet.as_manager()

    class Meta:
        verbose_name = _("transaction")
        verbose_name_plural = _("transactions")
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["profile", "created_at"], condition=models.Q(status="pending"), name="txn_pending_profile"
            ),
            models.Index(fields=["expires_at"], condition=models.Q(status="pending"), name="txn_pending_expiry"),
            models.Index(
                fields=["created_at"],
                condition=models.Q(status="pending", profile__isnull=True) & ~models.Q(device_id=""),
                name="txn_pending_no_profile",
            ),
            models.Index(fields=["user_id", "-created_at"], name="txn_user"),
            models.Index(fields=["user_id"], condition=models.Q(status="pending"), name="txn_pending_user"),
            models.Index(
                fields=["user_id", "-ended_at"], condition=models.Q(status="authenticated"), name="txn_approved_user"
            ),
            models.Index(
                fields=["user_id", "-ended_at"], condition=models.Q(reason="not_accepted"), name="txn_denied_user"
            ),
            # Lists of the console. PostgreSQL checks the other filters in the last columns of these three, without
            # reading rows. Pending and authenticated transactions are not in the second, so most logins do not change
            # it. All status changes write to all indexes in any case, because the conditions above contain the status.
            models.Index(fields=["-created_at", "status", "client", "type_name"], name="txn_created"),
            models.Index(
                fields=["status", "-created_at", "client", "type_name"],
                condition=models.Q(status__in=["not_authenticated", "expired", "cancelled"]),
                name="txn_unsuccessful",
            ),
            models.Index(fields=["type_name", "-created_at", "client"], name="txn_type"),
            models.Index(
                fields=["reason", "-created_at", "client", "type_name"],
                condition=models.Q(reason__in=Reason.values),
                name="txn_reason",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def time_to_live_seconds(self) -> int:
        return round((self.expires_at - self.created_at).total_seconds())

    @property
    def facts(self) -> TransactionFacts:
        """Facts of the transaction's events."""
        return TransactionFacts(
            user_id=self.user_id,
            app_name=self.app_name,
            client_id=self.client.client_id,
            transaction_id=self.pk,
        )

    @property
    def actor(self) -> Actor:
        """Cause of events whose user and application come from a profile."""
        return Actor(client_id=self.client.client_id, transaction_id=self.pk)

    @property
    def is_answered(self) -> bool:
        """Return True if the user approved or denied, or answers were rejected until the transaction ended."""
        return self.status == Status.AUTHENTICATED or self.reason in (Reason.NOT_ACCEPTED, Reason.INVALID_ANSWER)

    def is_pending(self, now: datetime) -> bool:
        """Return True if the transaction can be answered."""
        return self.current_status(now) == Status.PENDING

    def current_status(self, now: datetime) -> Status:
        """Return the status at `now`. It is expired from its expiry time on, even before the expiry sweep."""
        if self.status == Status.PENDING and self.expires_at <= now:
            return Status.EXPIRED
        return Status(self.status)


class SmsUsage(models.Model):
    """Numbers of text messages that a client sent to a country on a day (UTC), and of their verified codes."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, verbose_name=_("API client"))
    day = models.DateField(_("day (UTC)"))
    country = models.CharField(_("country"), max_length=3)
    sent = models.PositiveIntegerField(_("sent"), default=0)
    verified = models.PositiveIntegerField(_("verified"), default=0)

    class Meta:
        verbose_name = _("daily count of text messages")
        verbose_name_plural = _("daily counts of text messages")
        ordering = ["-day", "country"]
        constraints = [models.UniqueConstraint(fields=["day", "client", "country"], name="sms_usage_unique")]

    def __str__(self) -> str:
        return f"{self.day} {self.country}"


class CodeFailures(models.Model):
    """Consecutive wrong SMS codes of a user over all transactions. A valid code deletes the row."""

    user_id = models.CharField(_("user"), max_length=255, unique=True)
    count = models.PositiveIntegerField(default=0)
    locked_at = models.DateTimeField(_("locked since"), null=True)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.count}"


class RejectedAnswer(models.Model):
    """Rejected answer that left the transaction pending or ended it by the PIN limit.

    A byte-identical repeat gets the same response and is not counted.
    """

    transaction = models.ForeignKey(Transaction, on_delete=models.CASCADE, related_name="rejected_answers")
    digest = models.CharField(max_length=64)
    error = models.CharField(max_length=40)
    used_attempts = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["transaction", "digest"], name="rejected_answer_unique")]

    def __str__(self) -> str:
        return f"{self.transaction_id} {self.error}"


class IdempotentRequest(models.Model):
    """Request with an Idempotency-Key and its response, stored in the database transaction of the request."""

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE)
    key_hash = models.CharField(max_length=64)
    request_digest = models.CharField(max_length=80)
    response = EncryptedTextField(blank=True, default="")
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "key_hash"], name="idempotency_key_unique")]
        indexes = [models.Index(fields=["expires_at"], name="idempotency_expiry")]

    def __str__(self) -> str:
        return self.key_hash


class PushDelivery(outbox.Delivery):
    """Push of a transaction. A resend is a separate row."""

    transaction = models.ForeignKey(Transaction, on_delete=models.CASCADE, related_name="push_deliveries")
    # Copy of the user id, for the push limits.
    user_id = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        verbose_name = _("push")
        verbose_name_plural = _("pushes")
        indexes = [
            models.Index(fields=outbox.DUE_ORDER, condition=models.Q(state="due"), name="push_due"),
            models.Index(fields=["user_id", "created_at"], name="push_user"),
        ]

    def __str__(self) -> str:
        return str(self.transaction_id)


class SmsDelivery(outbox.Delivery):
    """SMS of a transaction. A resend is a separate row."""

    transaction = models.ForeignKey(Transaction, on_delete=models.CASCADE, related_name="sms_deliveries")
    # Keyed hashes for the SMS limits, which do not reveal the number.
    number_hash = models.CharField(max_length=80, blank=True, default="")
    prefix_hash = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        verbose_name = _("text message")
        verbose_name_plural = _("text messages")
        indexes = [
            models.Index(fields=outbox.DUE_ORDER, condition=models.Q(state="due"), name="sms_due"),
            models.Index(fields=["number_hash", "created_at"], name="sms_number"),
            models.Index(fields=["prefix_hash", "created_at"], name="sms_prefix"),
        ]

    def __str__(self) -> str:
        return str(self.transaction_id)


class ContextLookup(outbox.Delivery):
    """Lookup of the request context. A device that fetches the challenge first triggers the lookup itself."""

    transaction = models.OneToOneField(Transaction, on_delete=models.CASCADE, related_name="context_lookup")
    # JSON. Cleared after the lookup, so that IP addresses are not kept.
    origin = EncryptedTextField(blank=True, default="")

    class Meta:
        verbose_name = _("context lookup")
        verbose_name_plural = _("context lookups")
        indexes = [models.Index(fields=outbox.DUE_ORDER, condition=models.Q(state="due"), name="context_due")]

    def __str__(self) -> str:
        return str(self.transaction_id)


class ContextAttempt(outbox.Attempt):
    delivery = models.ForeignKey(ContextLookup, on_delete=models.CASCADE, related_name="attempts")


class SmsAttempt(outbox.Attempt):
    delivery = models.ForeignKey(SmsDelivery, on_delete=models.CASCADE, related_name="attempts")
    sender = models.CharField(_("sender"), max_length=20, blank=True)


class PushAttempt(outbox.Attempt):
    delivery = models.ForeignKey(PushDelivery, on_delete=models.CASCADE, related_name="attempts")
