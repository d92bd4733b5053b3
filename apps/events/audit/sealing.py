"""Seal the events in blocks. Workers do this, so that no request waits for another one's event."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.common import advisory_locks
from apps.events import failed_access
from apps.events.audit import blocks, keys
from apps.events.audit.blocks import ID, OCCURRED, TYPE, Leaf, Pending
from apps.events.models import AuditBlock, Event

log = structlog.get_logger(__name__)

BLOCK_EVENTS = 1000
# Leaves time for deliveries while the events of an older release are sealed.
MAX_BLOCKS_PER_RUN = 20
# Most database transactions have ended after this time, so that ids are complete. Later ones are pending.
SETTLING = timedelta(seconds=10)
# After this time, the counter of a failed access does not change. It includes a difference of clocks.
COUNTING = failed_access.WINDOW + timedelta(minutes=2)
# Missing ids are of rolled back database transactions, or of those that are still open. None is open for this long.
PENDING_LIFETIME = timedelta(hours=1)


def seal() -> int:
    """Seal all settled events. Return the number of new blocks."""
    if not _has_work():
        return 0
    signer = keys.load()
    for number in range(MAX_BLOCKS_PER_RUN):
        if not _seal_block(signer):
            return number
    return MAX_BLOCKS_PER_RUN


def _has_work() -> bool:
    head = blocks.head()
    settled = timezone.now() - SETTLING
    first = Event.objects.filter(pk__gt=head.last_id).order_by("pk").values_list("occurred", flat=True).first()
    return bool(first and first <= settled) or bool(_due_late(_pending_of(head), timezone.now()))


def _pending_of(head: Any) -> Pending:
    return head.pending if isinstance(head, AuditBlock) else []


def _seal_block(signer: keys.Signer) -> bool:
    with transaction.atomic():
        if not advisory_locks.try_acquire("audit-blocks"):
            return False
        head, now = blocks.head(), timezone.now()
        rows = _settled(head.last_id, now)
        late = _due_late(_pending_of(head), now)
        due = [row for row in rows if _is_final(row, now)]
        if not (late or due or len(rows) == BLOCK_EVENTS):
            return False
        leaves = [Leaf.of(row, signer) for row in [*late, *due]]
        last_id = rows[-1][ID] if rows else head.last_id
        pending = _without(_pending_of(head), {row[ID] for row in late}, now, is_complete=len(late) < BLOCK_EVENTS)
        pending += _missing(head.last_id + 1, last_id, [row[ID] for row in due], now)
        block = blocks.build(head, leaves, last_id, pending, now)
        block.signature = signer.sign(blocks.signed_text(block))
        block.save(force_insert=True)
        AuditBlock.objects.filter(number=block.number - 1).update(pending=[])
    # The log has its own place: a deletion of the newest blocks is detected with its last line.
    log.info("audit_block_sealed", head=str(block), events=len(leaves))
    return True


def _settled(last_id: int, now: datetime) -> list[tuple[Any, ...]]:
    """Return the next events, up to the first one that is not settled."""
    rows = list(Event.objects.filter(pk__gt=last_id).order_by("pk").values_list(*blocks.COLUMNS)[:BLOCK_EVENTS])
    unsettled = (number for number, row in enumerate(rows) if row[OCCURRED] > now - SETTLING)
    return rows[: next(unsettled, len(rows))]


def _is_final(row: tuple[Any, ...], now: datetime) -> bool:
    return row[TYPE] not in failed_access.TYPES or row[OCCURRED] <= now - COUNTING


def _due_late(pending: Pending, now: datetime) -> list[tuple[Any, ...]]:
    """Return the events with pending ids that do not change any longer."""
    if not pending:
        return []
    ids = Q()
    for first, last, _since in pending:
        ids |= Q(pk=first) if first == last else Q(pk__range=(first, last))
    final = Q(occurred__lte=now - COUNTING) | ~Q(event_type__in=failed_access.TYPES)
    return list(Event.objects.filter(ids, final).order_by("pk").values_list(*blocks.COLUMNS)[:BLOCK_EVENTS])


def _without(pending: Pending, sealed: set[int], now: datetime, *, is_complete: bool) -> Pending:
    """Return the ranges without the sealed ids, and without the ranges in which no event can appear any longer."""
    oldest = int((now - PENDING_LIFETIME).timestamp()) if is_complete else 0
    return [
        [*part, since]
        for first, last, since in pending
        if since >= oldest
        for part in _ranges(first, last, sorted(number for number in sealed if first <= number <= last))
    ]


def _missing(first: int, last: int, sealed: list[int], now: datetime) -> Pending:
    return [[*part, int(now.timestamp())] for part in _ranges(first, last, sealed)]


def _ranges(first: int, last: int, excluded: list[int]) -> list[list[int]]:
    """Return the ranges from `first` to `last` without the excluded numbers, which are sorted."""
    found = []
    for number in [*excluded, last + 1]:
        if first < number:
            found.append([first, number - 1])
        first = number + 1
    return found
