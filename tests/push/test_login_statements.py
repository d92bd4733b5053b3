"""The database statements of a whole login by push, and the comparison of compiled statements with the ORM."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.callbacks import delivery as callback_delivery
from apps.callbacks.models import CallbackDelivery
from apps.common import short_cache, statements
from apps.outbox import claims
from apps.transactions.methods.push import delivery as push_delivery
from apps.transactions.models import PushDelivery, Transaction
from tests.fakes.portal import Portal
from tests.push import provider_cases

# The worker's steps return their connections to the pool, which ends a database transaction of the test.
pytestmark = pytest.mark.django_db(transaction=True)

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
MAX_STATEMENTS, MAX_COMMITS = 25, 15


@pytest.fixture
def provider_case():
    return provider_cases.FCM_V1


@pytest.fixture
def login(push_flow, mobile_type, device, settings):
    """Run a login by push through the APIs and the worker's steps, and return the id of its transaction."""
    settings.CONFIGURATION_CACHE_SECONDS = 600
    with Portal() as portal_of_callbacks:

        def run():
            callback_uri = f"{portal_of_callbacks.url}/callback"
            transaction_id = push_flow.start(mobile_type, device, callback_uri=callback_uri)
            list(push_delivery.deliver(claims.claim_first(PushDelivery, 2, since=EARLIEST)))
            assert device.answer(device.fetch(transaction_id), approve=True) == "authenticated"
            list(callback_delivery.deliver(claims.claim_first(CallbackDelivery, 2, since=EARLIEST)))
            assert CallbackDelivery.objects.get(transaction_id=transaction_id).state == "done"
            return transaction_id

        yield run
    short_cache.clear()


def commits(queries):
    """Count database transactions: a statement outside of BEGIN and COMMIT is one, too."""
    count, is_open = 0, False
    for sql in queries:
        count += not is_open
        is_open = (is_open or sql == "BEGIN") and sql != "COMMIT"
    return count


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite runs several statements for one")
def test_login_by_push_takes_few_statements_and_commits(login):
    login()
    with CaptureQueriesContext(connection) as captured:
        login()
    # The last query is of the test itself.
    queries = [query["sql"].strip() for query in captured.captured_queries][:-1]
    counted = [sql for sql in queries if sql not in ("BEGIN", "COMMIT")]
    assert len(counted) <= MAX_STATEMENTS, "\n".join(counted)
    assert commits(queries) <= MAX_COMMITS, "\n".join(queries)


def fields_of(row, seen=()):
    """Return the stored values of an instance and of its related instances."""
    values = {name: value for name, value in row.__dict__.items() if name != "_state"}
    related = {name: other for name, other in row._state.fields_cache.items() if other not in seen}
    return values, {name: fields_of(other, (*seen, row)) if other else None for name, other in related.items()}


def test_compiled_statements_return_the_same_rows_as_the_orm(login, portal, monkeypatch):
    """Each compiled SELECT of a login also runs as a query of the ORM, and both results are compared."""
    compared = []

    def compare(select, values, results):
        rows = select.build(**values)
        expected = list(rows)
        compared.append(select)
        if expected and not isinstance(expected[0], tuple):
            results, expected = [fields_of(row) for row in results], [fields_of(row) for row in expected]
        assert results == expected, rows.query

    for name in ("all", "tuples"):
        original = getattr(statements.Select, name)

        def run(select, original=original, **values):
            results = original(select, **values)
            compare(select, values, results)
            return results

        monkeypatch.setattr(statements.Select, name, run)
    portal.result(login())
    assert len(set(compared)) >= 8


def test_inserted_rows_are_stored_as_by_the_orm(login):
    transaction = Transaction.objects.select_related("client", "profile").get(pk=login())
    copy = Transaction.objects.get(pk=transaction.pk)
    copy.pk = copy.id = None
    for name in ("token", "secure_message", "code", "phone_number", "signing_data", "verification_number"):
        setattr(copy, name, getattr(transaction, name))
    copy.pk = Transaction._meta.pk.get_default()
    statements.insert(copy)
    stored = Transaction.objects.get(pk=copy.pk)
    for field in Transaction._meta.concrete_fields:
        if field.name != "id":
            assert getattr(stored, field.attname) == getattr(transaction, field.attname), field.name
