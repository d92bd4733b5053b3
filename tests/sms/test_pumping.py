"""Protection against SMS pumping: allowed countries, and limits per number, number prefix and client."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.db import connection, connections
from django.utils import timezone

from apps.events.models import Event
from apps.transactions.models import SmsDelivery, SmsUsage, Transaction
from tests import factories
from tests.conftest import Portal
from tests.sms.conftest import NUMBER, SmsFlow

pytestmark = pytest.mark.django_db(transaction=True)
needs_connections = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="the test client's threads would wait for one connection"
)
BELGIAN = "+32470123456"
NEW_KEY = b"n" * 32
# The first seven digits are those of NUMBER.
NEIGHBOURS = ["+31612345670", "+31612345671", "+31612345679"]


def error(response):
    return response.status_code, response.json()["error_code"]


def limit_event():
    event = Event.objects.filter(event_type="SMS_AUTH_INIT_FAILURE_LIMIT_REACHED").latest("pk")
    return event.details["limit"]


def test_number_limit_includes_resends(sms_flow, sms_type):
    sms_type.max_resends = 3
    sms_type.save()
    transaction_id = sms_flow.start(sms_type)
    assert [sms_flow.resend(transaction_id).status_code for _number in range(3)] == [204] * 3
    assert sms_flow.post(sms_type).status_code == 200
    count = Transaction.objects.count()
    response = sms_flow.post(sms_type)
    assert error(response) == (429, "1429")
    assert 3500 < int(response.headers["Retry-After"]) <= 3600
    # The same number in another notation and for another user.
    assert error(sms_flow.post(sms_type, "bert", phone_number="+31 6 1234-5678")) == (429, "1429")
    assert Transaction.objects.count() == count
    assert SmsDelivery.objects.count() == 5
    assert limit_event() == "sms_per_number_per_hour"
    assert sms_flow.post(sms_type, phone_number=NEIGHBOURS[0]).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        assert 2300 < int(sms_flow.post(sms_type).headers["Retry-After"]) <= 2400
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert sms_flow.post(sms_type).status_code == 200


def test_resend_above_the_number_limit_uses_no_resend(sms_flow, sms_type, switch):
    switch(sms_per_number_per_hour=1)
    sms_type.max_resends = 3
    sms_type.save()
    transaction_id = sms_flow.start(sms_type)
    assert error(sms_flow.resend(transaction_id)) == (429, "1429")
    assert Transaction.objects.get().resends_used == 0
    assert SmsDelivery.objects.count() == 1


def test_number_prefix_has_its_own_limit(sms_flow, sms_type, switch):
    switch(sms_per_prefix_per_hour=2)
    assert [sms_flow.post(sms_type, phone_number=number).status_code for number in NEIGHBOURS] == [200, 200, 429]
    assert limit_event() == "sms_per_prefix_per_hour"
    assert sms_flow.post(sms_type, phone_number=BELGIAN).status_code == 200


def test_key_rotation_keeps_the_limit_counters(sms_flow, sms_type, switch, settings):
    switch(sms_per_number_per_hour=2, sms_per_prefix_per_hour=2)
    assert sms_flow.post(sms_type).status_code == 200
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY, *settings.FIELD_ENCRYPTION_KEYS]
    assert sms_flow.post(sms_type, phone_number=NEIGHBOURS[0]).status_code == 200
    assert sms_flow.post(sms_type, phone_number=NEIGHBOURS[1]).status_code == 429
    assert limit_event() == "sms_per_prefix_per_hour"
    switch(sms_per_number_per_hour=1, sms_per_prefix_per_hour=0)
    assert sms_flow.post(sms_type).status_code == 429


def test_client_has_a_daily_limit(sms_flow, sms_type, switch, client):
    switch(sms_per_client_per_day=2, sms_per_number_per_hour=0)
    with time_machine.travel("2026-03-01 22:00:00+00:00"):
        assert [sms_flow.post(sms_type, phone_number=number).status_code for number in (NUMBER, BELGIAN, NUMBER)] == [
            200,
            200,
            429,
        ]
        assert int(sms_flow.post(sms_type).headers["Retry-After"]) == 2 * 3600
        other = SmsFlow(Portal(client, factories.ApiClientFactory()))
        assert other.post(sms_type).status_code == 200
    with time_machine.travel("2026-03-02 00:00:01+00:00"):
        assert sms_flow.post(sms_type).status_code == 200


def run_concurrently(sms_flow, sms_type, numbers):
    """Initiate a transaction for each number concurrently; returns the status codes."""
    ready = threading.Barrier(len(numbers))

    def post(number):
        try:
            ready.wait(10)
            return sms_flow.post(sms_type, phone_number=number).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(numbers)) as pool:
        return sorted(pool.map(post, numbers))


def foreign_numbers():
    return [NUMBER, BELGIAN, "+4915123456789", "+33612345678", "+447911123456", "+420601123456"]


@needs_connections
@pytest.mark.parametrize("limit", ["sms_per_number_per_hour", "sms_per_prefix_per_hour"])
def test_number_limits_hold_under_concurrent_clients(client, sms_type, switch, limit):
    switch(**{limit: 1})
    sms_flows = [SmsFlow(Portal(client, factories.ApiClientFactory())) for _number in range(6)]
    flows = iter(sms_flows)
    rotating_flow = SimpleNamespace(post=lambda *arguments, **fields: next(flows).post(*arguments, **fields))
    assert run_concurrently(rotating_flow, sms_type, [NUMBER] * 6) == [200] + [429] * 5
    assert SmsDelivery.objects.count() == 1


@needs_connections
def test_client_limit_holds_under_concurrent_requests(sms_flow, sms_type, switch):
    switch(sms_per_client_per_day=2)
    assert run_concurrently(sms_flow, sms_type, foreign_numbers()) == [200] * 2 + [429] * 4
    assert SmsDelivery.objects.count() == 2


def test_numbers_of_other_countries_are_rejected(sms_flow, sms_type, switch):
    switch(sms_allowed_countries=["NL"])
    assert sms_flow.post(sms_type).status_code == 200
    assert error(sms_flow.post(sms_type, phone_number=BELGIAN)) == (400, "3001")
    assert Event.objects.filter(event_type="SMS_AUTH_INIT_FAILURE_COUNTRY_NOT_ALLOWED").count() == 1
    # Satellite phones have no country.
    assert error(sms_flow.post(sms_type, phone_number="+881612345678")) == (400, "3001")


def test_usage_is_counted_by_day_and_country(sms_flow, sms_type):
    transaction_id = sms_flow.start(sms_type)
    sms_flow.start(sms_type, phone_number=BELGIAN)
    sms_flow.start(sms_type, phone_number=BELGIAN)
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200
    counted = SmsUsage.objects.values_list("country", "sent", "verified")
    assert sorted(counted) == [("BE", 2, 0), ("NL", 1, 1)]
    assert {row.day for row in SmsUsage.objects.all()} == {timezone.now().date()}


def test_verification_counts_for_the_day_of_its_message(sms_flow, sms_type):
    with time_machine.travel("2026-03-01 23:59:30+00:00"):
        transaction_id = sms_flow.start(sms_type)
    with time_machine.travel("2026-03-02 00:00:30+00:00"):
        assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200
    assert [(row.day.isoformat(), row.sent, row.verified) for row in SmsUsage.objects.all()] == [("2026-03-01", 1, 1)]


def test_stored_number_hashes_do_not_contain_the_number(sms_flow, sms_type):
    sms_flow.start(sms_type)
    row = SmsDelivery.objects.get()
    assert NUMBER[1:] not in f"{row.number_hash} {row.prefix_hash}"
    assert row.number_hash != row.prefix_hash
