"""The log as a table for a spreadsheet: comma-separated values, RFC 4180."""

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.events import cursor_pagination
from apps.events.models import Event

MAX_EVENTS = 100_000
EVENTS_AT_ONCE = 2_000
# The events API's names.
COLUMNS = (
    *("occurred", "event_type", "user_id", "client_id", "app_name", "transaction_id", "client_ip", "user_agent"),
    *("details", "event_identifier"),
)
# Spreadsheets take a text that begins so for a formula (OWASP, CSV Injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def lines(events: QuerySet[Event]) -> Iterator[str]:
    """Yield the table in pieces: at most 100,000 events, newest first; a last line says so when there are more.

    Nothing is held open between pieces, however slowly they are taken.
    """
    yield _table([COLUMNS])
    cursor, count = None, 0
    while count < MAX_EVENTS:
        found = list(cursor_pagination.older(events, cursor)[: min(EVENTS_AT_ONCE, MAX_EVENTS - count)])
        if not found:
            return
        yield _table(map(_cells, found))
        cursor, count = cursor_pagination.Cursor.for_event(found[-1]), count + len(found)
    if cursor_pagination.older(events, cursor).exists():
        text = _("Cut after %(count)d events: there are older ones. Filter by a shorter period to get them.")
        yield _table([[text % {"count": count}]])


def _table(rows: Iterable[Iterable[str]]) -> str:
    text = StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
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


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
