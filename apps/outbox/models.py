"""Base models of the outbox: deliveries and their attempts.

A delivery is written in the database transaction that causes it, so it cannot be lost. A claim is a lease: the delivery
of a terminated worker can be claimed again when the lease ends.
"""

from datetime import datetime
from typing import Any, Self, cast

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.identifiers import time_ordered_id

# Columns by which a dispatcher selects due rows. With all of them in the index of a queue's due rows, PostgreSQL skips
# a backlog of one slow concurrency key without reading its rows. A claim changes none of them: its update is HOT.
DUE_ORDER = ["due_at", "concurrency_key", "id"]


class State(models.TextChoices):
    DUE = "due", _("due")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class Delivery(models.Model):
    """Message to deliver.

    Deliveries with the same `concurrency_key`, for example a host, share an in-flight limit, so that a slow receiver
    does not delay others.
    """

    id = models.UUIDField(primary_key=True, default=time_ordered_id, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DUE)
    concurrency_key = models.CharField(max_length=255, default="", blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    due_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True)
    attempts_made = models.PositiveIntegerField(_("attempts"), default=0)
    # Identifies the claim: only the worker with this claim can record results.
    claim = models.UUIDField(null=True)
    # End of the claim if no result is recorded.
    leased_until = models.DateTimeField(null=True)
    # Reverse relation of the attempt model.
    attempts: Any
    # The current attempt. Set only on claimed rows.
    attempt: "Attempt"
    # Time of the retry, set when the result of a claimed row is recorded. `due_at` is the time before the claim.
    retry_at: datetime | None = None

    class Meta:
        abstract = True

    @property
    def next_attempt_at(self) -> datetime:
        """Return the time of the next attempt. While the delivery is claimed, it is the end of the lease."""
        return self.leased_until or self.due_at

    @classmethod
    def waiting(cls, now: datetime) -> models.QuerySet[Self]:
        """Return the rows that wait for an attempt, now or later, in the order of their times."""
        return cls._default_manager.filter(cls.unclaimed(now), state=State.DUE).order_by("due_at")

    @staticmethod
    def unclaimed(now: datetime) -> models.Q:
        return models.Q(claim=None) | models.Q(leased_until__lte=now)

    @classmethod
    def due(cls, now: datetime) -> models.QuerySet[Self]:
        """Return the rows that can be claimed, the most overdue first."""
        return cls.waiting(now).filter(due_at__lte=now)


class Attempt(models.Model):
    """Attempt of a delivery, written before the request is sent.

    An attempt without an outcome was interrupted: whether the request arrived is unknown.
    """

    number = models.PositiveIntegerField(_("attempt"))
    started_at = models.DateTimeField(_("started"))
    duration_ms = models.PositiveIntegerField(_("duration (ms)"), null=True)
    status = models.PositiveIntegerField(_("HTTP status"), null=True)
    outcome = models.CharField(_("outcome"), max_length=40, default="", blank=True)
    reason = models.CharField(_("reason"), max_length=500, default="", blank=True)

    class Meta:
        abstract = True
        ordering = ["number"]
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")

    def __str__(self) -> str:
        return f"{self.number}: {self.outcome or '…'}"


def attempt_model(queue: type[Delivery]) -> type[Any]:
    """Return the attempt model of a queue: its `delivery` refers to the queue with `related_name="attempts"`."""
    return cast(type[Any], queue.attempts.rel.related_model)
