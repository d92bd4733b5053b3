"""Rows of work that must not be lost: what is to be delivered, and every attempt.

The row is the truth. It is written in the database transaction of what caused it. A claim moves `due_at` past the end
of its lease, so a row whose worker died is simply due again.
"""

import uuid
from datetime import datetime
from typing import Any, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# What a dispatcher reads of the rows that are due: with all of it in the index of a queue's open rows, a great backlog
# behind one slow concurrency key is passed over without a look at its rows.
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

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DUE)
    concurrency_key = models.CharField(max_length=255, default="", blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    due_at = models.DateTimeField(_("next try"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True)
    attempts_made = models.PositiveIntegerField(_("attempts"), default=0)
    # Whose claim it is: recording succeeds only for the worker that holds it.
    claim = models.UUIDField(null=True)
    # The reverse side of its model of attempts.
    attempts: Any
    # The attempt under way; only on a row that was claimed.
    attempt: "Attempt"

    class Meta:
        abstract = True

    @classmethod
    def due(cls, now: datetime) -> models.QuerySet[Self]:
        return cls._default_manager.filter(state=State.DUE, due_at__lte=now).order_by("due_at")

    @classmethod
    def next_due_at(cls) -> datetime | None:
        """Return when the earliest open row wants attention, or None when nothing is open."""
        return cls._default_manager.filter(state=State.DUE).order_by("due_at").values_list("due_at", flat=True).first()


class Attempt(models.Model):
    """One try. Written before the other side is called: without an outcome, nobody knows whether the call arrived."""

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
