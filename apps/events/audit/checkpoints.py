"""Checkpoint of purges: it permits the deletion of old events without a gap in the chain."""

from datetime import datetime

from django.db import transaction

from apps.common import advisory_locks
from apps.common.encryption import CannotDecrypt
from apps.events.audit import blocks, keys
from apps.events.audit.blocks import Leaf
from apps.events.models import AuditBlock, AuditCheckpoint, AuditKey, Event


def record(*, events_before: datetime | None, failed_access_before: datetime | None) -> None:
    """Record a purge before it deletes events, so that an interrupted purge leaves no unexplained gap."""
    with transaction.atomic():
        advisory_locks.acquire("audit-checkpoint")
        checkpoint = AuditCheckpoint.objects.first() or AuditCheckpoint()
        checkpoint.events_before = _later(checkpoint.events_before, events_before)
        checkpoint.failed_access_before = _later(checkpoint.failed_access_before, failed_access_before)
        _save(checkpoint)


def remove_purged_blocks() -> int:
    """Delete the oldest blocks, as far as all their events were purged. The newest block stays. Return their number."""
    removed = 0
    while _remove_first_block():
        removed += 1
    return removed


def _remove_first_block() -> bool:
    with transaction.atomic():
        advisory_locks.acquire("audit-checkpoint")
        checkpoint = AuditCheckpoint.objects.first()
        block, *later = AuditBlock.objects.order_by("number")[:2] or [None]
        if checkpoint is None or block is None or not later:
            return False
        leaves = list(blocks.unpack(bytes(block.leaves)))
        ids = [leaf.id for leaf in leaves]
        if not all(permits(checkpoint, leaf) for leaf in leaves) or Event.objects.filter(pk__in=ids).exists():
            return False
        checkpoint.block_number, checkpoint.block_digest = block.number, block.digest
        checkpoint.last_id = block.last_id
        _save(checkpoint)
        block.delete()
    return True


def restart_without_key() -> None:
    """Start a new chain if the key cannot be decrypted. The old blocks cannot be verified without it."""
    try:
        keys.load()
    except CannotDecrypt:
        with transaction.atomic():
            for model in (AuditBlock, AuditCheckpoint, AuditKey):
                model._default_manager.all().delete()


def permits(checkpoint: AuditCheckpoint, leaf: Leaf) -> bool:
    """Return True if a recorded purge deletes this event."""
    bounds = [checkpoint.events_before, checkpoint.failed_access_before if leaf.is_failed_access else None]
    return any(bound is not None and leaf.occurred < blocks.microseconds(bound) for bound in bounds)


def is_intact(checkpoint: AuditCheckpoint, signer: keys.Signer) -> bool:
    """Return True if the checkpoint is signed, or was never stored."""
    return checkpoint._state.adding or signer.is_signed(_signed_text(checkpoint), checkpoint.signature)


def _save(checkpoint: AuditCheckpoint) -> None:
    checkpoint.signature = keys.load().sign(_signed_text(checkpoint))
    checkpoint.save()


def _signed_text(checkpoint: AuditCheckpoint) -> str:
    times = [checkpoint.events_before, checkpoint.failed_access_before]
    bounds = ["" if time is None else str(blocks.microseconds(time)) for time in times]
    position = [str(checkpoint.block_number), checkpoint.block_digest, str(checkpoint.last_id)]
    return "\n".join(["countersign audit checkpoint", *bounds, *position])


def _later(stored: datetime | None, time: datetime | None) -> datetime | None:
    return max(filter(None, [stored, time]), default=None)
