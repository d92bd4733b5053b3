"""Activity: the log in the console, filtered, paged by where a page ends, and taken away as a table."""

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
from tests.console.test_roles import browser_of
from tests.servers import BACKEND

LIST = "/admin/events/event/"
EXPORT = f"{LIST}export/"
START = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("PUSH_AUTH_INITIALIZED", "MOBILE_AUTH_AUTHENTICATED", "SMS_AUTH_INITIALIZED", "API_DEVICES_LISTED")


def transaction_of(number):
    return UUID(int=number // 4 + 1)


@pytest.fixture
def history(db):
    """130 events, two a minute, of four types, two users and two clients; details hold their numbers."""
    return Event.objects.bulk_create(
        Event(
            event_type=KINDS[number % 4],
            user_id="anna" if number % 2 else "bert",
            client_id="shop" if number % 3 else "bank",
            transaction_id=transaction_of(number),
            occurred=START + timedelta(minutes=number // 2),
            details={"number": number},
        )
        for number in range(130)
    )


def numbers(page):
    return [event.details["number"] for event in page.context["cl"].result_list]


def look(console, **filters):
    return console.get(f"{LIST}?{urlencode(filters, doseq=True)}")


def link(page, rel):
    """Follow a link of the pagination as a browser would; None when there is none."""
    found = re.findall(rf'href="([^"]*)" rel="{rel}"', page.content.decode())
    return LIST + found[0].replace("&amp;", "&") if found else None


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({}, lambda number: number >= 0),
        ({"user_id": "anna"}, lambda number: number % 2),
        ({"client_id": "bank"}, lambda number: number % 3 == 0),
        ({"transaction_id": str(transaction_of(40))}, lambda number: number // 4 == 10),
        ({"event_type": KINDS[0]}, lambda number: number % 4 == 0),
        ({"event_type": KINDS[:2]}, lambda number: number % 4 < 2),
        ({"exclude_event_type": KINDS[2:]}, lambda number: number % 4 < 2),
        ({"event_type": KINDS[:2], "exclude_event_type": KINDS[1]}, lambda number: number % 4 == 0),
        ({"occurred_from": "2026-01-01T00:10", "occurred_to": "2026-01-01T00:20"}, lambda number: 20 <= number < 42),
        ({"user_id": "bert", "client_id": "bank", "occurred_from": "2026-01-01T00:30"}, None),
        ({"user_id": "nobody"}, lambda number: number < 0),
        ({"event_type": "NONSENSE"}, lambda number: number < 0),
    ],
)
def test_filters_choose_and_pages_hold_each_event_once_newest_first(console, history, filters, fits):
    fits = fits or (lambda number: number % 6 == 0 and number >= 60)
    expected = [number for number in reversed(range(130)) if fits(number)]
    page = look(console, **filters)
    assert link(page, "prev") is None
    seen, pages = numbers(page), [numbers(page)]
    while following := link(page, "next"):
        page = console.get(following)
        pages.append(numbers(page))
        seen += pages[-1]
    assert seen == expected
    for earlier in reversed(pages[:-1]):
        page = console.get(link(page, "prev"))
        assert numbers(page) == earlier


def test_pages_stay_where_they_are_while_the_log_grows(console, history):
    second = link(look(console), "next")
    before = numbers(console.get(second))
    Event.objects.bulk_create(Event(event_type=KINDS[0], details={"number": 1000 + n}) for n in range(70))
    page = console.get(second)
    assert numbers(page) == before
    assert numbers(console.get(link(page, "first")))[0] == 1069


def test_of_one_moment_no_event_is_lost_between_pages(console, db):
    Event.objects.bulk_create(
        Event(event_type=KINDS[0], occurred=START, details={"number": number}) for number in range(120)
    )
    page = look(console)
    seen = numbers(page)
    while following := link(page, "next"):
        page = console.get(following)
        seen += numbers(page)
    assert seen == list(reversed(range(120)))


@pytest.mark.parametrize("place", ["nonsense", "1-2-3", "-1-5", "9" * 40, "9999999999999999-999999999999999999", ""])
def test_a_place_that_no_page_named_is_no_error(console, history, place):
    for name in ("older_than", "newer_than"):
        assert look(console, **{name: place}).status_code == 200


def test_a_new_filter_begins_at_the_newest_page(console, history):
    page = console.get(link(look(console, user_id="anna"), "next")).content.decode()
    form = page.partition('id="filter-form"')[2].partition("</form>")[0]
    assert "older_than" not in form
    assert 'value="anna"' in form


def test_the_filters_form_shows_what_is_chosen(console, history):
    page = look(console, event_type=KINDS[:2], exclude_event_type=KINDS[3]).content.decode()
    chosen = re.findall(r'<option value="(\w+)" selected', page)
    assert chosen == [KINDS[1], KINDS[0], KINDS[3]]


def test_the_log_is_only_looked_at(console, history):
    row = history[0]
    before = list(Event.objects.values())
    for method in ("post", "put", "delete"):
        for path in (LIST, EXPORT, f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/delete/", f"{LIST}add/"):
            getattr(console, method)(path, {"event_type": "X", "post": "yes"})
    assert list(Event.objects.values()) == before


def table(answer):
    return list(csv.reader(b"".join(answer.streaming_content).decode().splitlines(keepends=True)))


def test_the_export_holds_what_is_filtered_in_the_same_order(console, history):
    filters = {"user_id": "anna", "event_type": KINDS[1]}
    page = look(console, **filters)
    [path] = re.findall(r'href="(/admin/events/event/export/[^"]*)"', page.content.decode())
    answer = console.get(path.replace("&amp;", "&"))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="activity-\d{8}-\d{6}\.csv"', answer["Content-Disposition"])
    assert "no-store" in answer["Cache-Control"]
    head, *rows = table(answer)
    assert head[:3] == ["occurred", "event_type", "user_id"]
    lines = [dict(zip(head, row, strict=True)) for row in rows]
    assert [json.loads(line["details"])["number"] for line in lines] == list(range(129, 0, -4))
    assert lines[0]["occurred"] == "2026-01-01T01:04:00.000+00:00"
    assert lines[0]["transaction_id"] == str(transaction_of(129))
    taken = Event.objects.latest("id")
    assert taken.event_type == "ADMIN_EVENTS_EXPORTED"
    assert taken.details == {"who": "olga", "filters": {"user_id": ["anna"], "event_type": [KINDS[1]]}}


def test_the_export_of_one_page_is_of_everything_that_is_filtered(console, history):
    page = console.get(link(look(console), "next")).content.decode()
    [path] = re.findall(r'href="(/admin/events/event/export/[^"]*)"', page)
    assert len(table(console.get(path))) > 130


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(console, db, start):
    dangerous = f'{start}HYPERLINK("http://evil.example")'
    Event.objects.create(event_type=KINDS[0], user_id=dangerous, user_agent=dangerous, app_name="harm=less")
    answer = b"".join(console.get(f"{EXPORT}?event_type={KINDS[0]}").streaming_content).decode()
    [_head, row] = csv.reader(StringIO(answer, newline=""))
    assert row[2] == row[7] == f"'{dangerous}"
    assert row[4] == "harm=less"


@pytest.mark.parametrize(("limit", "is_cut"), [(128, True), (129, True), (130, False), (131, False)])
def test_an_export_that_was_cut_says_so_in_its_last_line(console, history, monkeypatch, limit, is_cut):
    monkeypatch.setattr(export, "MAX_EVENTS", limit)
    monkeypatch.setattr(export, "BATCH_SIZE", 50)
    _head, *rows = table(console.get(f"{EXPORT}?occurred_to=2026-02-01T00:00"))
    if is_cut:
        assert rows.pop() == [f"Truncated after {limit} events. Filter by a shorter period to export older events."]
    assert len(rows) == min(limit, 130)
    assert [json.loads(row[8])["number"] for row in rows] == list(reversed(range(130)))[:limit]


def test_an_export_takes_a_few_events_at_once_in_constant_questions(console, history, monkeypatch):
    monkeypatch.setattr(export, "BATCH_SIZE", 50)
    answer = console.get(EXPORT)
    with CaptureQueriesContext(connection) as queries:
        table(answer)
    # 131 with the export's own.
    assert len(queries) == 4


def test_an_export_is_for_those_who_see_the_log(history):
    assert browser_of("operator", "otto").get(EXPORT).status_code == 200
    assert browser_of("helpdesk", "hans").get(EXPORT).status_code == 403
    assert [event.details["who"] for event in Event.objects.filter(event_type="ADMIN_EVENTS_EXPORTED")] == ["otto"]


def test_an_export_of_an_unknown_filter_is_not_one_of_everything(console, history):
    assert console.get(f"{EXPORT}?nonsense=1").status_code == 400


ROWS = 20_000


@pytest.fixture
def long_history(db):
    """Enough for the planner to care: a year of four types, a hundred users, a hundred clients."""
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


def plans_of(console, path):
    """Run the list's own queries and return the nodes of each one's plan, the topmost first."""
    with CaptureQueriesContext(connection) as queries:
        assert console.get(path).status_code == 200
    for sql in [query["sql"] for query in queries if 'FROM "events_event"' in query["sql"]]:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
            [(found,)] = cursor.fetchall()
        nodes = [found[0]["Plan"]]
        for node in nodes:
            nodes.extend(node.get("Plans", []))
        yield nodes


# What is filtered, and the index that must find it.
QUESTIONS = [
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
def test_every_page_of_every_filter_reads_little_more_than_it_shows(console, long_history):
    middle = Event.objects.order_by("occurred")[ROWS // 2]
    deep = f"{(middle.occurred - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)}-{middle.pk}"
    for filters, index in QUESTIONS:
        for place in ({}, {"older_than": deep}, {"newer_than": deep}):
            plans = list(plans_of(console, f"{LIST}?{urlencode({**filters, **place}, doseq=True)}"))
            assert plans
            for nodes in plans:
                assert [node["Index Name"] for node in nodes if "Index Name" in node] == [index], (filters, place)
                # The deepest node reads; a page has 50, and two of three may be of a type that is left out.
                read = nodes[-1]["Actual Rows"] + nodes[-1].get("Rows Removed by Filter", 0)
                assert read <= 5 * 51, (filters, place, read)


def test_activity_shows_the_count_of_failed_access_at_once(console, client):
    with time_machine.travel(START, tick=False):
        for _time in range(3):
            assert client.get("/oauth/api/v1/events").status_code == 401
    event = Event.objects.get(event_type="API_AUTHENTICATION_FAILED")
    assert "API AUTHENTICATION FAILED (3)" in look(console).content.decode()
    page = console.get(f"{LIST}{event.pk}/change/").content.decode()
    assert "&quot;count&quot;: 3" in page
    assert "Last time (UTC)" in page
    exported = b"".join(console.get(EXPORT).streaming_content).decode()
    assert '""count"": 3' in exported
