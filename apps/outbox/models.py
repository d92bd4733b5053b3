"""Work that must not be lost: rows that a worker claims, acts on and records.

The row is the truth. It is written in the database transaction of what caused it. A claim moves `due_at` past the end
of its lease, so a row whose worker died is simply due again. A nudge only says "this queue has work"; a lost one costs
time, never a delivery.
"""

import threading
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import sleep
from typing import Any, Self, TypeVar, cast

import structlog
from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

CHANNEL = "countersign"
# Longer than the longest call (token exchange and message: 19 s, a callback: 13 s), shorter than the 30 s within which
# what a dead worker held goes on.
LEASE_SECONDS = 24
# What a dispatcher reads of the rows that are due: with all of it in the index of a queue's open rows, a great backlog
# behind one lane that hangs is passed over without a look at its rows.
DUE_ORDER = ["due_at", "lane", "id"]


class State(models.TextChoices):
    DUE = "due", _("due")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class Delivery(models.Model):
    """One thing to deliver. `lane` is who is served (a host): one slow lane does not hold up the others."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DUE)
    lane = models.CharField(max_length=255, default="", blank=True)
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


D = TypeVar("D", bound=Delivery)


def claim(queue: type[D], ids: Collection[uuid.UUID]) -> list[D]:
    """Take those due rows that no other worker takes, and write their attempts down, in one short transaction."""
    now = timezone.now()
    with transaction.atomic():
        rows = list(queue.due(now).filter(pk__in=ids).select_for_update(skip_locked=True))
        token = uuid.uuid4()
        queue._default_manager.filter(pk__in=[row.pk for row in rows]).update(
            claim=token,
            due_at=now + timedelta(seconds=LEASE_SECONDS),
            attempts_made=models.F("attempts_made") + 1,
        )
        for row in rows:
            row.claim, row.attempts_made = token, row.attempts_made + 1
            row.attempt = attempt_of(queue)(delivery=row, number=row.attempts_made, started_at=now)
        attempt_of(queue)._default_manager.bulk_create(row.attempt for row in rows)
    return rows


@dataclass(frozen=True)
class Verdict:
    """What an attempt came to: `reason` in words, `status` of HTTP, `due_at` when it is to be tried again.

    `more` are further fields of the queue's own attempts.
    """

    row: Delivery
    state: State
    outcome: str
    reason: str = ""
    status: int | None = None
    due_at: datetime | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def settle(verdicts: Sequence[Verdict]) -> set[uuid.UUID]:
    """Write down what attempts of one queue came to, and return the ids of the rows whose claim still held.

    Of the others nothing is written. Call it inside a transaction, together with all else that the outcomes change.
    """
    queue = type(verdicts[0].row)
    ids, claims = [verdict.row.pk for verdict in verdicts], {verdict.row.claim for verdict in verdicts}
    mine = queue._default_manager.filter(pk__in=ids, claim__in=claims, state=State.DUE)
    held = set(mine.select_for_update().values_list("pk", flat=True))
    judged = [verdict for verdict in verdicts if verdict.row.pk in held]
    for (state, due_at), pks in _by_change(judged).items():
        changes: dict[str, Any] = {"due_at": due_at} if due_at else {"ended_at": timezone.now()}
        queue._default_manager.filter(pk__in=pks).update(claim=None, state=state, **changes)
    if judged:
        _write_attempts(judged)
    return held


def _by_change(verdicts: Sequence[Verdict]) -> dict[tuple[State, datetime | None], list[uuid.UUID]]:
    found: dict[tuple[State, datetime | None], list[uuid.UUID]] = {}
    for verdict in verdicts:
        found.setdefault((verdict.state, verdict.due_at), []).append(verdict.row.pk)
    return found


def _write_attempts(verdicts: Sequence[Verdict]) -> None:
    """Complete the attempts that the claims wrote, many in one statement."""
    now, names = timezone.now(), ["outcome", "reason", "status", "duration_ms"]
    for verdict in verdicts:
        attempt = verdict.row.attempt
        attempt.outcome, attempt.reason, attempt.status = verdict.outcome, verdict.reason[:500], verdict.status
        attempt.duration_ms = max(int((now - attempt.started_at).total_seconds() * 1000), 0)
        for name, value in verdict.more.items():
            setattr(attempt, name, value)
    attempt_of(type(verdicts[0].row))._default_manager.bulk_create(
        [verdict.row.attempt for verdict in verdicts],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=[*names, *verdicts[0].more],
    )


def attempt_of(queue: type[Delivery]) -> type[Any]:
    """Return the queue's model of attempts: the one whose `delivery` points at it with `related_name="attempts"`."""
    return cast(type[Any], queue.attempts.rel.related_model)


def nudge(queue: type[Delivery], ring: Callable[[], object]) -> None:
    """After commit, tell the workers that `queue` has work.

    With a broker `ring` posts a task. Without one, PostgreSQL's NOTIFY wakes the embedded worker; on SQLite it sees the
    commit by itself.
    """
    if settings.BROKER_URL:
        transaction.on_commit(lambda: _announcer.announce(queue._meta.label_lower, ring))
    elif connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, queue._meta.label_lower])


class _Announcer:
    """Posts nudges to the broker from a thread of its own: no request waits for it, and a burst is announced once."""

    PAUSE_SECONDS = 2.0

    def __init__(self) -> None:
        self._waiting: dict[str, Callable[[], object]] = {}
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._thread: threading.Thread | None = None
        self._away = False

    def announce(self, label: str, ring: Callable[[], object]) -> None:
        with self._lock:
            self._waiting[label] = ring
            # On first use, not before: a thread does not come along through a fork.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)
                self._thread.start()
        self._bell.set()

    def _run(self) -> None:
        while True:
            self._bell.wait()
            self._bell.clear()
            with self._lock:
                rings, self._waiting = self._waiting, {}
            for ring in rings.values():
                self._post(ring)

    def _post(self, ring: Callable[[], object]) -> None:
        try:
            ring()
        except (OperationalError, RedisError, OSError) as error:
            if not self._away:
                log.warning("broker_away", error=type(error).__name__)
            self._away = True
            sleep(self.PAUSE_SECONDS)
        else:
            self._away = False


_announcer = _Announcer()
