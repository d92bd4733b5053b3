"""OTP: a string that the portal shows; who scans it is the user."""

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
    answer = api.start_otp(otp_type)
    assert answer.status_code == 200, answer.content
    return answer.json()


def refusal(call, *arguments):
    with pytest.raises(DeviceApiError) as caught:
        call(*arguments)
    return caught.value.status, caught.value.body["error"]


def packed(content):
    text = content if isinstance(content, str) else json.dumps(content)
    return base64.b64encode(text.encode()).decode()


def test_it_starts_without_a_user_and_answers_one_string(any_api, otp_type):
    body = any_api.start_otp(otp_type).json()
    assert set(body) == {"transaction_id", "auth_method", "time_to_live", "otp"}
    assert (body["auth_method"], body["time_to_live"]) == ("otp", 300_000)
    content = json.loads(base64.b64decode(body["otp"], validate=True))
    assert set(content) == {"transaction_id", "otp"}
    assert content["transaction_id"] == body["transaction_id"] == str(UUID(body["transaction_id"]))
    assert len(base64.b64decode(content["otp"], validate=True)) >= 20


def test_no_two_are_alike(api, otp_type):
    assert len({api.start_otp(otp_type).json()["otp"] for _ in range(20)}) == 20


def test_it_is_kept_only_as_a_hash(api, started, row):
    secret = json.loads(base64.b64decode(started["otp"]))["otp"]
    for value in vars(row(started["transaction_id"])).values():
        assert secret not in str(value)
        assert started["otp"] not in str(value)


def test_a_user_is_refused(any_api, otp_type):
    answer = any_api.start(otp_type)
    assert error_of(answer) == (400, "1003")
    assert "user_id" in answer.json()["description"]
    assert not Transaction.objects.exists()


def test_an_empty_user_counts_as_absent(api, otp_type):
    assert api.start(otp_type, user_id="").status_code == 200


def test_the_callback_is_required(api, otp_type):
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
def test_the_message_is_optional(api, make_type, device, scan, defaults, fields, expected):
    body = api.start_otp(make_type("otp", default_messages=defaults), **fields).json()
    assert scan(device, body["otp"])["message"] == expected


def test_scanning_binds_it_to_the_user_and_gives_the_challenge(api, started, device, scan, otp_type):
    assert api.result(started["transaction_id"]).json()["user_id"] == ""
    challenge = scan(device, started["otp"])
    assert challenge["transaction_id"] == started["transaction_id"]
    assert challenge["type"] == {"name": otp_type.name, "method": "otp", "transaction_signing": False}
    assert [one["transaction_id"] for one in device.pending()] == [started["transaction_id"]]
    assert api.result(started["transaction_id"]).json()["status"] == "pending"


@pytest.mark.parametrize(("approve", "status"), [(True, "authenticated"), (False, "not_authenticated")])
def test_the_answer_ends_it_and_calls_the_portal_back(api, started, device, scan, approve, status, event_types):
    assert device.answer(scan(device, started["otp"]), approve=approve) == status
    result = api.result(started["transaction_id"]).json()
    assert (result["status"], result["user_id"]) == (status, "anna")
    assert result["authentication_method"] == "otp"
    assert result["callback_uri"] == CALLBACK
    [callback] = CallbackDelivery.objects.all()
    assert (callback.url, str(callback.transaction_id)) == (CALLBACK, started["transaction_id"])
    assert "OTP_AUTH_INITIALIZED" in event_types()


def test_it_needs_no_push(api, started, enroll, scan, switch):
    switch(push_authorization_enabled=False)
    device = enroll(push_token="")
    assert device.answer(scan(device, started["otp"]), approve=True) == "authenticated"


def test_the_same_profile_may_scan_again_while_it_is_pending(started, device, scan):
    first, second = scan(device, started["otp"]), scan(device, started["otp"])
    assert first == second
    assert device.fetch(started["transaction_id"]) == first


def test_another_profile_cannot_use_it(api, started, enroll, device, scan, event_types):
    scan(device, started["otp"])
    eva = enroll(user_id="eva")
    assert refusal(scan, eva, started["otp"]) == (404, "invalid_otp")
    assert event_types()[-1] == "OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP"
    assert refusal(eva.fetch, started["transaction_id"]) == (404, "invalid_transaction")
    assert device.answer(scan(device, started["otp"]), approve=True) == "authenticated"


def test_another_profile_of_the_same_phone_cannot_use_it(started, enroll, device, scan):
    scan(device, started["otp"])
    enroll(user_id="eva", device=device, push_token="")
    assert refusal(scan, device, started["otp"]) == (404, "invalid_otp")


@pytest.mark.parametrize("approve", [True, False])
def test_it_is_used_once(started, device, scan, approve):
    device.answer(scan(device, started["otp"]), approve=approve)
    assert refusal(scan, device, started["otp"]) == (404, "invalid_otp")


def test_it_expires(api, otp_type, device, scan):
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False) as clock:
        started = api.start_otp(otp_type).json()
        clock.move_to(start + timedelta(seconds=300, milliseconds=-1))
        challenge = scan(device, started["otp"])
        clock.move_to(start + timedelta(seconds=300))
        assert refusal(scan, device, started["otp"]) == (404, "invalid_otp")
        with pytest.raises(DeviceApiError):
            device.answer(challenge, approve=True)
        assert api.result(started["transaction_id"]).json()["status"] == "expired"


def test_a_cancelled_one_is_worth_nothing(api, started, device, scan):
    assert api.cancel(started["transaction_id"]).status_code == 204
    assert refusal(scan, device, started["otp"]) == (404, "invalid_otp")


def test_a_profile_that_has_left_takes_its_transaction_along(started, enroll, device, scan):
    scan(device, started["otp"])
    device.unenroll()
    assert refusal(scan, enroll(user_id="eva"), started["otp"]) == (404, "invalid_otp")


@pytest.mark.parametrize(
    "garbage",
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
def test_garbage_is_an_invalid_otp(started, device, scan, garbage):
    assert refusal(scan, device, garbage) == (404, "invalid_otp")


@pytest.mark.parametrize("text", ["", "A" * 501, "\0"])
def test_what_can_be_no_otp_is_a_malformed_body(device, scan, text):
    assert refusal(scan, device, text) == (400, "invalid_request")


def test_a_wrong_secret_for_a_known_transaction_is_refused(api, otp_type, device, scan):
    first, second = api.start_otp(otp_type).json(), api.start_otp(otp_type).json()
    secret = json.loads(base64.b64decode(second["otp"]))["otp"]
    for wrong in ("", secret, "\ud800"):
        forged = packed(json.dumps({"transaction_id": first["transaction_id"], "otp": wrong}))
        assert refusal(scan, device, forged) == (404, "invalid_otp")
    assert scan(device, first["otp"])["transaction_id"] == first["transaction_id"]


def test_the_id_of_a_push_is_no_otp(api, mobile_type, device, scan):
    pushed = api.start(mobile_type, device).json()["transaction_id"]
    assert refusal(scan, device, packed({"transaction_id": pushed, "otp": ""})) == (404, "invalid_otp")


def test_an_unknown_profile_is_judged_before_the_otp(started, device, scan):
    device.profile_id = "AAAAAA"
    assert refusal(scan, device, "garbage") == (404, "invalid_profile")


def test_a_repeated_user_is_a_mistake_too(api, otp_type):
    body = [("type", otp_type.name), ("callback_uri", CALLBACK), ("user_id", ""), ("user_id", "")]
    answer = post_form(api.portal.client, f"{api.base}/user", body, Authorization=api.portal.authorization)
    assert error_of(answer) == (400, "1003")


def test_wrong_one_time_passwords_of_a_user_are_one_event(enroll, scan):
    devices = [enroll(user_id=user_id, push_token="") for user_id in ("anna", "bert")]
    with time_machine.travel(timezone.now().replace(minute=3), tick=False):
        for device in devices * 3:
            assert refusal(scan, device, "wrong") == (404, "invalid_otp")
    found = Event.objects.filter(event_type="OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP").order_by("id")
    assert list(found.values_list("user_id", "count")) == [("anna", 3), ("bert", 3)]
