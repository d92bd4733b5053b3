"""System checks of the gateway's settings (`check --deploy`)."""

import pytest

from tests.commands.command_runner import run

PREFIX = "TOKEN_SERVER_ENGINE_SMS_GATEWAY_"
TWILIO = [PREFIX + name for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER")]


def missing_variables(gateway, settings):
    """Return the environment variables that the check reports."""
    settings.SMS_GATEWAY = gateway
    output = run("check", "--deploy").err.split()
    return sorted(word for word in output if word.startswith(PREFIX))


@pytest.mark.parametrize(
    ("gateway", "variables"), [("twilio", TWILIO), ("rest", [PREFIX + "REST_URL"]), ("console", []), ("memory", [])]
)
def test_missing_settings_are_warnings(settings, gateway, variables):
    assert missing_variables(gateway, settings) == variables


def test_present_settings_are_not_reported(settings):
    settings.SMS_GATEWAY_TWILIO_AUTH_TOKEN = "x"
    settings.SMS_GATEWAY_REST_URL = "http://127.0.0.1:9/"
    assert missing_variables("twilio", settings) == [TWILIO[0], TWILIO[2]]
    assert missing_variables("rest", settings) == []


def test_other_commands_do_not_run_the_check(settings):
    settings.SMS_GATEWAY = "twilio"
    assert PREFIX not in run("check").err


@pytest.mark.parametrize("path", ["nowhere.Gateway", "apps.sms.gateways.base.Gateway", "tvilio"])
def test_gateway_that_cannot_be_loaded_is_an_error(settings, path):
    settings.SMS_GATEWAY = path
    result = run("check", "--deploy")
    assert result.code == 1
    assert "sms.E001" in result.err
