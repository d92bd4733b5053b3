"""Deletion of old rows in small batches, so that no table is locked for long.

Every worker deletes used and expired rows. The retention of ended transactions and events is set by the operator.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

import structlog
from django.contrib.sessions.models import Session
from django.db import connection, models
from django.db import transaction as database
from django.db.models import QuerySet
from django.utils import timezone

from apps.callbacks import kinds
from apps.callbacks.models import CallbackDelivery, FailingCallbackUrl
from apps.enrollment import maintenance
from apps.enrollment.models import EnrollmentCode, UsedNonce
from apps.events import failed_access
from apps.events.audit import checkpoints
from apps.events.models import Event
from apps.geocontext import services as geocontext
from apps.outbox.models import State
from apps.staff import lockout
from apps.transactions.models import IdempotentRequest, PushDelivery, SmsDelivery, Transaction

log = structlog.get_logger(__name__)

BATCH = 200
# Pause after a batch, as a multiple of its duration. In the pauses, requests have the processor and the disk.
PAUSE = 0.25


def purge(
    before: datetime, *, failed_access_before: datetime | None = None, events_before: datetime | None = None
) -> dict[str, int]:
    """Delete transactions that ended before a time, and used or expired rows. Return the numbers of deleted rows.

    A transaction is deleted with its dependent rows. It is kept while one of its callbacks is undelivered, because that
    can be redelivered. Events are kept, except those before `failed_access_before` or `events_before`. Concurrent runs
    are allowed.
    """
    return {
        **_purge_transactions(before),
        **_purge_events(failed_access_before, events_before),
        **_delete_expired_rows(),
    }


def _purge_events(failed_access_before: datetime | None, events_before: datetime | None) -> dict[str, int]:
    if failed_access_before or events_before:
        checkpoints.record(events_before=events_before, failed_access_before=failed_access_before)
    deleted = {
        "failed_access_events": _purge_failed_access(failed_access_before) if failed_access_before else 0,
        "events": _delete(_events_before(events_before), "occurred") if events_before else 0,
    }
    checkpoints.remove_purged_blocks()
    return deleted


def _events_before(before: datetime, **conditions: str) -> QuerySet[Event]:
    return Event.objects.filter(occurred__lt=before, **conditions)


def _purge_failed_access(before: datetime) -> int:
    return sum(_delete(_events_before(before, event_type=event_type), "occurred") for event_type in failed_access.TYPES)


def delete_expired() -> None:
    """Delete used and expired rows. Every worker runs this periodically."""
    if deleted := {name: count for name, count in _delete_expired_rows().items() if count}:
        log.info("expired_rows_removed", **deleted)


def _delete_expired_rows() -> dict[str, int]:
    now = timezone.now()
    return {
        "enrollment_codes": _delete(
            EnrollmentCode.objects.filter(models.Q(used_at__isnull=False) | models.Q(expires_at__lte=now))
        ),
        "nonces": _delete(UsedNonce.objects.filter(expires_at__lte=now)),
        "located_addresses": geocontext.delete_expired(now),
        "failing_addresses": _delete(
            FailingCallbackUrl.objects.filter(last_failed_at__lt=now - FailingCallbackUrl.ALERT_WINDOW)
        ),
        "idempotent_requests": _delete(IdempotentRequest.objects.filter(expires_at__lte=now)),
        "sessions": _delete(Session.objects.filter(expire_date__lt=now)),
        "failed_sign_ins": _delete(lockout.expired_attempts(now)),
        "server_keys": maintenance.remove_unused_server_keys(now),
    }


def _purge_transactions(before: datetime) -> dict[str, int]:
    # A transaction that ended before this time was also created before it, and created_at has an index.
    ended = Transaction.objects.filter(created_at__lt=before, ended_at__lt=before)
    return {"transactions": 0, "callbacks": 0, **_delete_in_batches(ended, _delete_transactions, "created_at")}


def _delete_transactions(ids: list[UUID]) -> dict[str, int]:
    """Delete the transactions without undelivered deliveries, with their dependent rows and their callbacks."""
    kept = _undelivered(ids)
    deletable = [pk for pk in ids if pk not in kept]
    return {
        "callbacks": _delete_with_dependents(CallbackDelivery, "transaction_id", deletable),
        "transactions": _delete_with_dependents(Transaction, "pk", deletable),
    }


def _undelivered(ids: Collection[UUID]) -> set[UUID]:
    """Return the ids of the transactions with a delivery that a worker has to process or that can be redelivered."""
    pushes = PushDelivery.objects.filter(transaction_id__in=ids).values_list("transaction_id", "state")
    sms = SmsDelivery.objects.filter(transaction_id__in=ids).values_list("transaction_id", "state")
    due = {transaction_id for transaction_id, state in chain(pushes, sms) if state == State.DUE}
    callbacks = CallbackDelivery.objects.filter(transaction_id__in=ids).values_list("transaction_id", "state", "kind")
    redeliverable = kinds.redeliverable()
    return due | {
        transaction_id
        for transaction_id, state, kind in callbacks
        if state == State.DUE or (state == State.FAILED and kind in redeliverable)
    }


def _delete(rows: QuerySet[Any], order: str = "") -> int:
    """Delete rows without dependent rows, and return their number."""

    def delete(ids: list[Any]) -> dict[str, int]:
        return {"deleted": rows.model._base_manager.filter(pk__in=ids).delete()[1].get(rows.model._meta.label, 0)}

    return _delete_in_batches(rows, delete, order)["deleted"]


def _delete_in_batches(
    rows: QuerySet[Any], delete: Callable[[list[Any]], dict[str, int]], order: str = ""
) -> Counter[str]:
    """Call `delete` with the ids of the rows, a batch per database transaction, and return the sums of its results.

    Rows that another process has locked are skipped. With `order`, the name of an indexed column, each batch begins
    after the previous one in the index. Otherwise, PostgreSQL can read the entries of all deleted rows for each batch.
    """
    deleted: Counter[str] = Counter()
    rows = rows.order_by(order, "pk") if order else rows.order_by()
    remaining = rows
    while True:
        began_at = time.monotonic()
        with database.atomic():
            if order:
                _require_index_scans()
            locked = remaining.select_for_update(skip_locked=True)
            batch = list(locked.values_list("pk", order or "pk")[:BATCH])
            if not batch:
                return deleted
            deleted.update(delete([pk for pk, _position in batch]))
        last, position = batch[-1]
        if order:
            # The first condition selects the start in the index, the other one excludes rows of the same time.
            remaining = rows.filter(**{f"{order}__gte": position}).exclude(**{order: position, "pk__lte": last})
        time.sleep(PAUSE * (time.monotonic() - began_at))


def _require_index_scans() -> None:
    """Make PostgreSQL use indexes in this database transaction.

    Without statistics, for example after a restore, it expects that 200 ids select a large part of a table, and reads
    whole tables for each batch.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")


def _delete_with_dependents(model: Any, column: str, ids: Collection[Any]) -> int:
    """Delete the rows with these values in the column, and the rows that refer to them. Return the number without them.

    One statement deletes the rows of a table. Django's own deletion first reads all rows and columns of most tables.
    """
    rows = model._base_manager.filter(**{f"{column}__in": ids})
    dependents = model._meta.related_objects
    keys = list(rows.values_list("pk", flat=True)) if dependents and column != "pk" else ids
    if not keys:
        return 0
    for relation in dependents:
        _delete_with_dependents(relation.related_model, relation.field.attname, keys)
    deleted: int = rows._raw_delete(rows.db)
    return deleted
