import uuid
from datetime import datetime
from typing import Any, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.applications.models import ApiClient
from apps.common.encryption import EncryptedTextField
from apps.enrollment.models import Profile
from apps.outbox import models as outbox
from apps.transactions.types import Method


class Status(models.TextChoices):
    PENDING = "pending", _("Pending")
    AUTHENTICATED = "authenticated", _("Authenticated")
    NOT_AUTHENTICATED = "not_authenticated", _("Not authenticated")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")


class Reason(models.TextChoices):
    """Why a transaction was not authenticated; the labels are the API's own texts."""

    FAILED_TO_SEND = "failed_to_send", _("Push message failed to be sent")
    INVALID_REQUEST = "invalid_request", _("Invalid push authentication request")
    NOT_ACCEPTED = "not_accepted", _("User rejected push")
    INVALID_ANSWER = "invalid_answer", _("Invalid push answer")


class TransactionQuerySet(models.QuerySet["Transaction"]):
    def pending(self, now: datetime) -> Self:
        """Return the transactions that can still be answered. This is the only place that says what pending means."""
        return self.filter(status=Status.PENDING, expires_at__gt=now)

    def overdue(self, now: datetime) -> Self:
        """Return the transactions whose lifetime is over but that were not expired yet."""
        return self.filter(status=Status.PENDING, expires_at__lte=now)


class Transaction(models.Model):
    """One request of a portal. Only `lifecycle` writes its status.

    What the device alone may read is encrypted; who was meant is copied, so that a device that goes leaves the history.
    """

    id = models.UUIDField(_("transaction"), primary_key=True, default=uuid.uuid4, editable=False)
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, verbose_name=_("API client"))
    type_name = models.CharField(_("type"), max_length=100)
    method = models.CharField(_("method"), max_length=40, choices=Method.choices)
    user_id = models.CharField(_("user"), max_length=255, blank=True)
    profile = models.ForeignKey(
        Profile, null=True, on_delete=models.SET_NULL, related_name="transactions", verbose_name=_("profile")
    )
    device_id = models.CharField(_("device"), max_length=64, blank=True)
    app_name = models.CharField(_("application"), max_length=100, blank=True)
    callback_uri = models.CharField(_("callback URL"), max_length=2000, blank=True)
    message = models.TextField(_("message"), blank=True)
    secure_message = EncryptedTextField(blank=True, default="")
    # Where the request came from has still to be asked; the answer goes into the secure message.
    awaits_context = models.BooleanField(default=False)
    # The challenge's token: whoever shows it has opened the sealed challenge.
    token = EncryptedTextField()
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.PENDING)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices, blank=True)
    created_at = models.DateTimeField(_("started"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    # What a code needs: only its hash judges; the copy serves resends and is cleared at the end.
    phone_number = EncryptedTextField(blank=True, default="")
    code = EncryptedTextField(blank=True, default="")
    code_hash = models.CharField(max_length=80, blank=True)
    sms_sender_id = models.CharField(max_length=20, blank=True)
    attempts_used = models.PositiveIntegerField(_("attempts"), default=0)
    max_attempts = models.PositiveIntegerField(default=0)
    resends_used = models.PositiveIntegerField(_("resends"), default=0)
    max_resends = models.PositiveIntegerField(default=0)
    # What the device signs, only ever told encrypted to it; empty when this transaction asks for no signature.
    signing_data = EncryptedTextField(blank=True, default="")
    signature = models.CharField(max_length=2000, blank=True, default="")
    user_public_key = models.TextField(blank=True, default="")
    signature_verified = models.BooleanField(null=True)
    fraud_reported = models.BooleanField(default=False)
    # What the portal shows and an approval has to carry; empty when this transaction asks for no number.
    verification_number = EncryptedTextField(blank=True, default="")
    # Of the answer that was judged: a byte-identical repeat gets the same answer again.
    answer_digest = models.CharField(max_length=64, blank=True)
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
            models.Index(fields=["-created_at"], name="txn_created"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def time_to_live_seconds(self) -> int:
        return round((self.expires_at - self.created_at).total_seconds())

    @property
    def event_fields(self) -> dict[str, Any]:
        """What an event says about the transaction that it belongs to."""
        return {"user_id": self.user_id, "app_name": self.app_name, **self.source}

    @property
    def source(self) -> dict[str, Any]:
        """Event members that identify the transaction, for events whose user and application come from a profile."""
        return {"client_id": self.client.client_id, "transaction_id": self.pk}

    @property
    def is_answered(self) -> bool:
        """Whether the user has answered: agreed, refused, or answered wrongly for good."""
        return self.status == Status.AUTHENTICATED or self.reason in (Reason.NOT_ACCEPTED, Reason.INVALID_ANSWER)

    def is_pending(self, now: datetime) -> bool:
        """Return True if the transaction can still be answered."""
        return self.current_status(now) == Status.PENDING

    def current_status(self, now: datetime) -> Status:
        """Return the status as it is at `now`: expired from the moment of expiry, whether or not a sweep has run."""
        if self.status == Status.PENDING and self.expires_at <= now:
            return Status.EXPIRED
        return Status(self.status)


class SmsUsage(models.Model):
    """How many text messages a client had sent to a country on a day (UTC), and how many codes of them came back."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, verbose_name=_("API client"))
    day = models.DateField(_("day (UTC)"))
    country = models.CharField(_("country"), max_length=3)
    sent = models.PositiveIntegerField(_("sent"), default=0)
    verified = models.PositiveIntegerField(_("verified"), default=0)

    class Meta:
        verbose_name = _("text messages of a day")
        verbose_name_plural = _("text messages by day")
        ordering = ["-day", "country"]
        constraints = [models.UniqueConstraint(fields=["day", "client", "country"], name="sms_usage_unique")]

    def __str__(self) -> str:
        return f"{self.day} {self.country}"


class CodeFailures(models.Model):
    """Wrong codes of a user in a row, over all transactions; a right one takes the row away."""

    user_id = models.CharField(_("user"), max_length=255, unique=True)
    count = models.PositiveIntegerField(default=0)
    locked_at = models.DateTimeField(_("locked since"), null=True)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.count}"


class RejectedAnswer(models.Model):
    """An answer that was judged wrong while the transaction went on, or that ended it by the PIN limit.

    A byte-identical repeat gets the same words again and costs nothing.
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
    """Request with an Idempotency-Key and its answer, stored in the database transaction that the request made."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
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
    """The push of a transaction, to be sent or sent."""

    transaction = models.ForeignKey(Transaction, on_delete=models.CASCADE, related_name="push_deliveries")
    # Whom it goes to: a user gets so many and no more.
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
    """A text message of a transaction, to be sent or sent. A resend is a row of its own."""

    transaction = models.ForeignKey(Transaction, on_delete=models.CASCADE, related_name="sms_deliveries")
    # Keyed hashes: a number gets so many and no more, and cannot be read here.
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
    """Where a request came from, to be asked of the geolocation service; a device that fetches first asks itself."""

    transaction = models.OneToOneField(Transaction, on_delete=models.CASCADE, related_name="context_lookup")
    # JSON, cleared once it is known: addresses are kept no longer than they are of use.
    origin = EncryptedTextField(blank=True, default="")

    class Meta:
        verbose_name = _("context look-up")
        verbose_name_plural = _("context look-ups")
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
