"""What the worker does with claimed callbacks: many at once, each recorded as soon as its portal has answered."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import close_old_connections, transaction
from django.utils import timezone

from apps.callbacks import failure_tracking, transport
from apps.callbacks.models import CallbackDelivery, CallbackEndpoint
from apps.callbacks.transport import Outcome
from apps.common.encryption import CannotDecrypt
from apps.events import metrics
from apps.events import services as events
from apps.events.models import Event
from apps.events.types import EventType
from apps.outbox import claims
from apps.outbox.claims import AttemptResult
from apps.outbox.models import State
from apps.outbox.retries import random_delay
from apps.outgoing import http

# Seconds to wait after each failed attempt, as windows: steep while a login can still be saved, then a long tail.
WAITS = [
    (1, 2),
    (3, 6),
    (10, 20),
    (30, 60),
    (120, 240),
    (600, 1200),
    (1800, 3600),
    (3600, 7200),
    (7200, 14400),
    (14400, 21600),
    (21600, 28800),
]
GIVE_UP_AFTER = timedelta(hours=24)

Answer = tuple[CallbackDelivery, Outcome]


def deliver(rows: Sequence[CallbackDelivery]) -> Iterator[list[CallbackDelivery]]:
    """Call the portals; yields rows as what became of them is written down."""
    ready, failed = _requests(rows)
    if failed:
        yield record(failed)
    # The connection goes back to the pool: a slow portal holds a thread, nothing of the database.
    close_old_connections()
    for answers in transport.send_all(ready):
        recorded = record(answers)
        close_old_connections()
        yield recorded


def _requests(rows: Sequence[CallbackDelivery]) -> tuple[list[tuple[CallbackDelivery, http.Request]], list[Answer]]:
    """Return what can be sent, and what cannot because no key opens the credentials for it.

    A key that was lost may come back: that is tried again like any other fault, and seen where the others are.
    """
    endpoints = {one.url: one for one in CallbackEndpoint.objects.filter(url__in={row.url for row in rows})}
    ready, failed, now = list[tuple[CallbackDelivery, http.Request]](), list[Answer](), timezone.now()
    for row in rows:
        try:
            request = transport.request(row.url, row.transaction_id, row.webhook_id, endpoints.get(row.url), now)
        except CannotDecrypt as error:
            failed.append((row, Outcome(reason=str(error))))
        else:
            ready.append((row, request))
    return ready, failed


def record(answers: Sequence[Answer]) -> list[CallbackDelivery]:
    """Write the outcomes and their events in one database transaction, and keep which addresses fail."""
    now = timezone.now()
    verdicts = [_verdict(row, outcome, next_attempt_at(row, outcome, now)) for row, outcome in answers]
    due = {verdict.row.pk: verdict.due_at for verdict in verdicts}
    with transaction.atomic():
        held = claims.record_results(verdicts)
        metrics.record_attempts("callbacks", verdicts, held)
        events.record_all([_event(row, outcome, due[row.pk]) for row, outcome in answers if row.pk in held])
    failure_tracking.note([(row.url, outcome) for row, outcome in answers])
    return [row for row, _outcome in answers]


def _verdict(row: CallbackDelivery, outcome: Outcome, due_at: datetime | None) -> AttemptResult:
    state = State.DONE if outcome.delivered else State.FAILED if due_at is None else State.DUE
    name = "delivered" if outcome.delivered else "failed"
    return AttemptResult(row, state, name, outcome.reason, outcome.status, due_at)


def _event(row: CallbackDelivery, outcome: Outcome, due_at: datetime | None) -> Event:
    return events.build(
        EventType.PUSH_AUTH_CALLBACK_SENT if outcome.delivered else EventType.PUSH_AUTH_CALLBACK_FAILED,
        user_id=row.user_id,
        client_id=row.client_id,
        transaction_id=row.transaction_id,
        attempt=row.attempts_made,
        http_status=outcome.status,
        reason=outcome.reason,
        next_attempt_at=due_at.isoformat() if due_at else None,
    )


def next_attempt_at(row: CallbackDelivery, outcome: Outcome, now: datetime) -> datetime | None:
    """Return when to try again, or None when it is not to be tried again."""
    if outcome.delivered or outcome.final:
        return None
    window, end = WAITS[min(row.attempts_made, len(WAITS)) - 1], row.created_at + GIVE_UP_AFTER
    # Who wishes to be left alone for longer than we would try is called once more at the very end.
    wished = min(now + timedelta(seconds=outcome.retry_after_seconds), end)
    moment = max(now + timedelta(seconds=random_delay(window)), wished)
    return moment if moment <= end else None
