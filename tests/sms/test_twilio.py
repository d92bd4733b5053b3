"""The Twilio gateway against a server that checks what Twilio's API reference asks for."""

import json

import pytest

from apps.events.models import Event
from apps.transactions.models import SmsAttempt
from tests import factories
from tests.fakes import twilio as fake_twilio
from tests.sms.conftest import NUMBER, forms

pytestmark = pytest.mark.django_db(transaction=True)
SENDER_ERROR_CODES = [21212, 21603, 21606, 21611, 21612, 21657, 21659, 21660]
ACCEPTED = ("pending", None)
ENDED = ("not_authenticated", "failed_to_send")


@pytest.fixture
def type_with_sender(sms_type):
    """A type with a sender of its own."""
    sms_type.sms_sender_id = "Shop"
    sms_type.save()
    return sms_type


def senders(twilio):
    return [form["From"] for form in forms(twilio)]


def test_a_message_has_credentials_number_sender_text_and_validity(sms_flow, sms_type, twilio):
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == ACCEPTED
    assert sms_flow.event_types(transaction_id) == ["SMS_AUTH_INIT_MESSAGE_SENT"]
    [form] = forms(twilio)
    validity = int(form.pop("ValidityPeriod"))
    assert form == {
        "To": NUMBER,
        "From": fake_twilio.FROM_NUMBER,
        "Body": f"Your code: {sms_flow.code(transaction_id)}",
    }
    assert 295 <= validity <= 300


def test_characters_of_any_language_arrive(sms_flow, sms_type, twilio):
    transaction_id = sms_flow.send(sms_type, message="Votre code à & + = % ☎ 電話: {code}")
    assert forms(twilio)[0]["Body"] == f"Votre code à & + = % ☎ 電話: {sms_flow.code(transaction_id)}"


@pytest.mark.parametrize(
    ("lifetime", "elapsed", "low", "high"),
    [(600, 0, 595, 600), (600, 400, 195, 200), (3, 0, 6, 6), (86_400, 0, 36_000, 36_000), (30, 27, 6, 6)],
)
def test_the_validity_is_what_is_left_of_the_codes_life_as_far_as_twilio_takes_it(
    sms_flow, twilio, advance_clock, lifetime, elapsed, low, high
):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, time_to_live=lifetime)
    sms_flow.start(mobile_type)
    advance_clock(elapsed)
    sms_flow.work()
    assert low <= int(forms(twilio)[0]["ValidityPeriod"]) <= high


def test_the_senders_are_the_types_then_the_general_then_the_from_number(
    sms_flow, type_with_sender, twilio, change_general
):
    change_general(sms_sender_id="+31600000000")
    twilio.script[NUMBER] = [fake_twilio.error(21212), fake_twilio.error(21659)]
    transaction_id = sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop", "+31600000000", fake_twilio.FROM_NUMBER]
    assert sms_flow.result(transaction_id) == ACCEPTED
    assert sms_flow.attempts(transaction_id) == ["accepted"]


def test_the_first_sender_that_is_taken_is_the_last_that_is_tried(sms_flow, type_with_sender, twilio, change_general):
    change_general(sms_sender_id="General")
    sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop"]


def test_a_type_without_a_sender_begins_with_the_general_one(sms_flow, sms_type, twilio, change_general):
    change_general(sms_sender_id="General")
    sms_flow.send(sms_type)
    assert senders(twilio) == ["General"]


def test_the_same_sender_is_not_tried_twice(sms_flow, type_with_sender, twilio, change_general):
    change_general(sms_sender_id="Shop")
    twilio.script[NUMBER] = [fake_twilio.error(21606)]
    sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop", fake_twilio.FROM_NUMBER]


@pytest.mark.parametrize("code", SENDER_ERROR_CODES)
def test_a_refusal_of_the_sender_tries_the_next(sms_flow, type_with_sender, twilio, code):
    twilio.script[NUMBER] = [fake_twilio.error(code)]
    transaction_id = sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop", fake_twilio.FROM_NUMBER]
    assert sms_flow.result(transaction_id) == ACCEPTED


@pytest.mark.parametrize("code", [21211, 21610, 21408, 21602, 21614, 21658, 20003, 0, 212120])
def test_any_other_refusal_ends_it(sms_flow, type_with_sender, twilio, code):
    twilio.script[NUMBER] = [fake_twilio.error(code)]
    transaction_id = sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop"]
    assert sms_flow.result(transaction_id) == ENDED
    assert sms_flow.attempts(transaction_id) == ["refused"]


def test_when_every_sender_is_refused_it_ends(sms_flow, type_with_sender, twilio):
    twilio.script[NUMBER] = [{**fake_twilio.error(21606), "repeat": True}]
    transaction_id = sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop", fake_twilio.FROM_NUMBER]
    assert sms_flow.result(transaction_id) == ENDED


def test_without_any_sender_nothing_is_asked(sms_flow, sms_type, twilio, settings):
    settings.SMS_GATEWAY_TWILIO_FROM_NUMBER = ""
    transaction_id = sms_flow.send(sms_type)
    assert twilio.received == []
    assert sms_flow.result(transaction_id) == ENDED


def test_a_sender_longer_than_any_that_is_shown_is_no_fault(sms_flow, sms_type, twilio, settings):
    settings.SMS_GATEWAY_TWILIO_FROM_NUMBER = "MG" + "0" * 32
    transaction_id = sms_flow.send(sms_type)
    assert senders(twilio) == ["MG" + "0" * 32]
    assert sms_flow.attempts(transaction_id) == ["accepted"]


@pytest.mark.parametrize("setting", ["SMS_GATEWAY_TWILIO_AUTH_TOKEN", "SMS_GATEWAY_TWILIO_ACCOUNT_SID"])
@pytest.mark.parametrize("value", ["wrong", ""])
def test_wrong_or_missing_credentials_end_it(sms_flow, sms_type, twilio, settings, setting, value):
    setattr(settings, setting, value)
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == ENDED
    assert sms_flow.attempts(transaction_id) == ["refused"]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_what_twilio_puts_off_is_sent_again(sms_flow, sms_type, twilio, advance_clock, status):
    twilio.script[NUMBER] = [fake_twilio.error(20429, status)]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == ACCEPTED
    advance_clock(2.1)
    assert sms_flow.work() == 1
    assert sms_flow.attempts(transaction_id) == ["retry", "accepted"]


def test_a_sender_code_in_a_503_is_put_off(sms_flow, type_with_sender, twilio):
    twilio.script[NUMBER] = [fake_twilio.error(21606, 503)]
    assert sms_flow.attempts(sms_flow.send(type_with_sender)) == ["retry"]
    assert senders(twilio) == ["Shop"]


def test_retry_after_is_kept(sms_flow, sms_type, twilio, advance_clock):
    twilio.script[NUMBER] = [fake_twilio.error(20429, 429, **{"Retry-After": "30"})]
    sms_flow.send(sms_type)
    advance_clock(29)
    assert sms_flow.work() == 0
    advance_clock(1.5)
    assert sms_flow.work() == 1


BODY = json.dumps({"sid": "SM1", "status": "queued"})
HTML = "<html>Welcome to our hotel</html>"
DEEP = "[" * 60_000
RFC_9457 = json.dumps({"type": "https://www.twilio.com/docs/1", "title": "No", "status": 400, "code": 21211})


@pytest.mark.parametrize(
    "answer",
    [
        {"reset": True},
        {"status": 201, "body": BODY, "truncate": True},
        {"status": 200, "body": HTML},
        {"status": 201, "body": HTML},
        {"status": 201, "body": "{}"},
        {"status": 201, "body": "[]"},
        {"status": 201, "body": '"accepted"'},
        {"status": 201, "body": DEEP},
        {"status": 204},
    ],
    ids=lambda response: str(response)[:80],
)
def test_a_lost_or_unreadable_answer_is_an_unknown_outcome(sms_flow, sms_type, twilio, advance_clock, response):
    twilio.script[NUMBER] = [response]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == ACCEPTED
    assert sms_flow.attempts(transaction_id) == ["unknown"]
    assert sms_flow.event_types(transaction_id) == ["SMS_AUTH_INIT_OUTCOME_UNKNOWN"]
    advance_clock(200)
    assert sms_flow.work() == 0
    assert len(twilio.received) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 400, "body": HTML},
        {"status": 400, "body": "[]"},
        {"status": 400, "body": "21606"},
        {"status": 400, "body": DEEP},
        {"status": 400, "body": RFC_9457},
        {"status": 302, "headers": {"Location": "/elsewhere"}},
        {"status": 404},
    ],
    ids=lambda response: str(response)[:80],
)
def test_a_refusal_in_any_shape_ends_it(sms_flow, type_with_sender, twilio, response):
    twilio.script[NUMBER] = [response]
    transaction_id = sms_flow.send(type_with_sender)
    assert sms_flow.result(transaction_id) == ENDED
    assert len(twilio.received) == 1


@pytest.mark.parametrize("body", [RFC_9457.replace("21211", "21606")])
def test_a_refused_sender_in_the_newer_shape_of_errors_tries_the_next(sms_flow, type_with_sender, twilio, body):
    twilio.script[NUMBER] = [{"status": 400, "body": body}]
    assert sms_flow.result(sms_flow.send(type_with_sender)) == ACCEPTED
    assert senders(twilio) == ["Shop", fake_twilio.FROM_NUMBER]


def test_an_answer_that_does_not_come_is_given_up_after_ten_seconds(sms_flow, sms_type, twilio):
    twilio.script[NUMBER] = [{"delay": 30}]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["unknown"]
    assert 9_500 < SmsAttempt.objects.get().duration_ms < 11_500


def test_on_a_connection_that_was_kept_nothing_is_sent_twice(sms_flow, sms_type, twilio):
    sms_flow.send(sms_type)
    twilio.script[NUMBER] = [{"reset": True}]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["unknown"]
    assert len(twilio.received) == 2


def test_a_connection_that_is_refused_is_tried_again(sms_flow, sms_type, twilio, settings, advance_clock):
    address, settings.SMS_GATEWAY_TWILIO_API_URL = settings.SMS_GATEWAY_TWILIO_API_URL, "http://127.0.0.1:9"
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["retry"]
    settings.SMS_GATEWAY_TWILIO_API_URL = address
    advance_clock(2.1)
    sms_flow.work()
    assert sms_flow.attempts(transaction_id) == ["retry", "accepted"]


def test_a_tls_handshake_that_fails_is_tried_again(sms_flow, sms_type, twilio, settings):
    settings.SMS_GATEWAY_TWILIO_API_URL = twilio.url.replace("http:", "https:")
    assert sms_flow.attempts(sms_flow.send(sms_type)) == ["retry"]
    assert twilio.received == []


def test_the_number_and_the_text_of_a_refusal_are_not_kept(sms_flow, sms_type, twilio):
    twilio.script[NUMBER] = [fake_twilio.error(21211, text=f"Invalid number {NUMBER}: Your code is 123456")]
    transaction_id = sms_flow.send(sms_type)
    details = [event.details for event in Event.objects.filter(transaction_id=transaction_id)]
    assert "error 21211" in str(details)
    assert "Invalid number" not in str(details)
    assert NUMBER not in str(details)
