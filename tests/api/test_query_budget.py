"""Query budgets of the endpoints, independent of the number of rows."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.applications.models import ApiClient
from apps.common import short_cache
from apps.enrollment.models import Device, Profile, PushEnrollment
from apps.events.models import Event
from apps.system.models import GeneralConfiguration
from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import CALLBACK, answer_path, fetch_path, send_json

TRANSACTION_CONTROL = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO", "BEGIN", "COMMIT")


@pytest.fixture(autouse=True)
def cached_configuration(settings, db):
    """Cache configuration rows as in production, and set limits that no test reaches."""
    GeneralConfiguration.objects.create(
        max_pending_transactions=1000, max_pushes_without_success=1000, sms_per_number_per_hour=1000
    )
    settings.CONFIGURATION_CACHE_SECONDS = 600
    yield
    short_cache.clear()


@pytest.fixture
def calls(client, portal, mobile_type, device):
    """Return the measured calls by name: functions that prepare the state and return the call."""

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
    """Add 50 users with devices, and 50 transactions each of them and of the tested device."""
    client, now = ApiClient.objects.first(), timezone.now()
    own_profile = Profile.objects.get(device__device_id=device.device_id)
    for number in range(50):
        row = Device.objects.create(token_hash=f"hash {number}", version=version, name="x")
        profile = Profile.objects.create(
            device=row, user_id=f"user {number}", public_key="x", fingerprint="x", server_key=own_profile.server_key
        )
        PushEnrollment.objects.create(profile=profile, token="x", token_hash=f"hash {number}")
        for target in (profile, own_profile):
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


@pytest.mark.parametrize(("name", "budget"), [("E3", 6), ("E4", 3), ("list", 2), ("fetch", 3), ("answer", 6)])
def test_query_count_is_constant_and_within_the_budget(calls, version, device, name, budget):
    calls[name]()()
    before = queries_of(calls[name]())
    assert len(before) <= budget, "\n".join(before)
    populate(version, device)
    after = queries_of(calls[name]())
    assert len(after) == len(before), "\n".join(after)


def test_rejected_request_costs_no_more_queries(calls, portal, mobile_type, device):
    calls["E3"]()()
    accepted = queries_of(calls["E3"]())
    for changes in ({"user_id": "unknown"}, {"device_id": "F" * 64}, {"callback_uri": "x"}, {"type": "x"}):
        with CaptureQueriesContext(connection) as captured:
            assert portal.start(mobile_type, device, **changes).status_code >= 400
        assert len(captured) <= len(accepted)


def test_events_do_not_change_the_query_count(calls):
    calls["E4"]()()
    before = len(queries_of(calls["E4"]()))
    Event.objects.bulk_create(Event(event_type="PUSH_AUTH_INITIALIZED", user_id="anna") for _ in range(200))
    assert len(queries_of(calls["E4"]())) == before


def test_allow_list_costs_one_query(calls, switch):
    factories.CallbackEndpointFactory(url=CALLBACK)
    calls["E3"]()()
    before = len(queries_of(calls["E3"]()))
    switch(callback_allow_list_enabled=True)
    calls["E3"]()()
    assert len(queries_of(calls["E3"]())) == before + 1 <= 7
