"""Deliver claimed context lookups: many concurrently, each to complete the secure message of its transaction."""

from collections.abc import Iterator, Sequence

from django.db import close_old_connections
from django.db import transaction as database
from django.utils import timezone

from apps.events import metrics
from apps.events import services as events
from apps.geocontext import services as geocontext
from apps.geocontext.services import Composed, Origin
from apps.outbox import claims
from apps.outbox.claims import AttemptResult
from apps.outbox.models import State
from apps.transactions.context import request_context
from apps.transactions.models import ContextLookup, Transaction

NOT_NEEDED = "not_needed"
LookupItem = tuple[ContextLookup, Origin, str]


def deliver(rows: Sequence[ContextLookup]) -> Iterator[list[ContextLookup]]:
    """Look up the origins of pending transactions. Yields deliveries as their messages are completed."""
    transactions = Transaction.objects.select_related("client").in_bulk([row.transaction_id for row in rows])
    for row in rows:
        row.transaction = transactions[row.transaction_id]
    now = timezone.now()
    pending = [row for row in rows if row.transaction.is_pending(now)]
    if ended := [row for row in rows if row not in pending]:
        yield _skip(ended)
    items, failed = _load_origins(pending)
    if failed:
        yield _record(failed)
    for located in geocontext.look_up(items, before_waiting=close_old_connections):
        composed_rows = [
            (row, geocontext.compose_with(message, origin, location)) for (row, origin, message), location in located
        ]
        recorded = _record(composed_rows)
        close_old_connections()
        yield recorded


def _load_origins(
    rows: Sequence[ContextLookup],
) -> tuple[list[tuple[LookupItem, str]], list[tuple[ContextLookup, Composed]]]:
    """Return the items to look up with their IP addresses, and the failed results of undecryptable rows."""
    items, failed = list[tuple[LookupItem, str]](), list[tuple[ContextLookup, Composed]]()
    for row in rows:
        stored = request_context.load_origin(row, row.transaction)
        if isinstance(stored, Composed):
            failed.append((row, stored))
        else:
            items.append(((row, *stored), stored[0].ip_address))
    return items, failed


def _skip(rows: list[ContextLookup]) -> list[ContextLookup]:
    with database.atomic():
        claims.record_results([AttemptResult(row, State.DONE, NOT_NEEDED) for row in rows])
        ContextLookup.objects.filter(pk__in=[row.pk for row in rows]).update(origin="")
    return rows


def _record(composed_rows: Sequence[tuple[ContextLookup, Composed]]) -> list[ContextLookup]:
    """Store the messages of the lookups that no fetch completed meanwhile."""
    results = [AttemptResult(row, State.DONE, composed.event_type, composed.reason) for row, composed in composed_rows]
    with database.atomic():
        recorded_ids = claims.record_results(results)
        metrics.record_attempts("context", results, recorded_ids)
        ContextLookup.objects.filter(pk__in=recorded_ids).update(origin="")
        events.record_all(
            [
                request_context.store_message(row.transaction, composed)
                for row, composed in composed_rows
                if row.pk in recorded_ids
            ]
        )
    return [row for row, _composed in composed_rows]
