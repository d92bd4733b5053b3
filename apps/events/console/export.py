"""Export of the audit log as comma-separated values (RFC 4180)."""

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.events import cursor_pagination
from apps.events.models import Event

MAX_EVENTS = 100_000
BATCH_SIZE = 2_000
# Names of the events API.
COLUMNS = (
    *("occurred", "event_type", "user_id", "client_id", "app_name", "transaction_id", "client_ip", "user_agent"),
    *("details", "event_identifier"),
)
# A spreadsheet evaluates cells that begin with these as formulas (OWASP, CSV Injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_chunks(events: QuerySet[Event]) -> Iterator[str]:
    """Yield the table in parts: at most 100,000 events, newest first, and a note if there are more.

    No query is open between two parts, so a slow client occupies no database resources.
    """
    yield csv_text([COLUMNS])
    cursor, count = None, 0
    while count < MAX_EVENTS:
        batch = list(cursor_pagination.older(events, cursor)[: min(BATCH_SIZE, MAX_EVENTS - count)])
        if not batch:
            return
        yield csv_text(map(_cells, batch))
        cursor, count = cursor_pagination.Cursor.for_event(batch[-1]), count + len(batch)
    if cursor_pagination.older(events, cursor).exists():
        text = _("Truncated after %(count)d events. Filter by a shorter period to export older events.")
        yield csv_text([[text % {"count": count}]])


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """Return rows as CSV. Cells that a spreadsheet would evaluate are escaped."""
    text = StringIO()
    csv.writer(text).writerows([_escape_formula(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cells(event: Event) -> list[str]:
    return [
        event.occurred.isoformat(timespec="milliseconds"),
        event.event_type,
        event.user_id,
        event.client_id,
        event.app_name,
        str(event.transaction_id or ""),
        event.client_ip or "",
        event.user_agent,
        json.dumps(details, ensure_ascii=False) if (details := event.all_details) else "",
        str(event.event_identifier),
    ]


def _escape_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
