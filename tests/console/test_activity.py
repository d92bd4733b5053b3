"""Activity: filters, cursor pagination and export of the audit log."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from urllib.parse import urlencode
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.events.console import export
from apps.events.models import Event
from tests.console.test_roles import sign_in_as
from tests.query_plans import analyzed_nodes
from tests.servers import BACKEND

LIST = "/admin/events/event/"
EXPORT = f"{LIST}export/"
START = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("PUSH_AUTH_INITIALIZED", "MOBILE_AUTH_AUTHENTICATED", "SMS_AUTH_INITIALIZED", "API_DEVICES_LISTED")


def event_transaction_id(number):
    return UUID(int=number // 4 + 1)


@pytest.fixture
def history(db):
    """130 events, two per minute, of four types, two users and two clients, numbered in their details."""
    return Event.objects.bulk_create(
        Event(
            event_type=KINDS[number % 4],
            user_id="anna" if number % 2 else "bert",
            client_id="shop" if number % 3 else "bank",
            transaction_id=event_transaction_id(number),
            occurred=START + timedelta(minutes=number // 2),
            details={"number": number},
        )
        for number in range(130)
    )


def numbers(page):
    return [event.details["number"] for event in page.context["cl"].result_list]


def get_list(console, **filters):
    return console.get(f"{LIST}?{urlencode(filters, doseq=True)}")


def link(page, rel):
    """Return the URL of a pagination link, or None."""
    found = re.findall(rf'href="([^"]*)" rel="{rel}"', page.content.decode())
    return LIST + found[0].replace("&amp;", "&") if found else None


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({}, lambda number: number >= 0),
        ({"user_id": "anna"}, lambda number: number % 2),
        ({"client_id": "bank"}, lambda number: number % 3 == 0),
        ({"transaction_id": str(event_transaction_id(40))}, lambda number: number // 4 == 10),
        ({"event_type": KINDS[0]}, lambda number: number % 4 == 0),
        ({"event_type": KINDS[:2]}, lambda number: number % 4 < 2),
        ({"exclude_event_type": KINDS[2:]}, lambda number: number % 4 < 2),
        ({"event_type": KINDS[:2], "exclude_event_type": KINDS[1]}, lambda number: number % 4 == 0),
        ({"occurred_from": "2026-01-01T00:10", "occurred_to": "2026-01-01T00:20"}, lambda number: 20 <= number < 42),
        ({"user_id": "bert", "client_id": "bank", "occurred_from": "2026-01-01T00:30"}, None),
        ({"user_id": "unknown"}, lambda number: number < 0),
        ({"event_type": "NONSENSE"}, lambda number: number < 0),
    ],
)
def test_pages_of_filtered_events_are_complete_and_sorted(console, history, filters, matches):
    matches = matches or (lambda number: number % 6 == 0 and number >= 60)
    expected = [number for number in reversed(range(130)) if matches(number)]
    page = get_list(console, **filters)
    assert link(page, "prev") is None
    listed_numbers, pages = numbers(page), [numbers(page)]
    while following := link(page, "next"):
        page = console.get(following)
        pages.append(numbers(page))
        listed_numbers += pages[-1]
    assert listed_numbers == expected
    for earlier in reversed(pages[:-1]):
        page = console.get(link(page, "prev"))
        assert numbers(page) == earlier


def test_pages_are_stable_while_events_are_added(console, history):
    second = link(get_list(console), "next")
    before = numbers(console.get(second))
    Event.objects.bulk_create(
        Event(event_type=KINDS[0], details={"number": 1000 + event_number}) for event_number in range(70)
    )
    page = console.get(second)
    assert numbers(page) == before
    assert numbers(console.get(link(page, "first")))[0] == 1069


def test_events_of_one_timestamp_are_all_listed(console, db):
    Event.objects.bulk_create(
        Event(event_type=KINDS[0], occurred=START, details={"number": number}) for number in range(120)
    )
    page = get_list(console)
    listed_numbers = numbers(page)
    while following := link(page, "next"):
        page = console.get(following)
        listed_numbers += numbers(page)
    assert listed_numbers == list(reversed(range(120)))


@pytest.mark.parametrize("place", ["nonsense", "1-2-3", "-1-5", "9" * 40, "9999999999999999-999999999999999999", ""])
def test_invalid_cursor_is_ignored(console, history, place):
    for name in ("older_than", "newer_than"):
        assert get_list(console, **{name: place}).status_code == 200


def test_new_filter_starts_at_newest_page(console, history):
    page = console.get(link(get_list(console, user_id="anna"), "next")).content.decode()
    form = page.partition('id="filter-form"')[2].partition("</form>")[0]
    assert "older_than" not in form
    assert 'value="anna"' in form


def test_filter_form_shows_current_values(console, history):
    page = get_list(console, event_type=KINDS[:2], exclude_event_type=KINDS[3]).content.decode()
    chosen = re.findall(r'<option value="(\w+)" selected', page)
    assert sorted(chosen) == sorted([KINDS[1], KINDS[0], KINDS[3]])


def test_events_are_read_only(console, history):
    row = history[0]
    before = list(Event.objects.values())
    for method in ("post", "put", "delete"):
        for path in (LIST, EXPORT, f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/delete/", f"{LIST}add/"):
            getattr(console, method)(path, {"event_type": "X", "post": "yes"})
    assert list(Event.objects.values()) == before


def table(response):
    """Return the rows of an exported file without their hashes and the signature."""
    rows = list(csv.reader(StringIO(b"".join(response.streaming_content).decode(), newline="")))
    assert rows.pop()[0] == "signature"
    return [row[:-1] for row in rows]


def test_export_contains_filtered_events_in_order(console, history):
    filters = {"user_id": "anna", "event_type": KINDS[1]}
    page = get_list(console, **filters)
    [path] = re.findall(r'href="(/admin/events/event/export/[^"]*)"', page.content.decode())
    response = console.get(path.replace("&amp;", "&"))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="activity-\d{8}-\d{6}\.csv"', response["Content-Disposition"])
    assert "no-store" in response["Cache-Control"]
    head, *rows = table(response)
    assert head[:3] == ["occurred", "event_type", "user_id"]
    lines = [dict(zip(head, row, strict=True)) for row in rows]
    assert [json.loads(line["details"])["number"] for line in lines] == list(range(129, 0, -4))
    assert lines[0]["occurred"] == "2026-01-01T01:04:00.000+00:00"
    assert lines[0]["transaction_id"] == str(event_transaction_id(129))
    export_event = Event.objects.latest("id")
    assert export_event.event_type == "ADMIN_EVENTS_EXPORTED"
    assert export_event.details == {"who": "olga", "filters": {"user_id": ["anna"], "event_type": [KINDS[1]]}}


def test_export_ignores_current_page(console, history):
    page = console.get(link(get_list(console), "next")).content.decode()
    [path] = re.findall(r'href="(/admin/events/event/export/[^"]*)"', page)
    assert len(table(console.get(path))) > 130


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_export_escapes_formulas(console, db, start):
    dangerous = f'{start}HYPERLINK("http://evil.example")'
    Event.objects.create(event_type=KINDS[0], user_id=dangerous, user_agent=dangerous, app_name="harm=less")
    [_head, row] = table(console.get(f"{EXPORT}?event_type={KINDS[0]}"))
    assert row[2] == row[7] == f"'{dangerous}"
    assert row[4] == "harm=less"


@pytest.mark.parametrize(("limit", "is_cut"), [(128, True), (129, True), (130, False), (131, False)])
def test_truncated_export_ends_with_note(console, history, monkeypatch, limit, is_cut):
    monkeypatch.setattr(export, "MAX_EVENTS", limit)
    monkeypatch.setattr(export, "BATCH_SIZE", 50)
    _head, *rows = table(console.get(f"{EXPORT}?occurred_to=2026-02-01T00:00"))
    if is_cut:
        assert rows.pop() == [f"Truncated after {limit} events. Filter by a shorter period to export older events."]
    assert len(rows) == min(limit, 130)
    assert [json.loads(row[8])["number"] for row in rows] == list(reversed(range(130)))[:limit]


def test_export_reads_batches_with_constant_queries(console, history, monkeypatch):
    monkeypatch.setattr(export, "BATCH_SIZE", 50)
    response = console.get(EXPORT)
    with CaptureQueriesContext(connection) as queries:
        table(response)
    # 131 with the event of the export.
    assert len(queries) == 4


def test_export_requires_view_permission(history):
    assert sign_in_as("operator", "otto").get(EXPORT).status_code == 200
    assert sign_in_as("helpdesk", "hans").get(EXPORT).status_code == 403
    assert [event.details["who"] for event in Event.objects.filter(event_type="ADMIN_EVENTS_EXPORTED")] == ["otto"]


def test_export_rejects_unknown_filter(console, history):
    assert console.get(f"{EXPORT}?nonsense=1").status_code == 400


ROWS = 20_000


@pytest.fixture
def long_history(db):
    """Enough rows for realistic query plans: a year of events of four types, 100 users and 100 clients."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_event (event_identifier, event_type, user_id, client_id, app_name, transaction_id,
                                      user_agent, occurred, details)
            SELECT gen_random_uuid(), (%s::text[])[CASE WHEN n %% 100 = 0 THEN 4 ELSE n %% 3 + 1 END],
                   'user-' || n %% 100, 'client-' || n %% 100, '', lpad(to_hex(n / 5), 32, '0')::uuid, '',
                   %s + n * interval '25 minutes', '{}'
            FROM generate_series(1, %s) AS n
            """,
            [list(KINDS), START - timedelta(days=400), ROWS],
        )
        cursor.execute("ANALYZE events_event")


def query_plans(console, path):
    """Run the list's queries and return the plan nodes of each query, topmost first."""
    with CaptureQueriesContext(connection) as queries:
        assert console.get(path).status_code == 200
    for sql in [query["sql"] for query in queries if 'FROM "events_event"' in query["sql"]]:
        yield analyzed_nodes(sql)


# The filters and the index that each must use.
FILTERS = [
    ({}, "event_newest"),
    ({"user_id": "user-7"}, "event_newest_of_user"),
    ({"client_id": "client-2"}, "event_newest_of_client"),
    ({"event_type": KINDS[3]}, "event_newest_of_type"),
    ({"transaction_id": str(UUID(int=1500))}, "event_newest_of_transaction"),
    ({"occurred_from": "2025-03-01T00:00", "occurred_to": "2025-06-01T00:00"}, "event_newest"),
    ({"client_id": "client-2", "occurred_to": "2025-03-01T00:00"}, "event_newest_of_client"),
    ({"event_type": KINDS[:2]}, "event_newest"),
    ({"exclude_event_type": KINDS[:2]}, "event_newest"),
]


@pytest.mark.skipif(BACKEND != "postgres", reason="PostgreSQL's planner")
def test_every_filter_uses_an_index(console, long_history):
    middle = Event.objects.order_by("occurred")[ROWS // 2]
    deep = f"{(middle.occurred - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}-{middle.pk}"
    for filters, index in FILTERS:
        for place in ({}, {"older_than": deep}, {"newer_than": deep}):
            plans = list(query_plans(console, f"{LIST}?{urlencode({**filters, **place}, doseq=True)}"))
            assert plans
            for nodes in plans:
                assert [node["Index Name"] for node in nodes if "Index Name" in node] == [index], (filters, place)
                # The deepest node reads the rows. A page has 50, and two of three rows may be of an excluded type.
                read = nodes[-1]["Actual Rows"] + nodes[-1].get("Rows Removed by Filter", 0)
                assert read <= 5 * 51, (filters, place, read)


def test_activity_shows_current_count_of_failed_access(console, client):
    with time_machine.travel(START, tick=False):
        for _time in range(3):
            assert client.get("/oauth/api/v1/events").status_code == 401
    event = Event.objects.get(event_type="API_AUTHENTICATION_FAILED")
    assert "API access rejected (3)" in get_list(console).content.decode()
    page = console.get(f"{LIST}{event.pk}/change/").content.decode()
    assert '<th scope="row">Number</th><td>3</td>' in page
    assert "Last time (UTC)" in page
    exported = b"".join(console.get(EXPORT).streaming_content).decode()
    assert '""count"": 3' in exported
