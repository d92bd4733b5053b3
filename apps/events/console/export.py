"""Export of the audit log as a signed file."""

from collections.abc import Iterable, Iterator

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.events import cursor_pagination
from apps.events.audit.exports import Writer, csv_row, escape_formula
from apps.events.models import Event

MAX_EVENTS = 100_000
BATCH_SIZE = 2_000


def chunks(events: QuerySet[Event], writer: Writer) -> Iterator[str]:
    """Yield the file in parts: at most 100,000 events, newest first, and a note if there are more.

    No query is open between two parts, so a slow client occupies no database resources.
    """
    yield writer.start()
    cursor, count = None, 0
    while count < MAX_EVENTS:
        batch = list(cursor_pagination.older(events, cursor)[: min(BATCH_SIZE, MAX_EVENTS - count)])
        if not batch:
            break
        yield writer.events(batch)
        cursor, count = cursor_pagination.Cursor.for_event(batch[-1]), count + len(batch)
    if count == MAX_EVENTS and cursor_pagination.older(events, cursor).exists():
        text = _("Truncated after %(count)d events. Filter by a shorter period to export older events.")
        yield writer.note(text % {"count": count})
    yield writer.end()


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """Return rows as CSV. Cells that a spreadsheet would evaluate are escaped."""
    return "".join(f"{csv_row(map(escape_formula, row))}\r\n" for row in rows)
