"""The number of queries is the budget of each endpoint, and does not grow with what the server holds."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.applications.models import ApiClient
from apps.enrollment.models import Device, Profile, PushEnrollment
from apps.events.models import Event
from apps.system.models import GeneralConfiguration
from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import CALLBACK, answer_path, fetch_path, send_json

TRANSACTION_CONTROL = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO", "BEGIN", "COMMIT")


@pytest.fixture(autouse=True)
def cached_configuration(settings, db):
    """Configuration rows are cached in the process, as they are in production; no limit stops the measuring."""
    GeneralConfiguration.objects.create(
        max_pending_transactions=1000, max_pushes_without_success=1000, sms_per_number_per_hour=1000
    )
    settings.SOLO_CACHE = "default"
    settings.SOLO_CACHE_TIMEOUT = 600
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def calls(client, portal, mobile_type, device):
    """What is measured: each a function that makes its own state and returns the call, whose queries count."""

    def start():
        return portal.start(mobile_type, device).json()["transaction_id"]

    def initiate():
        return lambda: portal.start(mobile_type, device)

    def result():
        transaction_id = start()
        return lambda: portal.result(transaction_id)

    def listed():
        start()
        headers = {"Authorization": f"Bearer {device.device_token}"}
        return lambda: client.get("/device/v1/transactions", headers=headers)

    def fetch():
        path, body = fetch_path(start()), {"profile_id": device.profile_id}
        return lambda: send_json(client, path, body, token=device.device_token)

    def answer():
        transaction_id = start()
        content = {
            "transaction_id": transaction_id,
            "authenticated": True,
            "token": device.fetch(transaction_id)["token"],
        }
        body = {"message": device.seal(content)}
        return lambda: send_json(client, answer_path(transaction_id), body, token=device.device_token)

    return {"E3": initiate, "E4": result, "list": listed, "fetch": fetch, "answer": answer}


def queries_of(call):
    with CaptureQueriesContext(connection) as captured:
        response = call()
    assert response.status_code == 200, response.content
    statements = [query["sql"] for query in captured.captured_queries]
    return [statement for statement in statements if not statement.startswith(TRANSACTION_CONTROL)]


def populate(version, device):
    """Add fifty users with devices, and fifty transactions of theirs and of our own."""
    client, now = ApiClient.objects.first(), timezone.now()
    ours = Profile.objects.get(device__device_id=device.device_id)
    for number in range(50):
        row = Device.objects.create(token_hash=f"hash {number}", version=version, name="x")
        profile = Profile.objects.create(
            device=row, user_id=f"user {number}", public_key="x", fingerprint="x", server_key=ours.server_key
        )
        PushEnrollment.objects.create(profile=profile, token="x", token_hash=f"hash {number}")
        for target in (profile, ours):
            Transaction.objects.create(
                client=client,
                type_name="x",
                method="push",
                user_id=target.user_id,
                profile=target,
                callback_uri=CALLBACK,
                message="x",
                token="x",
                expires_at=now + timedelta(minutes=5),
            )


@pytest.mark.parametrize(("name", "budget"), [("E3", 8), ("E4", 3), ("list", 3), ("fetch", 6), ("answer", 10)])
def test_an_endpoint_keeps_its_budget_and_does_not_grow(calls, version, device, name, budget):
    calls[name]()()
    before = queries_of(calls[name]())
    assert len(before) <= budget, "\n".join(before)
    populate(version, device)
    after = queries_of(calls[name]())
    assert len(after) == len(before), "\n".join(after)


def test_what_is_refused_is_no_dearer_than_what_is_taken(calls, portal, mobile_type, device):
    calls["E3"]()()
    taken = queries_of(calls["E3"]())
    for changes in ({"user_id": "nobody"}, {"device_id": "F" * 64}, {"callback_uri": "x"}, {"type": "x"}):
        with CaptureQueriesContext(connection) as captured:
            assert portal.start(mobile_type, device, **changes).status_code >= 400
        assert len(captured) <= len(taken)


def test_many_events_of_a_user_cost_nothing(calls):
    calls["E4"]()()
    before = len(queries_of(calls["E4"]()))
    Event.objects.bulk_create(Event(event_type="PUSH_AUTH_INITIALIZED", user_id="anna") for _ in range(200))
    assert len(queries_of(calls["E4"]())) == before


def test_the_allow_list_costs_one_query(calls, switch):
    factories.CallbackEndpointFactory(url=CALLBACK)
    calls["E3"]()()
    before = len(queries_of(calls["E3"]()))
    switch(callback_allow_list_enabled=True)
    assert len(queries_of(calls["E3"]())) == before + 1 <= 9
