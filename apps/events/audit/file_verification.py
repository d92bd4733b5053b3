"""Verify an exported file: its chain, its signature, and its events against the database."""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO
from uuid import UUID

from django.utils.translation import gettext as _

from apps.events import failed_access
from apps.events.audit import blocks, checkpoints, exports
from apps.events.audit.keys import Signer
from apps.events.models import AuditBlock, AuditCheckpoint, Event

LINES_AT_ONCE = 500


@dataclass(frozen=True)
class Line:
    """Line of a file. `text` is the text that its hash covers; `record` has the members or cells of an event."""

    number: int
    text: str
    hash: str
    record: Any
    identifier: str = ""
    signature: Any = None


class FileVerification:
    """Verification of a file. `problems` are generated while it is read."""

    def __init__(self, signer: Signer) -> None:
        self.events, self.head, self.exported_at = 0, "", ""
        self._signer = signer
        self._last_hash, self._lines = exports.FIRST_HASH, 0
        self._signature: Any = None

    def problems(self, stream: TextIO, file_format: str) -> Iterator[str]:
        batch: list[Line] = []
        for line in READERS[file_format](stream):
            if self._signature is not None:
                yield _("Line %(number)d: lines follow the signature.") % {"number": line.number}
            elif line.signature is not None:
                self._signature = line.signature
            else:
                yield from self._verify_line(line)
                batch.append(line)
            if len(batch) == LINES_AT_ONCE:
                yield from self._compare(batch)
                batch = []
        yield from self._compare(batch)
        yield from self._verify_signature()

    def _verify_line(self, line: Line) -> Iterator[str]:
        self._lines += 1
        if exports.next_hash(self._last_hash, line.text) != line.hash:
            text = _(
                "Line %(number)d (event %(event)s): the hash does not match. The line was changed, or lines before it "
                "were inserted, deleted or reordered."
            )
            yield text % {"number": line.number, "event": line.identifier or "-"}
        self._last_hash = line.hash

    def _verify_signature(self) -> Iterator[str]:
        if self._signature is None:
            yield _("The file has no signature at its end: lines at the end were deleted.")
            return
        values = self._signature if isinstance(self._signature, dict) else {}
        try:
            text, signature = exports.signed_text(values), str(values["signature"])
        except KeyError:
            text = signature = ""
        if not self._signer.is_signed(text, signature):
            yield _("The signature is invalid: it was changed, or another installation exported the file.")
            return
        self.head, self.exported_at = values["head"], values["exported_at"]
        if (values["lines"], values["hash"]) != (self._lines, self._last_hash):
            text = _(
                "The signature is for %(signed)d lines, but the file has %(found)d: lines were inserted or deleted."
            )
            yield text % {"signed": values["lines"], "found": self._lines}
        yield from self._verify_head()

    def _verify_head(self) -> Iterator[str]:
        """Compare the newest block at the time of the export with the database."""
        number, _colon, digest = self.head.partition(":")
        block = AuditBlock.objects.filter(number=int(number)).first()
        first = AuditCheckpoint.objects.first() or AuditCheckpoint()
        if block is None and int(number) <= first.block_number:
            return
        if block is None or block.digest != digest:
            text = _("Block %(number)s of the database is not the block at the time of the export.")
            yield text % {"number": number}

    def _compare(self, lines: Sequence[Line]) -> Iterator[str]:
        """Compare the events of a file with the stored ones."""
        events = [line for line in lines if line.identifier]
        identifiers = [identifier for line in events if (identifier := _uuid(line.identifier))]
        stored = Event.objects.in_bulk(identifiers, field_name="event_identifier") if identifiers else {}
        for line in events:
            self.events += 1
            yield from _compare_event(line, stored.get(_uuid(line.identifier)))


def _compare_event(line: Line, event: Event | None) -> Iterator[str]:
    values = {"number": line.number, "event": line.identifier}
    if event is None:
        if not _is_purged(line):
            yield _("Line %(number)d: event %(event)s is not in the database.") % values
        return
    if event.event_type in failed_access.TYPES and event.last_occurred is not None:
        # Its counter could change after the export.
        return
    stored = exports.members(event) if isinstance(line.record, dict) else exports.cells(event)
    if stored != line.record:
        yield _("Line %(number)d: event %(event)s differs from the database.") % values


def _is_purged(line: Line) -> bool:
    checkpoint = AuditCheckpoint.objects.first()
    record = line.record if isinstance(line.record, dict) else dict(zip(exports.COLUMNS, line.record, strict=False))
    try:
        occurred = datetime.fromisoformat(record["occurred"])
    except (KeyError, ValueError, TypeError):
        return False
    if checkpoint is None or occurred.tzinfo is None:
        return False
    is_failed_access = record.get("event_type") in failed_access.TYPES
    leaf = blocks.Leaf(0, blocks.microseconds(occurred.astimezone(UTC)), is_failed_access, UUID(int=0), b"")
    return checkpoints.permits(checkpoint, leaf)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _csv_lines(stream: TextIO) -> Iterator[Line]:
    reader, number = csv.reader(stream), 1
    for row in reader:
        if len(row) == 2 and row[0] == exports.SIGNATURE:
            yield Line(number, "", "", None, signature=_loads(row[1]) or {})
        else:
            *record, line_hash = row or [""]
            is_event = len(record) == len(exports.COLUMNS) and number > 1
            yield Line(number, exports.csv_row(record), line_hash, record, record[-1] if is_event else "")
        number = reader.line_num + 1


def _json_lines(stream: TextIO) -> Iterator[Line]:
    for number, text in enumerate(stream, 1):
        record = _loads(text)
        if set(record) == {exports.SIGNATURE}:
            yield Line(number, "", "", None, signature=record[exports.SIGNATURE])
            continue
        line_hash = str(record.pop("hash", ""))
        covered, _separator, _rest = text.rstrip("\n").rpartition(', "hash": "')
        yield Line(number, f"{covered}}}", line_hash, record, str(record.get("event_identifier", "")))


def _loads(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


READERS = {"csv": _csv_lines, "jsonl": _json_lines}
