"""Deletion of old rows in small batches, so that no table is locked for long.

Every worker deletes used and expired rows. The retention of ended transactions and events is set by the operator.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.contrib.sessions.models import Session
from django.db import models
from django.db import transaction as database
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery, FailingCallbackUrl
from apps.enrollment import maintenance
from apps.enrollment.models import EnrollmentCode, UsedNonce
from apps.events import failed_access
from apps.events.models import Event
from apps.geocontext import services as geocontext
from apps.outbox.models import State
from apps.staff import lockout
from apps.transactions.models import IdempotentRequest, PushDelivery, SmsDelivery, Transaction

log = structlog.get_logger(__name__)

BATCH = 200
# Deliveries that a worker still has to process.
UNFINISHED = [State.DUE]


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
        "failed_access_events": _purge_failed_access(failed_access_before) if failed_access_before else 0,
        "events": _delete(_events_before(events_before)) if events_before else 0,
        **_delete_expired_rows(),
    }


def _events_before(before: datetime, **conditions: str) -> QuerySet[Event]:
    # Ordered like the index that finds the rows.
    return Event.objects.filter(occurred__lt=before, **conditions).order_by("-occurred", "-id")


def _purge_failed_access(before: datetime) -> int:
    return sum(_delete(_events_before(before, event_type=event_type)) for event_type in failed_access.TYPES)


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
    transactions = callbacks = 0
    for batch in _purgeable_batches(before):
        with database.atomic():
            # Rows that a concurrent purge has locked are deleted by that purge.
            locked = Transaction.objects.select_for_update(skip_locked=True).filter(pk__in=batch).order_by("pk")
            ids = list(locked.values_list("pk", flat=True))
            callbacks += _delete_counted(CallbackDelivery.objects.filter(transaction_id__in=ids))
            transactions += _delete_counted(Transaction.objects.filter(pk__in=ids))
    return {"transactions": transactions, "callbacks": callbacks}


def _purgeable_batches(before: datetime) -> Iterator[list[UUID]]:
    """Yield batches of ids of the transactions to delete, oldest first, each id once."""
    # A transaction that ended before this time was also created before it, and created_at has an index.
    purgeable = Transaction.objects.filter(created_at__lt=before, ended_at__lt=before).order_by("created_at", "pk")
    for queue, blocking_states in (
        (CallbackDelivery, [State.DUE, State.FAILED]),
        (PushDelivery, UNFINISHED),
        (SmsDelivery, UNFINISHED),
    ):
        purgeable = purgeable.exclude(
            Exists(queue._default_manager.filter(transaction_id=OuterRef("pk"), state__in=blocking_states))
        )
    remaining = purgeable
    while batch := list(remaining.values_list("pk", "created_at")[:BATCH]):
        yield [pk for pk, _created_at in batch]
        last, created_at = batch[-1]
        remaining = purgeable.filter(created_at__gte=created_at).exclude(created_at=created_at, pk__lte=last)


def _delete(rows: QuerySet[Any]) -> int:
    """Delete rows in batches. Rows that are locked by another process are skipped."""
    total = 0
    while True:
        with database.atomic():
            batch = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
            total += _delete_counted(rows.model._default_manager.filter(pk__in=batch))
        if not batch:
            return total


def _delete_counted(rows: QuerySet[Any]) -> int:
    """Delete rows with their dependent rows. Return the number without the dependent rows."""
    return rows.delete()[1].get(rows.model._meta.label, 0)
