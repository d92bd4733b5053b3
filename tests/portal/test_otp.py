"""OTP: the portal shows a one-time password; the device that scans it identifies the user."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.demo.device import DeviceApiError
from apps.events.models import Event
from apps.transactions.models import Transaction
from tests.api.calls import CALLBACK, error_of, post_form

UNKNOWN = "5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11"


@pytest.fixture
def started(api, otp_type):
    response = api.start_otp(otp_type)
    assert response.status_code == 200, response.content
    return response.json()


def rejection(call, *arguments):
    with pytest.raises(DeviceApiError) as caught:
        call(*arguments)
    return caught.value.status, caught.value.body["error"]


def packed(content):
    text = content if isinstance(content, str) else json.dumps(content)
    return base64.b64encode(text.encode()).decode()


def test_start_needs_no_user_and_returns_one_string(any_api, otp_type):
    body = any_api.start_otp(otp_type).json()
    assert set(body) == {"transaction_id", "auth_method", "time_to_live", "otp"}
    assert (body["auth_method"], body["time_to_live"]) == ("otp", 300_000)
    content = json.loads(base64.b64decode(body["otp"], validate=True))
    assert set(content) == {"transaction_id", "otp"}
    assert content["transaction_id"] == body["transaction_id"] == str(UUID(body["transaction_id"]))
    assert len(base64.b64decode(content["otp"], validate=True)) >= 20


def test_one_time_passwords_are_unique(api, otp_type):
    assert len({api.start_otp(otp_type).json()["otp"] for _ in range(20)}) == 20


def test_one_time_password_is_stored_as_a_hash(api, started, row):
    secret = json.loads(base64.b64decode(started["otp"]))["otp"]
    for value in vars(row(started["transaction_id"])).values():
        assert secret not in str(value)
        assert started["otp"] not in str(value)


def test_user_id_is_rejected(any_api, otp_type):
    response = any_api.start(otp_type)
    assert error_of(response) == (400, "1003")
    assert "user_id" in response.json()["description"]
    assert not Transaction.objects.exists()


def test_empty_user_id_counts_as_absent(api, otp_type):
    assert api.start(otp_type, user_id="").status_code == 200


def test_callback_uri_is_required(api, otp_type):
    assert error_of(api.start_otp(otp_type, callback_uri=None)) == (400, "1003")


@pytest.mark.parametrize(
    ("defaults", "fields", "expected"),
    [
        ({}, {}, ""),
        ({}, {"message": "Hello"}, "Hello"),
        ({"en": "Scan"}, {}, "Scan"),
        ({"en": "Scan", "nl": "Scannen"}, {"language_code": "nl"}, "Scannen"),
        ({"en": "Scan"}, {"secure_message": "Pay 5"}, "Pay 5"),
    ],
)
def test_message_is_optional(api, make_type, device, scan, defaults, fields, expected):
    body = api.start_otp(make_type("otp", default_messages=defaults), **fields).json()
    assert scan(device, body["otp"])["message"] == expected


def test_scan_binds_the_transaction_and_returns_the_challenge(api, started, device, scan, otp_type):
    assert api.result(started["transaction_id"]).json()["user_id"] == ""
    challenge = scan(device, started["otp"])
    assert challenge["transaction_id"] == started["transaction_id"]
    assert challenge["type"] == {"name": otp_type.name, "method": "otp", "transaction_signing": False}
    assert [transaction["transaction_id"] for transaction in device.pending()] == [started["transaction_id"]]
    assert api.result(started["transaction_id"]).json()["status"] == "pending"


@pytest.mark.parametrize(("approve", "status"), [(True, "authenticated"), (False, "not_authenticated")])
def test_answer_ends_the_transaction_with_a_callback(api, started, device, scan, approve, status, event_types):
    assert device.answer(scan(device, started["otp"]), approve=approve) == status
    result = api.result(started["transaction_id"]).json()
    assert (result["status"], result["user_id"]) == (status, "anna")
    assert result["authentication_method"] == "otp"
    assert result["callback_uri"] == CALLBACK
    [callback] = CallbackDelivery.objects.all()
    assert (callback.url, str(callback.transaction_id)) == (CALLBACK, started["transaction_id"])
    assert "OTP_AUTH_INITIALIZED" in event_types()


def test_otp_needs_no_push(api, started, enroll, scan, switch):
    switch(push_authorization_enabled=False)
    device = enroll(push_token="")
    assert device.answer(scan(device, started["otp"]), approve=True) == "authenticated"


def test_profile_can_scan_repeatedly_while_pending(started, device, scan):
    first, second = scan(device, started["otp"]), scan(device, started["otp"])
    assert first == second
    assert device.fetch(started["transaction_id"]) == first


def test_scanned_otp_is_rejected_for_another_profile(api, started, enroll, device, scan, event_types):
    scan(device, started["otp"])
    eva = enroll(user_id="eva")
    assert rejection(scan, eva, started["otp"]) == (404, "invalid_otp")
    assert event_types()[-1] == "OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP"
    assert rejection(eva.fetch, started["transaction_id"]) == (404, "invalid_transaction")
    assert device.answer(scan(device, started["otp"]), approve=True) == "authenticated"


def test_scanned_otp_is_rejected_for_another_profile_of_the_device(started, enroll, device, scan):
    scan(device, started["otp"])
    enroll(user_id="eva", device=device, push_token="")
    assert rejection(scan, device, started["otp"]) == (404, "invalid_otp")


@pytest.mark.parametrize("approve", [True, False])
def test_otp_is_single_use(started, device, scan, approve):
    device.answer(scan(device, started["otp"]), approve=approve)
    assert rejection(scan, device, started["otp"]) == (404, "invalid_otp")


def test_otp_expires(api, otp_type, device, scan):
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False) as clock:
        started = api.start_otp(otp_type).json()
        clock.move_to(start + timedelta(seconds=300, milliseconds=-1))
        challenge = scan(device, started["otp"])
        clock.move_to(start + timedelta(seconds=300))
        assert rejection(scan, device, started["otp"]) == (404, "invalid_otp")
        with pytest.raises(DeviceApiError):
            device.answer(challenge, approve=True)
        assert api.result(started["transaction_id"]).json()["status"] == "expired"


def test_otp_of_a_cancelled_transaction_is_rejected(api, started, device, scan):
    assert api.cancel(started["transaction_id"]).status_code == 204
    assert rejection(scan, device, started["otp"]) == (404, "invalid_otp")


def test_scanned_otp_is_rejected_after_its_profile_unenrolled(started, enroll, device, scan):
    scan(device, started["otp"])
    device.unenroll()
    assert rejection(scan, enroll(user_id="eva"), started["otp"]) == (404, "invalid_otp")


@pytest.mark.parametrize(
    "malformed",
    [
        "x",
        "====",
        "é",
        "e30=",
        packed("[]"),
        packed("null"),
        packed('"text"'),
        packed("1"),
        packed("{"),
        packed("[" * 300),
        packed({"transaction_id": "x", "otp": "x"}),
        packed({"transaction_id": 5, "otp": "x"}),
        packed({"transaction_id": UNKNOWN, "otp": 5}),
        packed({"transaction_id": UNKNOWN, "otp": "x"}),
        packed({"transaction_id": UNKNOWN}),
        packed({"transaction_id": UNKNOWN, "otp": "\ud800"}),
        packed({"transaction_id": UNKNOWN, "otp": "\0"}),
        "A" * 500,
    ],
)
def test_malformed_otp_is_invalid(started, device, scan, malformed):
    assert rejection(scan, device, malformed) == (404, "invalid_otp")


@pytest.mark.parametrize("text", ["", "A" * 501, "\0"])
def test_impossible_otp_is_an_invalid_request(device, scan, text):
    assert rejection(scan, device, text) == (400, "invalid_request")


def test_wrong_secret_of_a_known_transaction_is_rejected(api, otp_type, device, scan):
    first, second = api.start_otp(otp_type).json(), api.start_otp(otp_type).json()
    secret = json.loads(base64.b64decode(second["otp"]))["otp"]
    for wrong in ("", secret, "\ud800"):
        forged = packed(json.dumps({"transaction_id": first["transaction_id"], "otp": wrong}))
        assert rejection(scan, device, forged) == (404, "invalid_otp")
    assert scan(device, first["otp"])["transaction_id"] == first["transaction_id"]


def test_id_of_a_push_transaction_is_rejected(api, mobile_type, device, scan):
    pushed = api.start(mobile_type, device).json()["transaction_id"]
    assert rejection(scan, device, packed({"transaction_id": pushed, "otp": ""})) == (404, "invalid_otp")


def test_profile_is_verified_before_the_otp(started, device, scan):
    device.profile_id = "AAAAAA"
    assert rejection(scan, device, "malformed") == (404, "invalid_profile")


def test_repeated_user_id_is_rejected(api, otp_type):
    body = [("type", otp_type.name), ("callback_uri", CALLBACK), ("user_id", ""), ("user_id", "")]
    response = post_form(api.portal.client, f"{api.base}/user", body, Authorization=api.portal.authorization)
    assert error_of(response) == (400, "1003")


def test_invalid_otps_of_a_user_are_one_event(enroll, scan):
    devices = [enroll(user_id=user_id, push_token="") for user_id in ("anna", "bert")]
    with time_machine.travel(timezone.now().replace(minute=3), tick=False):
        for device in devices * 3:
            assert rejection(scan, device, "wrong") == (404, "invalid_otp")
    recorded = Event.objects.filter(event_type="OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP").order_by("id")
    assert list(recorded.values_list("user_id", "count")) == [("anna", 3), ("bert", 3)]
