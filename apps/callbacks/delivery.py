"""What the worker does with a claimed callback."""

import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import close_old_connections, transaction
from django.utils import timezone

from apps.callbacks import addresses
from apps.callbacks.models import CallbackDelivery, CallbackEndpoint
from apps.common import http, outbox
from apps.common.encryption import CannotDecrypt
from apps.common.outbox import State, Verdict
from apps.common.retries import jittered, retry_after_seconds
from apps.events import services as events
from apps.events.types import EventType

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0

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


@dataclass(frozen=True)
class Outcome:
    """What an attempt came to; `final` when another one is not wanted."""

    delivered: bool = False
    reason: str = ""
    status: int | None = None
    final: bool = False
    retry_after_seconds: float = 0


def deliver(row: CallbackDelivery) -> None:
    """Call the portal and write down what it said."""
    endpoint = CallbackEndpoint.objects.filter(url=row.url).first()
    try:
        request_headers = headers(endpoint)
    except CannotDecrypt as error:
        # A key that was lost may come back: tried again like any other fault, and visible where the others are.
        record(row, Outcome(reason=str(error)))
        return
    # The connection goes back to the pool: a slow portal holds a thread, nothing of the database.
    close_old_connections()
    record(row, call(row, request_headers))


def headers(endpoint: CallbackEndpoint | None) -> dict[str, str]:
    built = {"Content-Type": "application/json", "Accept": "application/json"}
    if endpoint and endpoint.username:
        credentials = f"{endpoint.username}:{endpoint.password}".encode()
        built["Authorization"] = f"Basic {b64encode(credentials).decode()}"
    return built


def call(row: CallbackDelivery, request_headers: dict[str, str]) -> Outcome:
    """POST the callback to an address that was just checked."""
    body = json.dumps({"callback_uri": row.url, "transaction_id": str(row.transaction_id)}).encode()
    try:
        request = http.Request("POST", row.url, request_headers, body, CONNECT_SECONDS, ANSWER_SECONDS)
        answer = http.send_to(request, addresses.resolve(row.url))
    except addresses.Refused as error:
        return Outcome(reason=str(error))
    except http.NoAnswer as error:
        return Outcome(reason=error.reason)
    if 200 <= answer.status < 300:
        return Outcome(delivered=True, status=answer.status)
    return Outcome(
        reason=f"HTTP {answer.status}",
        status=answer.status,
        final=answer.status == 410,
        retry_after_seconds=retry_after_seconds(answer.headers.get("retry-after", "")) or 0,
    )


def record(row: CallbackDelivery, outcome: Outcome) -> None:
    due_at = next_attempt_at(row, outcome, timezone.now())
    state = State.DONE if outcome.delivered else State.FAILED if due_at is None else State.DUE
    name = "delivered" if outcome.delivered else "failed"
    with transaction.atomic():
        if not outbox.settle([Verdict(row, state, name, outcome.reason, outcome.status, due_at)]):
            return
        events.record(
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
    window = WAITS[min(row.attempts_made, len(WAITS)) - 1]
    moment = now + timedelta(seconds=max(jittered(window), outcome.retry_after_seconds))
    return moment if moment <= row.created_at + GIVE_UP_AFTER else None
