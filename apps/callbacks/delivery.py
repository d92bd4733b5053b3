"""Delivery of claimed callbacks by the worker. Callbacks are sent concurrently and recorded as responses arrive."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import close_old_connections, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from apps.callbacks import failure_tracking, kinds, transport
from apps.callbacks.models import CallbackDelivery
from apps.callbacks.transport import CallbackResult
from apps.events import metrics
from apps.events import services as events
from apps.events.facts import DeliveryFacts
from apps.events.models import Event
from apps.events.types import EventTypes
from apps.outbox.claims import AttemptResult
from apps.outbox.models import State
from apps.outbox.retries import random_delay
from apps.outgoing import http

# Backoff windows in seconds after each failed attempt: short while the user may still wait for the login, then longer.
RETRY_WINDOWS = [
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
# A worker of an older version does not know the kinds of a newer one.
UNKNOWN_KIND = CallbackResult(reason=gettext_noop("this worker does not know this kind of message"))

DeliveryRequest = tuple[CallbackDelivery, http.Request]
DeliveryResult = tuple[CallbackDelivery, CallbackResult]


def deliver(rows: Sequence[CallbackDelivery]) -> Iterator[list[CallbackDelivery]]:
    """Send callbacks and yield their rows as the results are recorded."""
    ready, failed = _build_requests(rows)
    if failed:
        yield record(failed)
    # The connection returns to the pool, so that a slow portal does not occupy a database connection.
    close_old_connections()
    for results in transport.send_all(ready):
        recorded = record(results)
        close_old_connections()
        yield recorded


def _build_requests(rows: Sequence[CallbackDelivery]) -> tuple[list[DeliveryRequest], list[DeliveryResult]]:
    """Build the requests by the kinds of the rows; returns them, and the results of attempts that cannot be made."""
    ready, failed, now = list[DeliveryRequest](), list[DeliveryResult](), timezone.now()
    for name, group in _by_kind(rows).items():
        kind = kinds.find(name)
        messages = kind.build(group, now) if kind else {}
        for row in group:
            message = messages.get(row.pk, UNKNOWN_KIND)
            if isinstance(message, CallbackResult):
                failed.append((row, message))
            else:
                row.give_up_at = message.give_up_at
                ready.append((row, message.request))
    return ready, failed


def _by_kind(rows: Iterable[CallbackDelivery]) -> dict[str, list[CallbackDelivery]]:
    groups: dict[str, list[CallbackDelivery]] = {}
    for row in rows:
        groups.setdefault(row.kind, []).append(row)
    return groups


def record(results: Sequence[DeliveryResult]) -> list[CallbackDelivery]:
    """Record results and their events, then track failing URLs."""
    now = timezone.now()
    attempt_results = [_attempt_result(row, result, next_attempt_at(row, result, now)) for row, result in results]
    recorded = _record(attempt_results)
    metrics.record_attempts("callbacks", attempt_results, recorded)
    for name in _by_kind(row for row, _result in results):
        failure_tracking.record([(row.url, result) for row, result in results if row.kind == name], name)
    return [row for row, _result in results]


def _record(results: Sequence[AttemptResult]) -> set[UUID]:
    """Record results. The secrets of deliveries that ended are erased in the same database transaction."""
    ended = [result.row for result in results if result.state != State.DUE]
    others = _by_kind(row for row in ended if isinstance(row, CallbackDelivery) and row.kind != kinds.PORTAL)
    if not others:
        return events.record_results(results)
    with transaction.atomic():
        recorded = events.record_results(results)
        for name, rows in others.items():
            if kind := kinds.find(name):
                kind.erase_secrets([row.transaction_id for row in rows if row.pk in recorded])
    return recorded


def _attempt_result(row: CallbackDelivery, result: CallbackResult, due_at: datetime | None) -> AttemptResult:
    state = State.DONE if result.delivered else State.FAILED if due_at is None else State.DUE
    name = "delivered" if result.delivered else "failed"
    error_kind = {"error_kind": result.error_kind or ""}
    event = _event(row, result, due_at)
    return AttemptResult(row, state, name, result.reason, result.status, due_at, error_kind, event)


def _event(row: CallbackDelivery, result: CallbackResult, due_at: datetime | None) -> Event:
    return events.build(
        EventTypes.PUSH_AUTH_CALLBACK_SENT if result.delivered else EventTypes.PUSH_AUTH_CALLBACK_FAILED,
        DeliveryFacts(
            user_id=row.user_id,
            client_id=row.client_id,
            transaction_id=row.transaction_id,
            attempt=row.attempts_made,
            http_status=result.status,
            reason=result.reason,
            next_attempt_at=due_at.isoformat() if due_at else None,
        ),
    )


def next_attempt_at(row: CallbackDelivery, result: CallbackResult, now: datetime) -> datetime | None:
    """Return the time of the next attempt, or None if the callback is not retried."""
    kind = kinds.find(row.kind)
    if result.delivered or result.final or (kind and result.status in kind.final_statuses):
        return None
    window, end = RETRY_WINDOWS[min(row.attempts_made, len(RETRY_WINDOWS)) - 1], row.created_at + GIVE_UP_AFTER
    end = min(end, row.give_up_at) if row.give_up_at else end
    # A longer Retry-After is capped at the end of the retry period, for one last attempt.
    repeat_delay = kind.repeat_delay_seconds if kind and result.may_have_arrived else 0
    not_before = min(now + timedelta(seconds=max(result.retry_after_seconds, repeat_delay)), end)
    due_at = max(now + timedelta(seconds=random_delay(window)), not_before)
    return due_at if due_at <= end else None
