"""The Twilio gateway against a server that checks what Twilio's API reference asks for."""

import json

import pytest

from apps.events.models import Event
from apps.transactions.models import SmsAttempt
from tests import factories
from tests.fakes import twilio as fake
from tests.sms.conftest import NUMBER, forms

pytestmark = pytest.mark.django_db(transaction=True)
SENDER_REFUSED = [21212, 21603, 21606, 21611, 21612, 21657, 21659, 21660]
ACCEPTED = ("pending", None)
ENDED = ("not_authenticated", "failed_to_send")


@pytest.fixture
def named_type(sms_type):
    """A type with a sender of its own."""
    sms_type.sms_sender_id = "Shop"
    sms_type.save()
    return sms_type


def senders(twilio):
    return [form["From"] for form in forms(twilio)]


def test_a_message_has_credentials_number_sender_text_and_validity(texts, sms_type, twilio):
    started = texts.send(sms_type)
    assert texts.result(started) == ACCEPTED
    assert texts.kinds(started) == ["SMS_AUTH_INIT_MESSAGE_SENT"]
    [form] = forms(twilio)
    validity = int(form.pop("ValidityPeriod"))
    assert form == {"To": NUMBER, "From": fake.FROM_NUMBER, "Body": f"Your code: {texts.code(started)}"}
    assert 295 <= validity <= 300


def test_characters_of_any_language_arrive(texts, sms_type, twilio):
    started = texts.send(sms_type, message="Votre code à & + = % ☎ 電話: {code}")
    assert forms(twilio)[0]["Body"] == f"Votre code à & + = % ☎ 電話: {texts.code(started)}"


@pytest.mark.parametrize(
    ("life", "passed", "low", "high"),
    [(600, 0, 595, 600), (600, 400, 195, 200), (3, 0, 6, 6), (86_400, 0, 36_000, 36_000), (30, 27, 6, 6)],
)
def test_the_validity_is_what_is_left_of_the_codes_life_as_far_as_twilio_takes_it(
    texts, twilio, later, life, passed, low, high
):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, time_to_live=life)
    texts.start(mobile_type)
    later(passed)
    texts.work()
    assert low <= int(forms(twilio)[0]["ValidityPeriod"]) <= high


def test_the_senders_are_the_types_then_the_general_then_the_from_number(texts, named_type, twilio, general):
    general(sms_sender_id="+31600000000")
    twilio.script[NUMBER] = [fake.error(21212), fake.error(21659)]
    started = texts.send(named_type)
    assert senders(twilio) == ["Shop", "+31600000000", fake.FROM_NUMBER]
    assert texts.result(started) == ACCEPTED
    assert texts.attempts(started) == ["accepted"]


def test_the_first_sender_that_is_taken_is_the_last_that_is_tried(texts, named_type, twilio, general):
    general(sms_sender_id="General")
    texts.send(named_type)
    assert senders(twilio) == ["Shop"]


def test_a_type_without_a_sender_begins_with_the_general_one(texts, sms_type, twilio, general):
    general(sms_sender_id="General")
    texts.send(sms_type)
    assert senders(twilio) == ["General"]


def test_the_same_sender_is_not_tried_twice(texts, named_type, twilio, general):
    general(sms_sender_id="Shop")
    twilio.script[NUMBER] = [fake.error(21606)]
    texts.send(named_type)
    assert senders(twilio) == ["Shop", fake.FROM_NUMBER]


@pytest.mark.parametrize("code", SENDER_REFUSED)
def test_a_refusal_of_the_sender_tries_the_next(texts, named_type, twilio, code):
    twilio.script[NUMBER] = [fake.error(code)]
    started = texts.send(named_type)
    assert senders(twilio) == ["Shop", fake.FROM_NUMBER]
    assert texts.result(started) == ACCEPTED


@pytest.mark.parametrize("code", [21211, 21610, 21408, 21602, 21614, 21658, 20003, 0, 212120])
def test_any_other_refusal_ends_it(texts, named_type, twilio, code):
    twilio.script[NUMBER] = [fake.error(code)]
    started = texts.send(named_type)
    assert senders(twilio) == ["Shop"]
    assert texts.result(started) == ENDED
    assert texts.attempts(started) == ["refused"]


def test_when_every_sender_is_refused_it_ends(texts, named_type, twilio):
    twilio.script[NUMBER] = [{**fake.error(21606), "repeat": True}]
    started = texts.send(named_type)
    assert senders(twilio) == ["Shop", fake.FROM_NUMBER]
    assert texts.result(started) == ENDED


def test_without_any_sender_nothing_is_asked(texts, sms_type, twilio, settings):
    settings.SMS_GATEWAY_TWILIO_FROM_NUMBER = ""
    started = texts.send(sms_type)
    assert twilio.received == []
    assert texts.result(started) == ENDED


def test_a_sender_longer_than_any_that_is_shown_is_no_fault(texts, sms_type, twilio, settings):
    settings.SMS_GATEWAY_TWILIO_FROM_NUMBER = "MG" + "0" * 32
    started = texts.send(sms_type)
    assert senders(twilio) == ["MG" + "0" * 32]
    assert texts.attempts(started) == ["accepted"]


@pytest.mark.parametrize("setting", ["SMS_GATEWAY_TWILIO_AUTH_TOKEN", "SMS_GATEWAY_TWILIO_ACCOUNT_SID"])
@pytest.mark.parametrize("value", ["wrong", ""])
def test_wrong_or_missing_credentials_end_it(texts, sms_type, twilio, settings, setting, value):
    setattr(settings, setting, value)
    started = texts.send(sms_type)
    assert texts.result(started) == ENDED
    assert texts.attempts(started) == ["refused"]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_what_twilio_puts_off_is_sent_again(texts, sms_type, twilio, later, status):
    twilio.script[NUMBER] = [fake.error(20429, status)]
    started = texts.send(sms_type)
    assert texts.result(started) == ACCEPTED
    later(2.1)
    assert texts.work() == 1
    assert texts.attempts(started) == ["retry", "accepted"]


def test_a_sender_code_in_a_503_is_put_off(texts, named_type, twilio):
    twilio.script[NUMBER] = [fake.error(21606, 503)]
    assert texts.attempts(texts.send(named_type)) == ["retry"]
    assert senders(twilio) == ["Shop"]


def test_retry_after_is_kept(texts, sms_type, twilio, later):
    twilio.script[NUMBER] = [fake.error(20429, 429, **{"Retry-After": "30"})]
    texts.send(sms_type)
    later(29)
    assert texts.work() == 0
    later(1.5)
    assert texts.work() == 1


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
    ids=lambda answer: str(answer)[:80],
)
def test_a_lost_or_unreadable_answer_is_an_unknown_outcome(texts, sms_type, twilio, later, answer):
    twilio.script[NUMBER] = [answer]
    started = texts.send(sms_type)
    assert texts.result(started) == ACCEPTED
    assert texts.attempts(started) == ["unknown"]
    assert texts.kinds(started) == ["SMS_AUTH_INIT_OUTCOME_UNKNOWN"]
    later(200)
    assert texts.work() == 0
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
    ids=lambda answer: str(answer)[:80],
)
def test_a_refusal_in_any_shape_ends_it(texts, named_type, twilio, answer):
    twilio.script[NUMBER] = [answer]
    started = texts.send(named_type)
    assert texts.result(started) == ENDED
    assert len(twilio.received) == 1


@pytest.mark.parametrize("body", [RFC_9457.replace("21211", "21606")])
def test_a_refused_sender_in_the_newer_shape_of_errors_tries_the_next(texts, named_type, twilio, body):
    twilio.script[NUMBER] = [{"status": 400, "body": body}]
    assert texts.result(texts.send(named_type)) == ACCEPTED
    assert senders(twilio) == ["Shop", fake.FROM_NUMBER]


def test_an_answer_that_does_not_come_is_given_up_after_ten_seconds(texts, sms_type, twilio):
    twilio.script[NUMBER] = [{"delay": 30}]
    started = texts.send(sms_type)
    assert texts.attempts(started) == ["unknown"]
    assert 9_500 < SmsAttempt.objects.get().duration_ms < 11_500


def test_on_a_connection_that_was_kept_nothing_is_sent_twice(texts, sms_type, twilio):
    texts.send(sms_type)
    twilio.script[NUMBER] = [{"reset": True}]
    lost = texts.send(sms_type)
    assert texts.attempts(lost) == ["unknown"]
    assert len(twilio.received) == 2


def test_a_connection_that_is_refused_is_tried_again(texts, sms_type, twilio, settings, later):
    address, settings.SMS_GATEWAY_TWILIO_API_URL = settings.SMS_GATEWAY_TWILIO_API_URL, "http://127.0.0.1:9"
    started = texts.send(sms_type)
    assert texts.attempts(started) == ["retry"]
    settings.SMS_GATEWAY_TWILIO_API_URL = address
    later(2.1)
    texts.work()
    assert texts.attempts(started) == ["retry", "accepted"]


def test_a_tls_handshake_that_fails_is_tried_again(texts, sms_type, twilio, settings):
    settings.SMS_GATEWAY_TWILIO_API_URL = twilio.url.replace("http:", "https:")
    assert texts.attempts(texts.send(sms_type)) == ["retry"]
    assert twilio.received == []


def test_the_number_and_the_text_of_a_refusal_are_not_kept(texts, sms_type, twilio):
    twilio.script[NUMBER] = [fake.error(21211, text=f"Invalid number {NUMBER}: Your code is 123456")]
    started = texts.send(sms_type)
    details = [event.details for event in Event.objects.filter(transaction_id=started)]
    assert "error 21211" in str(details)
    assert "Invalid number" not in str(details)
    assert NUMBER not in str(details)
