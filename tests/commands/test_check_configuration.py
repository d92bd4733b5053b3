"""`check_configuration` tests push credentials with fake providers, and prints errors with fixes."""

import json

import pytest
from django.utils.formats import date_format

from apps.demo.fcm import TOKEN_PATH
from apps.outgoing.proxy import Proxy
from apps.push.models import PushMessagingConfiguration
from apps.system.models import ApnsProxy
from tests import factories
from tests.commands.command_runner import run
from tests.commands.conftest import BUNDLE, in_days, ios_version
from tests.fakes import apns, fcm
from tests.fakes.apns_certificates import signing_key
from tests.fakes.web_proxy import WebProxy

pytestmark = pytest.mark.django_db

# Tokens of the probes. No device has them.
PROBE_DEVICE_TOKEN = "0" * 64
PROBE_TOKEN = "0"


def run_check():
    """Run the command. Return (level, text and remedy) of each finding, and the exit code.

    Findings about stored secrets are omitted, because every credential is one.
    """
    result = run("check_configuration", "--json")
    entries = [entry for entry in json.loads(result.out) if not entry["about"].startswith("stored secrets")]
    return [(entry["level"], f"{entry['text']} {entry['remedy']}".strip()) for entry in entries], result.code


def last_finding():
    """Run the command. Return level, text and remedy of the last finding, and the exit code."""
    result = run("check_configuration", "--json")
    entry = json.loads(result.out)[-1]
    return entry["level"], entry["text"], entry["remedy"], result.code


def test_empty_database_is_reported():
    result = run("check_configuration")
    assert (result.code, result.err, len(result.lines)) == (0, "", 1)
    assert result.out.startswith("Nothing is configured yet: ")
    assert json.loads(run("check_configuration", "--json").out) == []


def test_valid_configuration_prints_a_line_per_check_and_sends_no_push(apple, with_key, with_service_account, google):
    ios_version(with_key())
    factories.ApplicationVersionFactory(push_messaging_configuration=with_service_account())
    result = run("check_configuration")
    assert (result.code, result.err) == (0, "")
    assert result.lines == [
        "ok       stored secrets: 2 were checked and can be decrypted.",
        "ok       push messaging configuration “apple”: The signing key KEY1234567 of the team TEAM123456 is valid.",
        (f"ok       push messaging configuration “apple”, {BUNDLE} production: Apple is reachable and accepts pushes."),
        (
            "ok       push messaging configuration “google”: The service account of the project “countersign-demo” is "
            "valid."
        ),
        "ok       push messaging configuration “google”: 127.0.0.1 is reachable and accepts pushes.",
        "No errors (ok: 5).",
    ]
    assert {request["key"] for request in apple.received} == {PROBE_DEVICE_TOKEN}
    [message] = [json.loads(request["body"]) for request in google.received if request["key"] != TOKEN_PATH]
    assert (message["validate_only"], message["message"]["token"]) == (True, PROBE_TOKEN)


def test_rejection_of_the_probe_token_is_ok(apple, with_key, with_service_account, google):
    ios_version(with_key())
    with_service_account()
    apple.script[PROBE_DEVICE_TOKEN] = [apns.BAD_DEVICE_TOKEN]
    google.script[PROBE_TOKEN] = [fcm.INVALID_ARGUMENT]
    findings, code = run_check()
    assert ([level for level, _text in findings], code) == (["ok"] * 4, 0)


@pytest.mark.parametrize("status", [302, 308, 400, 410, 415])
@pytest.mark.parametrize("which", ["with_service_account", "with_server_key"])
def test_url_that_accepts_no_pushes_is_an_error(request, google, which, status):
    request.getfixturevalue(which)()
    google.script[PROBE_TOKEN] = [{"status": status, "headers": {"Location": "/elsewhere"}, "body": "<html>"}]
    level, text, remedy, code = last_finding()
    assert (level, text, code) == ("error", f"127.0.0.1 rejects the configuration (HTTP {status}).", 1)
    assert "Correct the configuration's endpoint" in remedy


def test_unknown_rejection_reason_is_an_error(apple, with_key):
    ios_version(with_key())
    apple.script[PROBE_DEVICE_TOKEN] = [apns.rejection(400, "Novelty")]
    assert last_finding()[:2] == ("error", "Apple rejects the configuration (Novelty).")


def test_each_app_and_environment_is_tested_once(apple, with_key):
    configuration = with_key()
    for number in range(2):
        ios_version(configuration, version=f"1.{number}")
        ios_version(configuration, version=f"2.{number}", apns_environment="development")
    ios_version(configuration, bundle_identifier="com.example.bank")
    ios_version(configuration, bundle_identifier="com.example.gone", status="disabled")
    findings, code = run_check()
    assert (len(findings), code) == (4, 0)
    requested = sorted((request["headers"]["apns-topic"], request["environment"]) for request in apple.received)
    assert requested == [("com.example.bank", "production"), (BUNDLE, "development"), (BUNDLE, "production")]


def test_unused_configuration_is_tested(apple, with_key):
    configuration = with_key()
    level, text, _remedy, code = last_finding()
    assert (level, code) == ("ok", 0)
    assert text == "Apple is reachable and accepts the credential. No version uses this configuration."
    configuration.team_id = "OTHERTEAM1"
    configuration.save()
    assert last_finding()[:2] == ("error", "Apple rejects the configuration (InvalidProviderToken).")


@pytest.mark.parametrize(
    ("response", "reason", "remedy"),
    [
        (apns.INVALID_PROVIDER_TOKEN, "InvalidProviderToken", "Compare key ID and team ID"),
        (apns.TOPIC_DISALLOWED, "TopicDisallowed", "Compare the bundle identifier of the version"),
        (apns.rejection(403, "BadEnvironmentKeyInToken"), "BadEnvironmentKeyInToken", "another APNs environment"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rejection_by_apple_is_an_error_with_a_fix(apple, with_key, response, reason, remedy):
    ios_version(with_key())
    apple.script[PROBE_DEVICE_TOKEN] = [response]
    level, text, actual_remedy, code = last_finding()
    assert (level, text, code) == ("error", f"Apple rejects the configuration ({reason}).", 1)
    assert remedy in actual_remedy


def test_errors_are_one_line_on_standard_error(apple, with_key, push_configuration):
    ios_version(with_key(team_id="OTHERTEAM1"))
    push_configuration(name="google", fcm_api_version="legacy", server_key="AAAA")
    result = run("check_configuration")
    assert (result.code, result.problems) == (1, ["The check found errors (error: 2, ok: 2)."])
    assert [line.split()[0] for line in result.lines] == ["ok", "ok", "error", "error"]


def test_expired_cached_provider_token_is_not_an_error(apple, with_key):
    ios_version(with_key())
    apple.script[PROBE_DEVICE_TOKEN] = [apns.EXPIRED_PROVIDER_TOKEN]
    assert last_finding()[0] == "ok"
    apple.script[PROBE_DEVICE_TOKEN] = [apns.EXPIRED_PROVIDER_TOKEN, apns.EXPIRED_PROVIDER_TOKEN]
    level, text, remedy, *_others = last_finding()
    assert (level, text) == ("error", "Apple rejects the configuration (ExpiredProviderToken).")
    # The clock is the usual cause, so it is named before key and team.
    assert remedy.startswith("Apple considers the provider tokens of this server expired: its clock is probably wrong.")


def test_busy_provider_is_a_warning(apple, with_key):
    ios_version(with_key())
    apple.script[PROBE_DEVICE_TOKEN] = [apns.SERVICE_UNAVAILABLE]
    level, text, remedy, code = last_finding()
    assert (level, code) == ("warning", 0)
    assert "ServiceUnavailable" in text
    assert "Try again later" in remedy


def test_unreachable_provider_is_an_error(with_key, with_service_account, settings):
    ios_version(with_key())
    with_service_account(endpoint="http://127.0.0.1:9/send")
    settings.PUSH_APNS_PRODUCTION_URL = "https://localhost:9"
    findings, code = run_check()
    assert code == 1
    errors = [text for level, text in findings if level == "error"]
    assert errors[0].startswith("Apple is not reachable (")
    assert errors[1].startswith("127.0.0.1 is not reachable (")
    assert all("does not accept connections" in text for text in errors)


def test_untrusted_tls_certificate_is_an_error(with_key, settings):
    ios_version(with_key())
    settings.PUSH_APNS_CA_FILE = ""
    level, text, remedy, _code = last_finding()
    assert level == "error"
    assert "certificate" in text
    assert "PUSH_APNS_CA_FILE" in remedy


def test_key_that_cannot_be_decrypted_is_an_error_and_sends_nothing(apple, with_key, settings):
    ios_version(with_key())
    settings.FIELD_ENCRYPTION_KEYS = [b"1" * 32]
    [(level, text)], code = run_check()
    assert (level, code) == ("error", 1)
    assert text.startswith("The credential cannot be decrypted: cannot decrypt push_pushmessagingconfiguration.")
    assert text.endswith("or enter the credential again.")
    assert apple.received == []


def test_key_of_another_type_is_an_error(with_key, apple):
    with_key(signing_key=factories.service_account()["private_key"])
    [(level, text)], code = run_check()
    assert (level, code) == ("error", 1)
    assert text.startswith("The key has the wrong type.")
    assert apple.received == []


def test_key_of_another_team_is_an_error(with_key, apple):
    key = apns.pem(signing_key())
    ios_version(with_key(signing_key=key))
    assert last_finding()[:2] == ("error", "Apple rejects the configuration (InvalidProviderToken).")


def test_certificate_is_deprecated_and_needs_no_bundle_identifier(apple, with_certificate):
    ios_version(with_certificate(), bundle_identifier="")
    findings, code = run_check()
    assert ([level for level, _text in findings], code) == (["ok", "warning", "ok"], 0)
    assert "is valid until" in findings[0][1]
    assert "deprecated" in findings[1][1]
    assert apple.received[-1]["status"] == 200


def test_expired_certificate_is_an_error(apple, with_certificate):
    ios_version(with_certificate("expired_certificate"))
    findings, code = run_check()
    assert ([level for level, _text in findings], code) == (["error", "warning"], 1)
    assert "The certificate expired on" in findings[0][1]
    assert apple.received == []


def test_certificate_that_expires_within_30_days_is_a_warning(apple, with_certificate):
    apple.credentials["short"] = apple.authority.client(apns.TOPIC, apns.TEAM_ID, ["production"], days=29)
    with_certificate("short")
    findings, code = run_check()
    assert ([level for level, _text in findings], code) == (["warning", "warning", "ok"], 0)
    assert f"expires on {date_format(in_days(29), 'DATE_FORMAT')}" in findings[0][1]


def test_certificate_of_another_environment_is_an_error(apple, with_certificate):
    ios_version(with_certificate("development_certificate"))
    level, text, remedy, _code = last_finding()
    assert (level, text) == ("error", "Apple rejects the configuration (BadCertificateEnvironment).")
    assert "Correct the configuration's APNs environment" in remedy


def test_rejected_assertion_is_an_error(google, with_service_account):
    with_service_account()
    google.script[TOKEN_PATH] = [fcm.INVALID_GRANT]
    level, text, remedy, code = last_finding()
    assert (level, code) == ("error", 1)
    assert text.startswith("127.0.0.1 rejects the configuration (no access token: invalid_grant")
    assert "Create a new key in Google's console" in remedy
    assert [request["path"] for request in google.received] == [TOKEN_PATH]


@pytest.mark.parametrize(
    ("response", "reason", "remedy"),
    [
        (fcm.PERMISSION_DENIED, "PERMISSION_DENIED", "Firebase Cloud Messaging API Admin"),
        (fcm.error(404, "NOT_FOUND"), "NOT_FOUND", "Correct the configuration's endpoint"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rejection_by_google_is_an_error(google, with_service_account, response, reason, remedy):
    with_service_account()
    google.script[PROBE_TOKEN] = [response]
    level, text, actual_remedy, code = last_finding()
    assert (level, text, code) == ("error", f"127.0.0.1 rejects the configuration ({reason}).", 1)
    assert remedy in actual_remedy


def test_service_account_of_another_project_is_an_error(google, with_service_account):
    with_service_account(endpoint=f"{google.url}/v1/projects/other/messages:send")
    findings, code = run_check()
    assert code == 1
    assert findings[-1][1].startswith(
        "The service account belongs to the project “countersign-demo”, but the endpoint to"
    )
    assert google.received == []


def test_legacy_gateway_is_a_warning_and_legacy_google_an_error(google, with_server_key):
    configuration = with_server_key()
    findings, code = run_check()
    assert ([level for level, _text in findings], code) == (["warning", "ok"], 0)
    configuration.endpoint = ""
    configuration.save()
    [(level, text)], code = run_check()
    assert (level, code) == ("error", 1)
    assert "shut down the legacy FCM API" in text


def test_wrong_server_key_is_an_error(google, with_server_key):
    with_server_key(server_key="another")
    level, text, remedy, _code = last_finding()
    assert (level, text) == ("error", "127.0.0.1 rejects the configuration (HTTP 401).")
    assert "The credential is rejected. Enter the credential" in remedy


def test_apns_is_tested_through_the_proxy_named_in_the_line(apple, with_key):
    ios_version(with_key())
    with WebProxy() as proxy:
        ApnsProxy.objects.create(enabled=True, host="127.0.0.1", port=proxy.port)
        level, text, _remedy, _code = last_finding()
        assert (level, text) == (
            "ok",
            f"Apple (through the proxy http://127.0.0.1:{proxy.port}) is reachable and accepts pushes.",
        )
        assert {request["peer"] for request in apple.received} <= proxy.peers


def test_wrong_proxy_credentials_are_an_error(apple, with_key):
    ios_version(with_key())
    with WebProxy(credentials=("countersign", "right")) as proxy:
        ApnsProxy.objects.create(
            enabled=True, host="127.0.0.1", port=proxy.port, username="countersign", password="wrong"
        )
        level, text, remedy, _code = last_finding()
    assert level == "error"
    assert "407" in text
    assert "Correct user name and password of the proxy" in remedy
    assert apple.received == []


def test_proxy_password_that_cannot_be_decrypted_is_an_error(apple, with_key, settings):
    ios_version(with_key())
    ApnsProxy.objects.create(enabled=True, host="127.0.0.1", port=9, username="a", password="b")
    settings.FIELD_ENCRYPTION_KEYS = [b"1" * 32]
    configuration = PushMessagingConfiguration.objects.get()
    configuration.signing_key = apple.credentials["signing_key"]
    configuration.save()
    findings, code = run_check()
    assert (findings[0][0], code) == ("error", 1)
    assert findings[0][1].startswith(
        "Its password cannot be used: cannot decrypt system_apnsproxy.password: its key is not in"
    )
    assert [level for level, _text in findings] == ["error", "ok", "error"]


def test_fcm_is_tested_through_the_proxy_of_the_environment(google, with_service_account, settings):
    with_service_account()
    with WebProxy() as proxy:
        settings.EXTERNAL_PROXY = Proxy(f"http://127.0.0.1:{proxy.port}")
        assert last_finding()[0] == "ok"
        assert {request["headers"]["peer"] for request in google.received} <= proxy.peers


def test_recorded_error_that_does_not_recur_is_a_warning(apple, with_key):
    ios_version(
        with_key(
            delivery_error="TopicDisallowed",
            delivery_error_destination="com.example.old production",
            delivery_error_at=in_days(-1),
        )
    )
    level, text, remedy, code = last_finding()
    assert (level, code) == ("warning", 0)
    assert "(TopicDisallowed; app and environment: com.example.old production)" in text
    assert "Compare the bundle identifier of the version" in remedy


def test_output_contains_no_secret(apple, with_key, with_certificate, with_service_account, with_server_key):
    ios_version(with_key(team_id="OTHERTEAM1"))
    rows = [with_certificate(), with_service_account(), with_server_key(server_key="AAAA-secret-server-key")]
    result = run("check_configuration")
    for row in rows:
        for field in ("service_account", "server_key", "signing_key", "certificate"):
            for line in getattr(row, field).splitlines():
                assert len(line) < 20 or line not in result.out + result.err
