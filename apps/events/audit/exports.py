"""Files of exported events, as comma-separated values (RFC 4180) or JSON lines.

Each line has the hash of itself and of all lines before it. The last line signs the last hash.
"""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from io import StringIO
from typing import Any

from django.utils import timezone

from apps.events.audit import blocks
from apps.events.audit.keys import Signer
from apps.events.models import Event

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
# Names of the events API.
COLUMNS = (
    *("occurred", "event_type", "user_id", "client_id", "app_name", "transaction_id", "client_ip", "user_agent"),
    *("details", "event_identifier"),
)
SIGNATURE = "signature"
FIRST_HASH = sha256(b"countersign audit export").hexdigest()
# A spreadsheet evaluates cells that begin with these as formulas (OWASP, CSV Injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass
class Chain:
    """Hashes of the lines of a file."""

    signer: Signer
    last_hash: str = FIRST_HASH
    lines: int = 0
    head: str = field(default_factory=lambda: ":".join(map(str, blocks.position(blocks.head()))))

    def add(self, text: str) -> str:
        """Return the hash of the next line, whose text has no hash and no line break at its end."""
        self.last_hash, self.lines = next_hash(self.last_hash, text), self.lines + 1
        return self.last_hash

    def signature(self) -> dict[str, Any]:
        values = {
            "lines": self.lines,
            "hash": self.last_hash,
            "exported_at": timezone.now().isoformat(timespec="milliseconds"),
            "head": self.head,
            "public_key": self.signer.public_key,
        }
        return {**values, "signature": self.signer.sign(signed_text(values))}


def next_hash(previous: str, text: str) -> str:
    return sha256(f"{previous}\n{text}".encode(errors="surrogatepass")).hexdigest()


def signed_text(values: dict[str, Any]) -> str:
    parts = [values["lines"], values["hash"], values["exported_at"], values["head"]]
    return "\n".join(["countersign audit export", *map(str, parts)])


class Writer:
    """Lines of a file in one format. All methods return lines with their line breaks."""

    def __init__(self, signer: Signer) -> None:
        self.chain = Chain(signer)

    def start(self) -> str:
        return ""

    def events(self, events: Iterable[Event]) -> str:
        raise NotImplementedError

    def note(self, text: str) -> str:
        raise NotImplementedError

    def end(self) -> str:
        raise NotImplementedError


class CsvWriter(Writer):
    def start(self) -> str:
        return self._line(COLUMNS)

    def events(self, events: Iterable[Event]) -> str:
        return "".join(self._line(cells(event)) for event in events)

    def note(self, text: str) -> str:
        return self._line([text])

    def end(self) -> str:
        return csv_row([SIGNATURE, json.dumps(self.chain.signature())]) + "\r\n"

    def _line(self, values: Iterable[str]) -> str:
        text = csv_row(values)
        return f"{text},{self.chain.add(text)}\r\n"


class JsonLinesWriter(Writer):
    def events(self, events: Iterable[Event]) -> str:
        return "".join(self._line(members(event)) for event in events)

    def note(self, text: str) -> str:
        return self._line({"note": text})

    def end(self) -> str:
        return json.dumps({SIGNATURE: self.chain.signature()}) + "\n"

    def _line(self, values: dict[str, Any]) -> str:
        text = json_text(values)
        return f'{text[:-1]}, "hash": "{self.chain.add(text)}"}}\n'


WRITERS: dict[str, type[Writer]] = {"csv": CsvWriter, "jsonl": JsonLinesWriter}


def members(event: Event) -> dict[str, Any]:
    return {
        "occurred": event.occurred.isoformat(timespec="milliseconds"),
        "event_type": event.event_type,
        "user_id": event.user_id,
        "client_id": event.client_id,
        "app_name": event.app_name,
        "transaction_id": str(event.transaction_id or ""),
        "client_ip": event.client_ip or "",
        "user_agent": event.user_agent,
        "details": event.all_details,
        "event_identifier": str(event.event_identifier),
    }


def cells(event: Event) -> list[str]:
    values = members(event)
    details = json.dumps(values["details"], ensure_ascii=False) if values["details"] else ""
    return [*map(escape_formula, map(str, {**values, "details": details}.values()))]


def escape_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def csv_row(values: Iterable[str]) -> str:
    """Return a row of a table without its line break."""
    text = StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


def json_text(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)
