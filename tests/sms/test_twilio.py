"""Twilio gateway with a fake that validates requests against Twilio's API reference."""

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
    """Type with its own sender ID."""
    sms_type.sms_sender_id = "Shop"
    sms_type.save()
    return sms_type


def senders(twilio):
    return [form["From"] for form in forms(twilio)]


def test_request_contains_number_sender_message_and_validity(sms_flow, sms_type, twilio):
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


def test_message_is_sent_in_utf8(sms_flow, sms_type, twilio):
    transaction_id = sms_flow.send(sms_type, message="Votre code à & + = % ☎ 電話: {code}")
    assert forms(twilio)[0]["Body"] == f"Votre code à & + = % ☎ 電話: {sms_flow.code(transaction_id)}"


@pytest.mark.parametrize(
    ("lifetime", "elapsed", "low", "high"),
    [(600, 0, 595, 600), (600, 400, 195, 200), (3, 0, 6, 6), (86_400, 0, 36_000, 36_000), (30, 27, 6, 6)],
)
def test_validity_is_the_remaining_lifetime_within_twilios_range(
    sms_flow, twilio, advance_clock, lifetime, elapsed, low, high
):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, time_to_live=lifetime)
    sms_flow.start(mobile_type)
    advance_clock(elapsed)
    sms_flow.work()
    assert low <= int(forms(twilio)[0]["ValidityPeriod"]) <= high


def test_senders_are_tried_in_order(sms_flow, type_with_sender, twilio, change_general):
    change_general(sms_sender_id="+31600000000")
    twilio.script[NUMBER] = [fake_twilio.error(21212), fake_twilio.error(21659)]
    transaction_id = sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop", "+31600000000", fake_twilio.FROM_NUMBER]
    assert sms_flow.result(transaction_id) == ACCEPTED
    assert sms_flow.attempts(transaction_id) == ["accepted"]


def test_accepted_sender_is_the_last_one_tried(sms_flow, type_with_sender, twilio, change_general):
    change_general(sms_sender_id="General")
    sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop"]


def test_general_sender_is_used_without_a_sender_of_the_type(sms_flow, sms_type, twilio, change_general):
    change_general(sms_sender_id="General")
    sms_flow.send(sms_type)
    assert senders(twilio) == ["General"]


def test_sender_is_tried_once(sms_flow, type_with_sender, twilio, change_general):
    change_general(sms_sender_id="Shop")
    twilio.script[NUMBER] = [fake_twilio.error(21606)]
    sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop", fake_twilio.FROM_NUMBER]


@pytest.mark.parametrize("code", SENDER_ERROR_CODES)
def test_rejected_sender_tries_the_next(sms_flow, type_with_sender, twilio, code):
    twilio.script[NUMBER] = [fake_twilio.error(code)]
    transaction_id = sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop", fake_twilio.FROM_NUMBER]
    assert sms_flow.result(transaction_id) == ACCEPTED


@pytest.mark.parametrize("code", [21211, 21610, 21408, 21602, 21614, 21658, 20003, 0, 212120])
def test_other_errors_end_the_transaction(sms_flow, type_with_sender, twilio, code):
    twilio.script[NUMBER] = [fake_twilio.error(code)]
    transaction_id = sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop"]
    assert sms_flow.result(transaction_id) == ENDED
    assert sms_flow.attempts(transaction_id) == ["refused"]


def test_transaction_ends_if_all_senders_are_rejected(sms_flow, type_with_sender, twilio):
    twilio.script[NUMBER] = [{**fake_twilio.error(21606), "repeat": True}]
    transaction_id = sms_flow.send(type_with_sender)
    assert senders(twilio) == ["Shop", fake_twilio.FROM_NUMBER]
    assert sms_flow.result(transaction_id) == ENDED


def test_missing_sender_sends_no_request(sms_flow, sms_type, twilio, settings):
    settings.SMS_GATEWAY_TWILIO_FROM_NUMBER = ""
    transaction_id = sms_flow.send(sms_type)
    assert twilio.received == []
    assert sms_flow.result(transaction_id) == ENDED


def test_long_sender_is_accepted(sms_flow, sms_type, twilio, settings):
    settings.SMS_GATEWAY_TWILIO_FROM_NUMBER = "MG" + "0" * 32
    transaction_id = sms_flow.send(sms_type)
    assert senders(twilio) == ["MG" + "0" * 32]
    assert sms_flow.attempts(transaction_id) == ["accepted"]


@pytest.mark.parametrize("setting", ["SMS_GATEWAY_TWILIO_AUTH_TOKEN", "SMS_GATEWAY_TWILIO_ACCOUNT_SID"])
@pytest.mark.parametrize("value", ["wrong", ""])
def test_wrong_or_missing_credentials_end_the_transaction(sms_flow, sms_type, twilio, settings, setting, value):
    setattr(settings, setting, value)
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == ENDED
    assert sms_flow.attempts(transaction_id) == ["refused"]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_temporarily_rejected_message_is_retried(sms_flow, sms_type, twilio, advance_clock, status):
    twilio.script[NUMBER] = [fake_twilio.error(20429, status)]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == ACCEPTED
    advance_clock(2.1)
    assert sms_flow.work() == 1
    assert sms_flow.attempts(transaction_id) == ["retry", "accepted"]


def test_sender_error_in_a_503_is_retried(sms_flow, type_with_sender, twilio):
    twilio.script[NUMBER] = [fake_twilio.error(21606, 503)]
    assert sms_flow.attempts(sms_flow.send(type_with_sender)) == ["retry"]
    assert senders(twilio) == ["Shop"]


def test_retry_after_is_respected(sms_flow, sms_type, twilio, advance_clock):
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
    "response",
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
def test_lost_or_unreadable_response_is_an_unknown_outcome(sms_flow, sms_type, twilio, advance_clock, response):
    twilio.script[NUMBER] = [response]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == ACCEPTED
    assert sms_flow.attempts(transaction_id) == ["unknown"]
    assert sms_flow.event_types(transaction_id) == ["SMS_AUTH_INIT_OUTCOME_UNKNOWN"]
    advance_clock(200)
    assert sms_flow.work() == 0
    assert len(twilio.received) == 1


@pytest.mark.parametrize(
    "response",
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
def test_unreadable_error_ends_the_transaction(sms_flow, type_with_sender, twilio, response):
    twilio.script[NUMBER] = [response]
    transaction_id = sms_flow.send(type_with_sender)
    assert sms_flow.result(transaction_id) == ENDED
    assert len(twilio.received) == 1


@pytest.mark.parametrize("body", [RFC_9457.replace("21211", "21606")])
def test_rejected_sender_in_rfc_9457_format_tries_the_next(sms_flow, type_with_sender, twilio, body):
    twilio.script[NUMBER] = [{"status": 400, "body": body}]
    assert sms_flow.result(sms_flow.send(type_with_sender)) == ACCEPTED
    assert senders(twilio) == ["Shop", fake_twilio.FROM_NUMBER]


def test_request_times_out_after_ten_seconds(sms_flow, sms_type, twilio):
    twilio.script[NUMBER] = [{"delay": 30}]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["unknown"]
    assert 9_500 < SmsAttempt.objects.get().duration_ms < 11_500


def test_request_on_a_reused_connection_is_not_repeated(sms_flow, sms_type, twilio):
    sms_flow.send(sms_type)
    twilio.script[NUMBER] = [{"reset": True}]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["unknown"]
    assert len(twilio.received) == 2


def test_refused_connection_is_retried(sms_flow, sms_type, twilio, settings, advance_clock):
    address, settings.SMS_GATEWAY_TWILIO_API_URL = settings.SMS_GATEWAY_TWILIO_API_URL, "http://127.0.0.1:9"
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["retry"]
    settings.SMS_GATEWAY_TWILIO_API_URL = address
    advance_clock(2.1)
    sms_flow.work()
    assert sms_flow.attempts(transaction_id) == ["retry", "accepted"]


def test_failed_tls_handshake_is_retried(sms_flow, sms_type, twilio, settings):
    settings.SMS_GATEWAY_TWILIO_API_URL = twilio.url.replace("http:", "https:")
    assert sms_flow.attempts(sms_flow.send(sms_type)) == ["retry"]
    assert twilio.received == []


def test_events_omit_number_and_text_of_an_error(sms_flow, sms_type, twilio):
    twilio.script[NUMBER] = [fake_twilio.error(21211, text=f"Invalid number {NUMBER}: Your code is 123456")]
    transaction_id = sms_flow.send(sms_type)
    details = [event.details for event in Event.objects.filter(transaction_id=transaction_id)]
    assert "error 21211" in str(details)
    assert "Invalid number" not in str(details)
    assert NUMBER not in str(details)
