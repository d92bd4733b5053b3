"""Format of the sealed blocks: canonical events, leaves, digests."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from struct import Struct
from typing import Any, Self
from uuid import UUID

from apps.events import failed_access
from apps.events.audit.keys import Signer
from apps.events.models import AuditBlock, AuditCheckpoint
from apps.events.services import EPOCH

# Columns of an event, in the order of its canonical form.
COLUMNS = (
    *("id", "event_identifier", "event_type", "occurred", "user_id", "client_id", "app_name", "transaction_id"),
    *("client_ip", "user_agent", "details", "count", "last_occurred"),
)
ID, IDENTIFIER, TYPE, OCCURRED = range(4)
MICROSECOND = timedelta(microseconds=1)
LEAF = Struct(">QQ?16s16s")
FIRST_DIGEST = "0" * 64
# Ranges of ids, each with the time in seconds at which it became pending.
Pending = list[list[int]]


@dataclass(frozen=True)
class Leaf:
    """Hash of one event in a block, with what is needed to name the event after its deletion."""

    id: int
    occurred: int
    is_failed_access: bool
    identifier: UUID
    hash: bytes

    @classmethod
    def of(cls, row: Sequence[Any], signer: Signer) -> Self:
        """Return the leaf of an event, which is a row of COLUMNS."""
        is_failed_access = row[TYPE] in failed_access.TYPES
        occurred = microseconds(row[OCCURRED])
        return cls(row[ID], occurred, is_failed_access, row[IDENTIFIER], signer.leaf_hash(_canonical(row)))

    def pack(self) -> bytes:
        return LEAF.pack(self.id, self.occurred, self.is_failed_access, self.identifier.bytes, self.hash)


def _canonical(row: Sequence[Any]) -> bytes:
    return json.dumps(row, sort_keys=True, separators=(",", ":"), default=str).encode()


def microseconds(time: datetime) -> int:
    return (time - EPOCH) // MICROSECOND


def unpack(leaves: bytes) -> Iterator[Leaf]:
    """Yield the leaves of a block. Raises struct.error if the length is wrong."""
    for number, occurred, is_failed_access, identifier, leaf_hash in LEAF.iter_unpack(leaves):
        yield Leaf(number, occurred, is_failed_access, UUID(bytes=identifier), leaf_hash)


def build(
    previous: AuditBlock | AuditCheckpoint, leaves: Sequence[Leaf], last_id: int, pending: Pending, sealed_at: datetime
) -> AuditBlock:
    """Return the unsigned block that follows `previous`."""
    number, digest = position(previous)
    block = AuditBlock(
        number=number + 1,
        last_id=last_id,
        leaves=b"".join(leaf.pack() for leaf in leaves),
        pending=pending,
        pending_digest=pending_digest(pending),
        previous_digest=digest,
        sealed_at=sealed_at,
    )
    block.digest = digest_of(block)
    return block


def position(previous: AuditBlock | AuditCheckpoint) -> tuple[int, str]:
    """Return the number and the digest after which the next block follows."""
    if isinstance(previous, AuditBlock):
        return previous.number, previous.digest
    return previous.block_number, previous.block_digest or FIRST_DIGEST


def digest_of(block: AuditBlock) -> str:
    leaves = sha256(bytes(block.leaves)).hexdigest()
    sealed_at = microseconds(block.sealed_at)
    values = [block.number, block.previous_digest, block.last_id, leaves, block.pending_digest, sealed_at]
    return sha256(json.dumps(values).encode()).hexdigest()


def pending_digest(pending: Pending) -> str:
    return sha256(json.dumps(pending).encode()).hexdigest()


def signed_text(block: AuditBlock) -> str:
    return f"countersign audit block\n{block.number}\n{block.digest}"


def head() -> AuditBlock | AuditCheckpoint:
    """Return the newest block, or the checkpoint if there are no blocks."""
    return AuditBlock.objects.order_by("-number").first() or AuditCheckpoint.objects.first() or AuditCheckpoint()
