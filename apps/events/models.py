import uuid
from typing import Any, NoReturn

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.clock import milliseconds
from apps.common.encryption import EncryptedTextField
from apps.common.identifiers import time_ordered_id
from apps.events.names import event_name


class Event(models.Model):
    """Audit event. It is append-only and contains no code, secret, key or push token.

    Events of failed access count the failures of ten minutes: only their `count` and `last_occurred` are updated.
    """

    event_identifier = models.UUIDField(_("identifier"), default=time_ordered_id, unique=True, editable=False)
    event_type = models.CharField(_("event"), max_length=80)
    client_id = models.CharField(_("client"), max_length=100, blank=True)
    app_name = models.CharField(_("application"), max_length=100, blank=True)
    transaction_id = models.UUIDField(_("transaction"), null=True, blank=True)
    user_id = models.CharField(_("user"), max_length=255, blank=True)
    client_ip = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=1024, blank=True)
    occurred = models.DateTimeField(_("time"), default=timezone.now)
    details = models.JSONField(_("details"), default=dict, blank=True)
    # With a database default: an older release can insert events during a deployment.
    count = models.IntegerField(_("count"), default=1, db_default=1)
    last_occurred = models.DateTimeField(_("last time"), null=True, blank=True)
    # Set by the console for events of a device (`apps/events/console/devices.py`).
    device_reference: Any = None

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("activity")
        # Newest first; the id orders events of the same time.
        ordering = ["-occurred", "-id"]
        indexes = [
            models.Index(fields=["-occurred", "-id"], name="event_newest"),
            models.Index(fields=["user_id", "-occurred", "-id"], name="event_newest_of_user"),
            models.Index(fields=["transaction_id", "-occurred", "-id"], name="event_newest_of_transaction"),
            models.Index(fields=["event_type", "-occurred", "-id"], name="event_newest_of_type"),
            models.Index(fields=["client_id", "-occurred", "-id"], name="event_newest_of_client"),
        ]

    def __str__(self) -> str:
        return self.label

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("events are append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("events are append-only")

    @property
    def event_name(self) -> str:
        """Return the name in the events API."""
        return self.event_type.replace("_", " ")

    @property
    def label(self) -> str:
        """Return the name of the type in the reader's language."""
        return event_name(self.event_type)

    @property
    def title(self) -> str:
        """Return the label, with the number of failures if the event counts several."""
        return self.label if self.count == 1 else f"{self.label} ({self.count})"

    @property
    def all_details(self) -> dict[str, Any]:
        """Return the details, with the number and last time of failures if the event counts failures."""
        if self.last_occurred is None:
            return dict(self.details)
        return {**self.details, "count": self.count, "last_occurred": milliseconds(self.last_occurred)}


class EventCount(models.Model):
    """Total number of events of a type."""

    event_type = models.CharField(_("event"), max_length=80, primary_key=True)
    total = models.BigIntegerField(_("total"))

    def __str__(self) -> str:
        return f"{self.event_type}: {self.total}"


class MetricSeries(models.Model):
    """Total of one series of apps/events/metrics.py."""

    series = models.CharField(_("series"), max_length=300, primary_key=True)
    total = models.BigIntegerField(_("total"))

    def __str__(self) -> str:
        return f"{self.series}: {self.total}"


class AuditKey(models.Model):
    """Key that signs blocks of the audit log and exported files. There is one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.PositiveSmallIntegerField(default=1, unique=True)
    seed = EncryptedTextField()
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return str(self.pk)


class AuditBlock(models.Model):
    """Sealed block of the audit log: the hashes of its events, chained to the previous block and signed.

    `last_id` is the highest id of the events that are sealed so far. `pending` has the ranges of ids up to it that can
    still be sealed later; only the newest block keeps it, and `pending_digest` proves it.
    """

    number = models.BigIntegerField(primary_key=True)
    last_id = models.BigIntegerField()
    leaves = models.BinaryField()
    pending = models.JSONField(default=list)
    pending_digest = models.CharField(max_length=64)
    previous_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    signature = models.CharField(max_length=88)
    sealed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


class AuditCheckpoint(models.Model):
    """Signed record of what `purge` deleted. The blocks up to `block_number` were deleted with their events."""

    number = models.PositiveSmallIntegerField(primary_key=True, default=1)
    events_before = models.DateTimeField(null=True)
    failed_access_before = models.DateTimeField(null=True)
    block_number = models.BigIntegerField(default=0)
    block_digest = models.CharField(max_length=64, blank=True)
    last_id = models.BigIntegerField(default=0)
    signature = models.CharField(max_length=88, blank=True)

    def __str__(self) -> str:
        return f"{self.block_number}:{self.block_digest}"


class AuditVerification(models.Model):
    """Result of the last verification of the audit log that was recorded, for the metrics. There is one."""

    number = models.PositiveSmallIntegerField(primary_key=True, default=1)
    verified_at = models.DateTimeField()
    problems = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.verified_at.isoformat()}: {self.problems}"
