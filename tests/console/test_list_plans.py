"""Query plans of the console's lists on PostgreSQL: a filter that matches nothing reads no rows of a large table."""

from datetime import timedelta
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.events.models import Event
from apps.transactions.models import Transaction
from tests import factories
from tests.query_plans import analyzed_nodes
from tests.servers import BACKEND

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(BACKEND != "postgres", reason="PostgreSQL's planner"),
]
ROWS = 30_000


def fill(row, **values):
    """Insert copies of a row, one minute apart. The values are SQL of the number `n`."""
    table = row._meta.db_table
    columns = [field.column for field in row._meta.concrete_fields if field.column not in ("id", *values)]
    names, expressions = zip(*values.items(), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join((*names, *columns))})"
            f" SELECT {', '.join((*expressions, *columns))} FROM {table}, generate_series(1, {ROWS}) AS n"
        )
        cursor.execute(f"ANALYZE {table}")


def matches_and_rows_read(console, model, path):
    """Return the number of rows in the list, and of the rows that its queries read in vain."""
    with CaptureQueriesContext(connection) as queries:
        page = console.get(path)
    statements = [query["sql"] for query in queries if f'FROM "{model._meta.db_table}"' in query["sql"]]
    removed = sum(node.get("Rows Removed by Filter", 0) for sql in statements for node in analyzed_nodes(sql))
    return len(page.context["cl"].result_list), removed


@pytest.fixture
def transactions(db):
    """Two clients with one type each; a third client without transactions."""
    clients = [factories.ApiClientFactory() for _ in range(3)]
    now = timezone.now()
    row = Transaction.objects.create(
        client=clients[0],
        type_name="login",
        method="push",
        token="x",
        message="x" * 300,
        status="authenticated",
        created_at=now,
        expires_at=now,
        ended_at=now,
    )
    fill(
        row,
        id="gen_random_uuid()",
        created_at="created_at - n * interval '1 minute'",
        client_id=f"CASE WHEN n % 2 = 0 THEN {clients[0].pk} ELSE {clients[1].pk} END",
        type_name="CASE WHEN n % 2 = 0 THEN 'login' ELSE 'payment' END",
        status="CASE WHEN n % 20 = 0 THEN 'expired' ELSE 'authenticated' END",
    )
    return clients


@pytest.mark.parametrize(
    "filters",
    [
        {"status": "cancelled"},
        {"status": "pending"},
        {"client": 2},
        {"type_name": "none"},
        {"user_id": "none"},
        {"q": "none"},
        {"created_at_to": "2020-01-01T00:00"},
        {"status": "cancelled", "client": 0},
        {"status": "expired", "client": 1},
        {"status": "expired", "type_name": "payment"},
        {"status": "authenticated", "type_name": "none"},
        {"status": "pending", "client": 1},
        {"client": 0, "type_name": "payment"},
        {"client": 1, "type_name": "login", "status": "authenticated"},
        {"reason": "failed_to_send"},
        {"reason": "not_accepted", "client": 1},
        {"callback": "failed"},
        {"callback": "undelivered", "status": "authenticated"},
        {"callback": "retrying", "user_id": "none"},
    ],
)
def test_transaction_filters_without_matches_read_no_rows(console, transactions, filters):
    if "client" in filters:
        filters = {**filters, "client": transactions[filters["client"]].pk}
    path = f"/admin/transactions/transaction/?{urlencode(filters)}"
    assert matches_and_rows_read(console, Transaction, path) == (0, 0)


def test_status_filter_keeps_its_plan_for_rare_values(console, transactions):
    """PostgreSQL can use one plan for all values after the fifth execution of a prepared statement."""
    for status in ["authenticated"] * 12 + ["cancelled"]:
        page = console.get(f"/admin/transactions/transaction/?status={status}")
        assert bool(page.context["cl"].result_list) == (status == "authenticated")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements WHERE statement LIKE %s",
            ['%FROM "transactions_transaction"%'],
        )
        custom, generic = cursor.fetchone()
    assert custom > 5
    assert generic == 0


@pytest.mark.parametrize(
    "filters",
    [
        {"exclude_event_type": ["PUSH_AUTH_INITIALIZED", "SMS_AUTH_INITIALIZED"]},
        {"event_type": "PUSH_AUTH_INITIALIZED", "exclude_event_type": "PUSH_AUTH_INITIALIZED"},
        {"event_type": "PUSH_AUTH_INITIALIZED", "client_id": "none"},
    ],
)
def test_event_filters_without_matches_read_no_rows(console, db, filters):
    row = Event.objects.create(event_type="PUSH_AUTH_INITIALIZED", client_id="shop", user_agent="x" * 300)
    fill(
        row,
        event_identifier="gen_random_uuid()",
        occurred="occurred - n * interval '1 minute'",
        event_type="CASE WHEN n % 2 = 0 THEN 'PUSH_AUTH_INITIALIZED' ELSE 'SMS_AUTH_INITIALIZED' END",
    )
    # Events of the sign-in to the console.
    Event.objects.exclude(event_type__in=["PUSH_AUTH_INITIALIZED", "SMS_AUTH_INITIALIZED"]).delete()
    path = f"/admin/events/event/?{urlencode(filters, doseq=True)}"
    assert matches_and_rows_read(console, Event, path) == (0, 0)


@pytest.mark.parametrize(
    "filters",
    [
        {"state": "due"},
        {"state": "retrying"},
        {"state": "undelivered", "url": "https://none.example.com/"},
        {"state": "done", "url": "https://failing.example.com/"},
        {"state": "failed", "url": "https://portal.example.com/"},
        {"url": "https://none.example.com/"},
    ],
)
def test_callback_filters_without_matches_read_no_rows(console, db, filters):
    ended_at = timezone.now() - timedelta(minutes=1)
    row = CallbackDelivery.objects.create(
        transaction_id=uuid4(),
        url="https://portal.example.com/",
        state="done",
        ended_at=ended_at,
    )
    fill(
        row,
        id="gen_random_uuid()",
        transaction_id="gen_random_uuid()",
        created_at="created_at - n * interval '1 minute'",
        state="CASE WHEN n % 2 = 0 THEN 'done' ELSE 'failed' END",
        url="CASE WHEN n % 2 = 0 THEN 'https://portal.example.com/' ELSE 'https://failing.example.com/' END",
    )
    path = f"/admin/callbacks/callbackdelivery/?{urlencode(filters)}"
    assert matches_and_rows_read(console, CallbackDelivery, path) == (0, 0)
