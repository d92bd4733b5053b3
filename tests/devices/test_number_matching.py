"""Number matching: the portal shows a number, and who approves has to enter it on the phone."""

import pytest

from apps.api.portal import serializers
from apps.events.models import Event
from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import answer_path, send_json

pytestmark = pytest.mark.django_db


@pytest.fixture
def phone(enroll):
    return enroll()


@pytest.fixture
def started(portal, phone):
    """What a portal is told about a push that asks for six digits."""
    mobile_type = factories.TypeFactory(method="push", number_matching_digits=6)
    return portal.start(mobile_type, phone).json()


def send(client, phone, challenge, **members):
    content = {
        "transaction_id": challenge["transaction_id"],
        "token": challenge["token"],
        "authenticated": True,
        **members,
    }
    body = {"message": phone.seal(content)}
    return send_json(client, answer_path(challenge["transaction_id"]), body, token=phone.device_token)


def test_the_portal_hears_the_number_and_the_phone_only_how_long_it_is(started, phone, portal):
    number = started["verification_number"]
    assert len(number) == 6
    assert number.isdecimal()
    challenge = phone.fetch(started["transaction_id"])
    assert challenge["number_matching_digits"] == 6
    assert number not in str(challenge)
    assert number not in str(portal.result(started["transaction_id"]).json())
    assert phone.answer(challenge, approve=True, number=number) == "authenticated"
    assert portal.result(started["transaction_id"]).json()["is_authenticated"] is True
    assert not Transaction.objects.get().verification_number


@pytest.mark.parametrize("digits", [2, 3, 4, 5, 6])
def test_leading_zeros_count(portal, phone, digits, monkeypatch):
    monkeypatch.setattr("apps.common.codes.secrets.choice", lambda _choices: "0")
    mobile_type = factories.TypeFactory(method="push", number_matching_digits=digits)
    started = portal.start(mobile_type, phone).json()
    assert started["verification_number"] == "0" * digits
    assert phone.answer(phone.fetch(started["transaction_id"]), approve=True, number="0" * digits) == "authenticated"


WRONG = [None, "", "0", 7, ["1"], "\uff11\uff12\uff13\uff14\uff15\uff16", "\ud800", "1" * 5000]


@pytest.mark.parametrize("number", WRONG, ids=range(len(WRONG)))
def test_an_approval_without_the_right_number_ends_the_transaction(started, phone, client, portal, number):
    members = {} if number is None else {"number": number}
    answer = send(client, phone, phone.fetch(started["transaction_id"]), **members)
    if number == "\ud800":
        assert answer.status_code in (200, 400)
    else:
        assert (answer.status_code, answer.json()) == (200, {"status": "not_authenticated"})
        result = portal.result(started["transaction_id"]).json()
        assert result["not_authenticated_reason"]["reason"] == "invalid_answer"
        assert Event.objects.filter(event_type="PUSH_AUTH_NOT_AUTHENTICATED_INVALID_NUMBER").count() == 1
    assert portal.result(started["transaction_id"]).json()["is_authenticated"] is False


def test_a_second_answer_with_the_right_number_comes_too_late(started, phone, client, portal):
    challenge = phone.fetch(started["transaction_id"])
    wrong = f"{(int(started['verification_number']) + 1) % 1_000_000:06d}"
    assert send(client, phone, challenge, number=wrong).json() == {"status": "not_authenticated"}
    assert send(client, phone, challenge, number=started["verification_number"]).status_code == 404
    assert portal.result(started["transaction_id"]).json()["is_authenticated"] is False


def test_a_denial_needs_no_number(started, phone):
    assert phone.answer(phone.fetch(started["transaction_id"]), approve=False) == "not_authenticated"


def test_with_a_pin_both_have_to_be_right(portal, client, version, enroll):
    application = version.application
    application.pin_enabled = True
    application.save()
    phone = enroll()
    phone.register_pin("2468")
    mobile_type = factories.TypeFactory(method="push_with_pin", number_matching_digits=2)
    started = portal.start(mobile_type, phone).json()
    challenge = phone.fetch(started["transaction_id"])
    wrong = f"{(int(started['verification_number']) + 1) % 100:02d}"
    assert phone.answer(challenge, approve=True, pin="2468", number=wrong) == "not_authenticated"
    started = portal.start(mobile_type, phone).json()
    challenge = phone.fetch(started["transaction_id"])
    number = started["verification_number"]
    assert phone.answer(challenge, approve=True, pin="2468", number=number) == "authenticated"


def test_without_the_option_nothing_is_said_of_a_number(portal, phone, mobile_type):
    started = portal.start(mobile_type, phone).json()
    assert "verification_number" not in started
    challenge = phone.fetch(started["transaction_id"])
    assert "number_matching_digits" not in challenge
    assert phone.answer(challenge, approve=True, number="12") == "authenticated"


def test_a_repeat_with_an_idempotency_key_tells_the_same_number(portal, phone):
    mobile_type = factories.TypeFactory(method="push", number_matching_digits=4)
    form = {
        "type": mobile_type.name,
        "user_id": "anna",
        "device_id": phone.device_id,
        "callback_uri": "http://127.0.0.1:9/callback",
    }
    first, second = (
        portal.post("/oauth/api/v4/authenticate/user", form, **{"Idempotency-Key": "k"}).json() for _number in "ab"
    )
    assert first == second
    assert len(first["verification_number"]) == 4


def test_the_description_of_the_api_has_it():
    assert "verification_number" in serializers.InitiatedSerializer().fields
