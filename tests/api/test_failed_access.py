"""Failed access: one event counts all failures of a type from a network within ten minutes."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from apps.events import event_counters, failed_access
from apps.events.models import Event
from tests import factories
from tests.api.calls import ENROLLMENTS, error_of, send_json
from tests.api.test_races import at_once, own_transactions  # noqa: F401 - fixture of the concurrency tests
from tests.console.conftest import Browser, sign_in
from tests.portal.test_events_api import EVENTS

NOW = datetime(2026, 5, 4, 12, 3, tzinfo=UTC)
FAILED = "API_AUTHENTICATION_FAILED"


@pytest.fixture(autouse=True)
def frozen_clock(db):
    """Freeze the time, so that no test crosses a limit of ten minutes."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def basic(client_id, secret="wrong"):
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def fail(client, client_id="unknown", address="192.0.2.1", **headers):
    response = client.get(EVENTS, headers={"Authorization": basic(client_id), **headers}, REMOTE_ADDR=address)
    assert response.status_code == 401


def recorded():
    """Return count and address of every event, oldest first."""
    return list(Event.objects.order_by("id").values_list("count", "client_ip"))


def test_failures_of_an_address_share_one_event(client, frozen_clock):
    for number in range(5):
        frozen_clock.shift(timedelta(seconds=1))
        fail(client, f"client {number}", **{"User-Agent": f"agent {number}"})
    assert recorded() == [(5, "192.0.2.1")]
    reader = factories.ApiClientFactory(apis=["events"])
    response = client.get(EVENTS, headers={"Authorization": basic(reader.client_id, factories.CLIENT_SECRET)})
    [event] = response.json()["result_set"]
    last = int((NOW + timedelta(seconds=5)).timestamp() * 1000)
    assert event["details"] == {"reason": "invalid_client", "count": 5, "last_occurred": last}
    assert event["occurred"] == last - 4000
    assert (event["client_id"], event["user_agent"]) == ("client 0", "agent 0")


def test_failures_with_a_known_client_id_are_counted_separately(client):
    factories.ApiClientFactory(client_id="portal")
    for client_id in ("portal", "unknown", "portal", "another"):
        fail(client, client_id)
    assert list(Event.objects.order_by("id").values_list("client_id", "count")) == [("portal", 2), ("unknown", 2)]


@pytest.mark.parametrize(
    ("addresses", "counts"),
    [
        ([f"2001:db8::{number:x}" for number in range(9)], [9]),
        (["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:1:ffff::1"], [2, 1]),
        (["192.0.2.1", "192.0.2.2", "192.0.2.1"], [2, 1]),
        (["::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.1"], [2, 1]),
        ([""] * 3, [3]),
    ],
    ids=["one /64", "two /64", "IPv4", "IPv4 as IPv6", "no address"],
)
def test_callers_are_distinguished_by_ipv4_address_or_ipv6_network(client, addresses, counts):
    for address in addresses:
        fail(client, address=address)
    assert [count for count, _address in recorded()] == counts


def test_addresses_beyond_the_limit_share_one_event(client, monkeypatch):
    monkeypatch.setattr(failed_access, "MAX_EVENTS", 3)
    for number in range(10):
        fail(client, address=f"192.0.2.{number}")
    fail(client, address="192.0.2.0")
    assert recorded() == [(2, "192.0.2.0"), (1, "192.0.2.1"), (1, "192.0.2.2"), (7, None)]
    assert Event.objects.latest("id").details["other_addresses"] is True


def test_next_ten_minutes_have_a_separate_event(client, frozen_clock):
    fail(client)
    frozen_clock.move_to(NOW.replace(minute=9, second=59))
    fail(client)
    frozen_clock.move_to(NOW.replace(minute=10))
    fail(client)
    assert [count for count, _address in recorded()] == [2, 1]


def test_wrong_enrolment_codes_are_one_event(client, version):
    for number in range(4):
        body = {
            "enrollment_code": f"wrong {number}",
            "public_key": "x",
            "application_id": f"app {number}",
            "platform": "android",
            "app_version": "1",
            "device_name": "x",
        }
        assert send_json(client, ENROLLMENTS, body).json()["error"] == "invalid_enrollment_code"
    event = Event.objects.get()
    assert (event.event_type, event.count) == ("KEY_ENROLLMENT_FAILURE_INVALID_ENROLLMENT_CODE", 4)


def test_wrong_device_tokens_record_no_event(client):
    for number in range(3):
        response = client.get("/device/v1/transactions", headers={"Authorization": f"Bearer wrong {number}"})
        assert error_of(response) == (401, "invalid_device_token")
    assert not Event.objects.exists()


def test_wrong_passwords_of_many_names_are_two_events():
    for number in range(3):
        for _time in range(6):
            sign_in(Browser(), f"name {number}", "wrong")
    assert list(Event.objects.order_by("id").values_list("event_type", "count")) == [
        ("ADMIN_SIGN_IN_FAILED", 15),
        ("ADMIN_SIGN_IN_LOCKED", 3),
    ]


@pytest.mark.django_db(transaction=True)
def test_counter_includes_each_failure(client):
    event_counters.flush()
    before = event_counters.totals()[FAILED]
    for _time in range(4):
        fail(client)
    event_counters.flush()
    assert event_counters.totals()[FAILED] == before + 4


@pytest.mark.django_db(transaction=True)
def test_concurrent_failures_are_counted_in_one_event():
    for _round in range(3):
        at_once(*[fail] * 8)
    assert recorded() == [(24, "192.0.2.1")]
