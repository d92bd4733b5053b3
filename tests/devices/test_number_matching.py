"""Number matching: the user enters the number of the portal on the device."""

import pytest

from apps.api.portal import serializers
from apps.events.models import Event
from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import answer_path, send_json

pytestmark = pytest.mark.django_db


@pytest.fixture
def device(enroll):
    return enroll()


@pytest.fixture
def started(portal, device):
    """Return the response of E3 for a push with a verification number of six digits."""
    mobile_type = factories.TypeFactory(method="push", number_matching_digits=6)
    return portal.start(mobile_type, device).json()


def send(client, device, challenge, **members):
    content = {
        "transaction_id": challenge["transaction_id"],
        "token": challenge["token"],
        "authenticated": True,
        **members,
    }
    body = {"message": device.seal(content)}
    return send_json(client, answer_path(challenge["transaction_id"]), body, token=device.device_token)


def test_portal_gets_the_number_and_the_device_its_length(started, device, portal):
    number = started["verification_number"]
    assert len(number) == 6
    assert number.isdecimal()
    challenge = device.fetch(started["transaction_id"])
    assert challenge["number_matching_digits"] == 6
    assert number not in str(challenge)
    assert number not in str(portal.result(started["transaction_id"]).json())
    assert device.answer(challenge, approve=True, number=number) == "authenticated"
    assert portal.result(started["transaction_id"]).json()["is_authenticated"] is True
    assert not Transaction.objects.get().verification_number


@pytest.mark.parametrize("digits", [2, 3, 4, 5, 6])
@pytest.mark.usefixtures("each_kind")
def test_leading_zeros_are_significant(portal, device, digits, monkeypatch):
    monkeypatch.setattr("apps.common.codes.secrets.choice", lambda _choices: "0")
    mobile_type = factories.TypeFactory(method="push", number_matching_digits=digits)
    started = portal.start(mobile_type, device).json()
    assert started["verification_number"] == "0" * digits
    assert device.answer(device.fetch(started["transaction_id"]), approve=True, number="0" * digits) == "authenticated"


WRONG = [None, "", "0", 7, ["1"], "\uff11\uff12\uff13\uff14\uff15\uff16", "\ud800", "1" * 5000]


@pytest.mark.parametrize("number", WRONG, ids=range(len(WRONG)))
def test_approval_with_an_invalid_number_ends_the_transaction(started, device, client, portal, number):
    members = {} if number is None else {"number": number}
    response = send(client, device, device.fetch(started["transaction_id"]), **members)
    if number == "\ud800":
        assert response.status_code in (200, 400)
    else:
        assert (response.status_code, response.json()) == (200, {"status": "not_authenticated"})
        result = portal.result(started["transaction_id"]).json()
        assert result["not_authenticated_reason"]["reason"] == "invalid_answer"
        assert Event.objects.filter(event_type="PUSH_AUTH_NOT_AUTHENTICATED_INVALID_NUMBER").count() == 1
    assert portal.result(started["transaction_id"]).json()["is_authenticated"] is False


def test_second_answer_after_an_invalid_number_is_rejected(started, device, client, portal):
    challenge = device.fetch(started["transaction_id"])
    wrong = f"{(int(started['verification_number']) + 1) % 1_000_000:06d}"
    assert send(client, device, challenge, number=wrong).json() == {"status": "not_authenticated"}
    assert send(client, device, challenge, number=started["verification_number"]).status_code == 404
    assert portal.result(started["transaction_id"]).json()["is_authenticated"] is False


def test_denial_requires_no_number(started, device):
    assert device.answer(device.fetch(started["transaction_id"]), approve=False) == "not_authenticated"


def test_pin_and_number_must_both_be_valid(portal, client, version, enroll):
    application = version.application
    application.pin_enabled = True
    application.save()
    device = enroll()
    device.register_pin("2468")
    mobile_type = factories.TypeFactory(method="push_with_pin", number_matching_digits=2)
    started = portal.start(mobile_type, device).json()
    challenge = device.fetch(started["transaction_id"])
    wrong = f"{(int(started['verification_number']) + 1) % 100:02d}"
    assert device.answer(challenge, approve=True, pin="2468", number=wrong) == "not_authenticated"
    started = portal.start(mobile_type, device).json()
    challenge = device.fetch(started["transaction_id"])
    number = started["verification_number"]
    assert device.answer(challenge, approve=True, pin="2468", number=number) == "authenticated"


def test_type_without_number_matching_has_no_number(portal, device, mobile_type):
    started = portal.start(mobile_type, device).json()
    assert "verification_number" not in started
    challenge = device.fetch(started["transaction_id"])
    assert "number_matching_digits" not in challenge
    assert device.answer(challenge, approve=True, number="12") == "authenticated"


def test_idempotent_repeat_returns_the_same_number(portal, device):
    mobile_type = factories.TypeFactory(method="push", number_matching_digits=4)
    form = {
        "type": mobile_type.name,
        "user_id": "anna",
        "device_id": device.device_id,
        "callback_uri": "http://127.0.0.1:9/callback",
    }
    first, second = (
        portal.post("/oauth/api/v4/authenticate/user", form, **{"Idempotency-Key": "k"}).json() for _number in "ab"
    )
    assert first == second
    assert len(first["verification_number"]) == 4


def test_api_description_includes_the_number():
    assert "verification_number" in serializers.StartedAuthenticationSerializer().fields
