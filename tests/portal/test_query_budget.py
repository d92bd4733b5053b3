"""The numbers of queries of the portal API do not grow with devices, types or events."""

import itertools
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.enrollment.models import Device, Profile, PushEnrollment
from apps.events.models import Event
from tests.api.test_query_budget import cached_configuration, queries_of  # noqa: F401 - a fixture
from tests.portal.conftest import PHONE_NUMBER


@pytest.fixture
def calls(api, device, mobile_type, otp_type, sms_type, make_type):
    chain = make_type("push_with_pin", "push", "sms")

    def pending_code():
        return api.start(sms_type, phone_number=PHONE_NUMBER).json()["transaction_id"]

    numbers, path = itertools.count(), api.type_names_path(device)
    sms_started, started = pending_code(), api.start(mobile_type, device).json()["transaction_id"]
    return {
        "E1": lambda: api.portal.get(path),
        "E2": api.types,
        "E3 of a push": lambda: api.start(mobile_type, device),
        "E3 of a text message": lambda: api.start(sms_type, phone_number=PHONE_NUMBER),
        "E3 of a one-time password": lambda: api.start_otp(otp_type),
        "E3 with one fallback": lambda: api.start(chain, device),
        "E3 with a new key": lambda: api.start(mobile_type, device, key=f"key {next(numbers)}"),
        "E3 with a known key": lambda: api.start(mobile_type, device, key="known"),
        "E4": lambda: api.result(started),
        "E4 of a text message": lambda: api.result(sms_started),
        "events": lambda: api.portal.get("/oauth/api/v1/events"),
    }


def populate(version, device, make_type):
    """Create 20 more devices of the user, 20 types and 200 events."""
    own_profile = Profile.objects.get(device__device_id=device.device_id)
    for number in range(20):
        other_device = Device.objects.create(token_hash=f"hash {number}", version=version, name="x")
        profile = Profile.objects.create(
            device=other_device,
            user_id="anna",
            public_key="x",
            fingerprint="x",
            server_key=own_profile.server_key,
            created_at=timezone.now() - timedelta(days=1),
        )
        PushEnrollment.objects.create(profile=profile, token="x", token_hash=f"hash {number}")
        make_type("push", "sms")
    Event.objects.bulk_create(Event(event_type="PUSH_AUTH_INITIALIZED", user_id="anna") for _ in range(200))


@pytest.mark.parametrize(
    ("name", "budget"),
    [
        ("E1", 4),
        ("E2", 4),
        ("E3 of a push", 8),
        ("E3 of a text message", 9),
        ("E3 of a one-time password", 8),
        ("E3 with one fallback", 12),
        # Two queries for the key, the lock (PostgreSQL only), and the row.
        ("E3 with a new key", 12 if connection.vendor == "postgresql" else 11),
        ("E3 with a known key", 2),
        ("E4", 3),
        ("E4 of a text message", 3),
        ("events", 3),
    ],
)
def test_endpoint_keeps_its_query_budget(calls, version, device, make_type, name, budget):
    calls[name]()
    before = queries_of(calls[name])
    assert len(before) <= budget, "\n".join(before)
    populate(version, device, make_type)
    after = queries_of(calls[name])
    assert len(after) == len(before), "\n".join(after)
