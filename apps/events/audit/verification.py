"""Verify the stored events against the sealed blocks, and name each difference."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.encryption import CannotDecrypt
from apps.events.audit import blocks, checkpoints, keys
from apps.events.audit.blocks import ID, IDENTIFIER, Leaf
from apps.events.models import AuditBlock, AuditCheckpoint, Event

# A worker seals events within seconds. Without a worker, nothing protects the new events.
MAX_UNSEALED = timedelta(minutes=15)
IDS_AT_ONCE = 500


class Verification:
    """Verification of the database. `problems` are generated while the log is read, and the counts with them."""

    def __init__(self, expected_head: tuple[int, str] | None = None) -> None:
        self.blocks = self.events = self.purged = self.unsealed = 0
        self.head = ""
        self._last_id, self._pending = 0, blocks.Pending()
        self._expected = expected_head
        # Events in the range of a block that are not among its leaves: a later block can contain them.
        self._unexplained: dict[int, UUID] = {}

    def problems(self) -> Iterator[str]:
        try:
            self._signer = keys.load()
        except CannotDecrypt:
            yield _("The audit key cannot be decrypted. Set the FIELD_ENCRYPTION_KEYS of this database.")
            return
        self._checkpoint = AuditCheckpoint.objects.first() or AuditCheckpoint()
        if not checkpoints.is_intact(self._checkpoint, self._signer):
            yield _("The checkpoint of purges was changed: its signature is invalid.")
            self._checkpoint = AuditCheckpoint()
        yield from self._verify_chain()
        yield from self._verify_remaining()

    def _verify_chain(self) -> Iterator[str]:
        previous: AuditBlock | AuditCheckpoint = self._checkpoint
        for block in AuditBlock.objects.order_by("number").iterator(chunk_size=20):
            yield from _verify_link(previous, block)
            yield from self._verify_seal(block)
            yield from self._verify_events(previous.last_id, block)
            self.blocks += 1
            previous = block
        yield from self._verify_head(previous)
        self._last_id = previous.last_id
        if isinstance(previous, AuditBlock):
            if blocks.pending_digest(previous.pending) == previous.pending_digest:
                self._pending = previous.pending
            else:
                yield _("Block %(number)d was changed: its pending ids do not match.") % {"number": previous.number}

    def _verify_seal(self, block: AuditBlock) -> Iterator[str]:
        is_intact = blocks.digest_of(block) == block.digest
        if not is_intact or not self._signer.is_signed(blocks.signed_text(block), block.signature):
            yield _("Block %(number)d was changed: its signature is invalid.") % {"number": block.number}

    def _verify_events(self, previous_last_id: int, block: AuditBlock) -> Iterator[str]:
        """Compare the events of a block with its leaves."""
        leaves = {leaf.id: leaf for leaf in _leaves(block)}
        rows = {row[ID]: row for row in _rows(pk__gt=previous_last_id, pk__lte=block.last_id)}
        late = [number for number in leaves if number <= previous_last_id]
        for start in range(0, len(late), IDS_AT_ONCE):
            rows |= {row[ID]: row for row in _rows(pk__in=late[start : start + IDS_AT_ONCE])}
        for number, leaf in leaves.items():
            self._unexplained.pop(number, None)
            yield from self._verify_event(leaf, rows.pop(number, None), block)
        self._unexplained |= {number: row[IDENTIFIER] for number, row in rows.items()}

    def _verify_event(self, leaf: Leaf, row: tuple[Any, ...] | None, block: AuditBlock) -> Iterator[str]:
        values = {"event": leaf.identifier, "id": leaf.id, "number": block.number}
        if row is None:
            if checkpoints.permits(self._checkpoint, leaf):
                self.purged += 1
            else:
                yield _("Event %(event)s (row %(id)d, block %(number)d) was deleted.") % values
            return
        self.events += 1
        if Leaf.of(row, self._signer) != leaf:
            yield _("Event %(event)s (row %(id)d, block %(number)d) was changed.") % values

    def _verify_head(self, last: AuditBlock | AuditCheckpoint) -> Iterator[str]:
        number, digest = blocks.position(last)
        self.head = f"{number}:{digest}"
        if self._expected and not self._has_block(*self._expected):
            text = _("Block %(number)d does not have the expected digest: blocks were deleted or replaced.")
            yield text % {"number": self._expected[0]}

    def _has_block(self, number: int, digest: str) -> bool:
        if number < self._checkpoint.block_number:
            # The block was deleted with its events. The chain after the checkpoint is verified.
            return True
        is_checkpoint = (number, digest) == blocks.position(self._checkpoint)
        return is_checkpoint or AuditBlock.objects.filter(number=number, digest=digest).exists()

    def _verify_remaining(self) -> Iterator[str]:
        """Name inserted events, and count the unsealed ones."""
        for number, identifier in self._unexplained.items():
            if any(first <= number <= last for first, last, _since in self._pending):
                self.unsealed += 1
            else:
                text = _("Event %(event)s (row %(id)d) was inserted after its block was sealed.")
                yield text % {"event": identifier, "id": number}
        unsealed = Event.objects.filter(pk__gt=self._last_id)
        self.unsealed += unsealed.count()
        oldest = unsealed.order_by("pk").values_list("occurred", flat=True).first()
        if oldest and oldest < timezone.now() - MAX_UNSEALED:
            text = _("The events since %(time)s are not sealed. No worker has sealed them, or blocks were deleted.")
            yield text % {"time": oldest.isoformat(timespec="seconds")}


def _verify_link(previous: AuditBlock | AuditCheckpoint, block: AuditBlock) -> Iterator[str]:
    number, digest = blocks.position(previous)
    if block.number != number + 1:
        text = _("The blocks from %(first)d to %(last)d were deleted.")
        yield text % {"first": number + 1, "last": block.number - 1}
    elif block.previous_digest != digest:
        yield _("Block %(number)d does not follow the previous block.") % {"number": block.number}


def _leaves(block: AuditBlock) -> list[Leaf]:
    """Return the leaves of a block. A damaged part at the end is left out: the signature reports it."""
    leaves = bytes(block.leaves)
    return list(blocks.unpack(leaves[: len(leaves) - len(leaves) % blocks.LEAF.size]))


def _rows(**conditions: object) -> Iterator[tuple[Any, ...]]:
    return Event.objects.filter(**conditions).order_by().values_list(*blocks.COLUMNS).iterator()
