"""Delivery of claimed callbacks by the worker. Callbacks are sent concurrently and recorded as responses arrive."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import close_old_connections
from django.utils import timezone

from apps.callbacks import failure_tracking, transport
from apps.callbacks.errors import CallbackErrorKind
from apps.callbacks.models import CallbackDelivery, CallbackEndpoint
from apps.callbacks.transport import CallbackResult
from apps.common.encryption import CannotDecrypt
from apps.common.statements import AnyOf, Select
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

ENDPOINTS = Select(lambda urls: CallbackEndpoint.objects.filter(AnyOf("url", urls)).order_by())

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
    """Build the requests; returns them, and failed results for endpoints whose credentials cannot be decrypted.

    The operator can add the missing key, so such a callback is retried like any other failed callback.
    """
    known = ENDPOINTS.all(urls=list({row.url for row in rows}))
    endpoints = {endpoint.url: endpoint for endpoint in known}
    ready, failed, now = list[DeliveryRequest](), list[DeliveryResult](), timezone.now()
    for row in rows:
        try:
            request = transport.build_request(row.url, row.transaction_id, row.webhook_id, endpoints.get(row.url), now)
        except CannotDecrypt as error:
            result = CallbackResult(reason=str(error), error_kind=CallbackErrorKind.CANNOT_DECRYPT)
            failed.append((row, result))
        else:
            ready.append((row, request))
    return ready, failed


def record(results: Sequence[DeliveryResult]) -> list[CallbackDelivery]:
    """Record results and their events, then track failing URLs."""
    now = timezone.now()
    attempt_results = [_attempt_result(row, result, next_attempt_at(row, result, now)) for row, result in results]
    recorded = events.record_results(attempt_results)
    metrics.record_attempts("callbacks", attempt_results, recorded)
    failure_tracking.record([(row.url, result) for row, result in results])
    return [row for row, _result in results]


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
    if result.delivered or result.final:
        return None
    window, end = RETRY_WINDOWS[min(row.attempts_made, len(RETRY_WINDOWS)) - 1], row.created_at + GIVE_UP_AFTER
    # A longer Retry-After is capped at the end of the retry period, for one last attempt.
    not_before = min(now + timedelta(seconds=result.retry_after_seconds), end)
    due_at = max(now + timedelta(seconds=random_delay(window)), not_before)
    return due_at if due_at <= end else None
