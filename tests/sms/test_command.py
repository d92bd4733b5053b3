"""Output and exit codes of `send_test_sms`."""

import json

import pytest

from tests.commands.command_runner import run
from tests.fakes import twilio as fake
from tests.sms.conftest import NUMBER, bodies, forms

pytestmark = pytest.mark.django_db(transaction=True)


def test_command_prints_the_result_as_json(twilio):
    result = run("send_test_sms", "+31 6 12345678", "--json")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == {
        "gateway": "twilio",
        "outcome": "accepted",
        "http_status": 201,
        "sender": fake.FROM_NUMBER,
    }
    [form] = forms(twilio)
    assert (form["To"], form["Body"]) == (NUMBER, "This is a test message.")


def test_command_prints_the_result_as_lines(sms_service, change_general):
    change_general(sms_sender_id="Shop")
    result = run("send_test_sms", NUMBER)
    assert result.lines == ["gateway:     rest", "outcome:     accepted", "http_status: 204", "sender:      Shop"]
    assert bodies(sms_service) == [
        {
            "phone_number": NUMBER,
            "message": "This is a test message.",
            "verification_code": "000000",
            "sender_id": "Shop",
        }
    ]


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (fake.error(21211, text=f"The number {NUMBER} is wrong"), "refused (error 21211)"),
        (fake.error(20429, 429), "retry (error 20429)"),
        ({"reset": True}, "unknown ("),
    ],
    ids=str,
)
def test_rejected_message_prints_one_line_and_exits_with_1(twilio, response, problem):
    twilio.script[NUMBER] = [response]
    result = run("send_test_sms", NUMBER)
    assert (result.code, result.out, len(result.problems)) == (1, "", 1)
    assert result.err.startswith(f"The gateway twilio did not accept the message: {problem}")
    assert NUMBER not in result.err


@pytest.mark.parametrize("number", ["0612345678", "+31112", "x", "+31 900 1234567"])
def test_invalid_number_prints_one_line_and_exits_with_1(twilio, number):
    result = run("send_test_sms", number)
    assert (result.code, result.out, len(result.problems)) == (1, "", 1)
    assert twilio.received == []


def test_missing_settings_are_reported(settings):
    settings.SMS_GATEWAY = "twilio"
    settings.SMS_GATEWAY_TWILIO_FROM_NUMBER = fake.FROM_NUMBER
    result = run("send_test_sms", NUMBER)
    assert (result.code, len(result.problems)) == (1, 1)
    assert "refused (the credentials are not set)" in result.err


@pytest.mark.parametrize("path", ["nowhere.Gateway", "apps.sms.gateways.twilio.Nothing", "tvilio"])
def test_unloadable_gateway_prints_one_line_and_exits_with_1(settings, path):
    settings.SMS_GATEWAY = path
    result = run("send_test_sms", NUMBER)
    assert (result.code, len(result.problems)) == (1, 1)
    assert "cannot be loaded" in result.err
