"""`check_configuration`: every credential is tried over the wire, and what is wrong is said with how to mend it."""

import json

import pytest

from apps.demo.fcm import TOKEN_PATH
from apps.outgoing.http import Proxy
from apps.push.models import PushMessagingConfiguration
from apps.system.models import ApnsProxy
from tests import factories
from tests.commands.command_runner import run
from tests.commands.conftest import BUNDLE, in_days, ios_version
from tests.fakes import apns, fcm
from tests.fakes.apns_certificates import signing_key
from tests.fakes.web_proxy import WebProxy

pytestmark = pytest.mark.django_db

# No phone has them.
NO_PHONE = "0" * 64
NO_TOKEN = "0"


def check():
    """Run the command; returns (level, text and remedy) of each finding, and the exit code.

    What it says of stored secrets is left out: every credential is one.
    """
    ran = run("check_configuration", "--json")
    entries = [entry for entry in json.loads(ran.out) if not entry["about"].startswith("stored secrets")]
    return [(entry["level"], f"{entry['text']} {entry['remedy']}".strip()) for entry in entries], ran.code


def last():
    """Run the command; returns level, text and remedy of the last finding, and the exit code."""
    ran = run("check_configuration", "--json")
    entry = json.loads(ran.out)[-1]
    return entry["level"], entry["text"], entry["remedy"], ran.code


def test_an_empty_database_is_told_as_such():
    ran = run("check_configuration")
    assert (ran.code, ran.err, len(ran.lines)) == (0, "", 1)
    assert ran.out.startswith("Nothing is configured yet: ")
    assert json.loads(run("check_configuration", "--json").out) == []


def test_all_that_is_good_is_a_line_each_and_nobody_gets_a_message(apple, with_key, with_service_account, google):
    ios_version(with_key())
    factories.ApplicationVersionFactory(push_messaging_configuration=with_service_account())
    ran = run("check_configuration")
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines == [
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
    assert {request["key"] for request in apple.received} == {NO_PHONE}
    [message] = [json.loads(one["body"]) for one in google.received if one["key"] != TOKEN_PATH]
    assert (message["validate_only"], message["message"]["token"]) == (True, NO_TOKEN)


def test_what_the_provider_says_of_a_phone_that_nobody_has_is_good(apple, with_key, with_service_account, google):
    ios_version(with_key())
    with_service_account()
    apple.script[NO_PHONE] = [apns.BAD_DEVICE_TOKEN]
    google.script[NO_TOKEN] = [fcm.INVALID_ARGUMENT]
    found, code = check()
    assert ([level for level, _text in found], code) == (["ok"] * 4, 0)


@pytest.mark.parametrize("status", [302, 308, 400, 410, 415])
@pytest.mark.parametrize("which", ["with_service_account", "with_server_key"])
def test_an_address_that_takes_no_pushes_is_wrong(request, google, which, status):
    request.getfixturevalue(which)()
    google.script[NO_TOKEN] = [{"status": status, "headers": {"Location": "/elsewhere"}, "body": "<html>"}]
    level, text, remedy, code = last()
    assert (level, text, code) == ("error", f"127.0.0.1 rejects the configuration (HTTP {status}).", 1)
    assert "Correct the configuration's endpoint" in remedy


def test_a_refusal_that_no_provider_has_words_for_is_no_proof(apple, with_key):
    ios_version(with_key())
    apple.script[NO_PHONE] = [apns.rejection(400, "Novelty")]
    assert last()[:2] == ("error", "Apple rejects the configuration (Novelty).")


def test_each_app_and_environment_is_asked_for_once(apple, with_key):
    configuration = with_key()
    for number in range(2):
        ios_version(configuration, version=f"1.{number}")
        ios_version(configuration, version=f"2.{number}", apns_environment="development")
    ios_version(configuration, bundle_identifier="com.example.bank")
    ios_version(configuration, bundle_identifier="com.example.gone", status="disabled")
    found, code = check()
    assert (len(found), code) == (4, 0)
    asked = sorted((one["headers"]["apns-topic"], one["environment"]) for one in apple.received)
    assert asked == [("com.example.bank", "production"), (BUNDLE, "development"), (BUNDLE, "production")]


def test_a_configuration_that_no_version_uses_is_tried_too(apple, with_key):
    configuration = with_key()
    level, text, _remedy, code = last()
    assert (level, code) == ("ok", 0)
    assert text == "Apple is reachable and accepts the credential. No version uses this configuration."
    configuration.team_id = "OTHERTEAM1"
    configuration.save()
    assert last()[:2] == ("error", "Apple rejects the configuration (InvalidProviderToken).")


@pytest.mark.parametrize(
    ("answer", "reason", "remedy"),
    [
        (apns.INVALID_PROVIDER_TOKEN, "InvalidProviderToken", "Compare key ID and team ID"),
        (apns.TOPIC_DISALLOWED, "TopicDisallowed", "Compare the bundle identifier of the version"),
        (apns.rejection(403, "BadEnvironmentKeyInToken"), "BadEnvironmentKeyInToken", "another APNs environment"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_apple_refuses_is_wrong_and_says_how_to_mend_it(apple, with_key, answer, reason, remedy):
    ios_version(with_key())
    apple.script[NO_PHONE] = [answer]
    level, text, told, code = last()
    assert (level, text, code) == ("error", f"Apple rejects the configuration ({reason}).", 1)
    assert remedy in told


def test_wrong_things_are_one_line_on_standard_error(apple, with_key, push_configuration):
    ios_version(with_key(team_id="OTHERTEAM1"))
    push_configuration(name="google", fcm_api_version="legacy", server_key="AAAA")
    ran = run("check_configuration")
    assert (ran.code, ran.problems) == (1, ["The check found errors (error: 2, ok: 2)."])
    assert [line.split()[0] for line in ran.lines] == ["ok", "ok", "error", "error"]


def test_a_provider_token_that_was_kept_and_has_expired_is_no_fault(apple, with_key):
    ios_version(with_key())
    apple.script[NO_PHONE] = [apns.EXPIRED_PROVIDER_TOKEN]
    assert last()[0] == "ok"
    apple.script[NO_PHONE] = [apns.EXPIRED_PROVIDER_TOKEN, apns.EXPIRED_PROVIDER_TOKEN]
    assert last()[:2] == ("error", "Apple rejects the configuration (ExpiredProviderToken).")


def test_a_busy_provider_is_a_warning(apple, with_key):
    ios_version(with_key())
    apple.script[NO_PHONE] = [apns.SERVICE_UNAVAILABLE]
    level, text, remedy, code = last()
    assert (level, code) == ("warning", 0)
    assert "ServiceUnavailable" in text
    assert "Try again later" in remedy


def test_a_provider_that_cannot_be_reached_is_wrong(with_key, with_service_account, settings):
    ios_version(with_key())
    with_service_account(endpoint="http://127.0.0.1:9/send")
    settings.PUSH_APNS_PRODUCTION_URL = "https://localhost:9"
    found, code = check()
    assert code == 1
    wrong = [text for level, text in found if level == "error"]
    assert wrong[0].startswith("Apple is not reachable (")
    assert wrong[1].startswith("127.0.0.1 is not reachable (")
    assert all("does not accept connections" in text for text in wrong)


def test_a_server_that_nobody_vouches_for_is_wrong(with_key, settings):
    ios_version(with_key())
    settings.PUSH_APNS_CA_FILE = ""
    level, text, remedy, _code = last()
    assert level == "error"
    assert "certificate" in text
    assert "PUSH_APNS_CA_FILE" in remedy


def test_a_key_that_cannot_be_decrypted_is_wrong_and_nothing_is_sent(apple, with_key, settings):
    ios_version(with_key())
    settings.FIELD_ENCRYPTION_KEYS = [b"1" * 32]
    [(level, text)], code = check()
    assert (level, code) == ("error", 1)
    assert text.startswith("The credential cannot be decrypted: cannot decrypt push_pushmessagingconfiguration.")
    assert text.endswith("or enter the credential again.")
    assert apple.received == []


def test_a_key_of_another_kind_is_wrong(with_key, apple):
    with_key(signing_key=factories.service_account()["private_key"])
    [(level, text)], code = check()
    assert (level, code) == ("error", 1)
    assert text.startswith("The key has the wrong type.")
    assert apple.received == []


def test_a_key_of_another_team_is_refused_by_apple(with_key, apple):
    key = apns.pem(signing_key())
    ios_version(with_key(signing_key=key))
    assert last()[:2] == ("error", "Apple rejects the configuration (InvalidProviderToken).")


def test_a_certificate_works_is_deprecated_and_needs_no_bundle_identifier(apple, with_certificate):
    ios_version(with_certificate(), bundle_identifier="")
    found, code = check()
    assert ([level for level, _text in found], code) == (["ok", "warning", "ok"], 0)
    assert "is valid until" in found[0][1]
    assert "deprecated" in found[1][1]
    assert apple.received[-1]["status"] == 200


def test_a_certificate_that_has_expired_is_wrong(apple, with_certificate):
    ios_version(with_certificate("expired_certificate"))
    found, code = check()
    assert ([level for level, _text in found], code) == (["error", "warning"], 1)
    assert "The certificate expired on" in found[0][1]
    assert apple.received == []


def test_a_certificate_that_expires_within_30_days_is_a_warning(apple, with_certificate):
    apple.credentials["short"] = apple.authority.client(apns.TOPIC, apns.TEAM_ID, ["production"], days=29)
    with_certificate("short")
    found, code = check()
    assert ([level for level, _text in found], code) == (["warning", "warning", "ok"], 0)
    assert f"expires on {in_days(29):%Y-%m-%d}" in found[0][1]


def test_a_certificate_for_the_other_environment_is_wrong(apple, with_certificate):
    ios_version(with_certificate("development_certificate"))
    level, text, remedy, _code = last()
    assert (level, text) == ("error", "Apple rejects the configuration (BadCertificateEnvironment).")
    assert "Correct the configuration's APNs environment" in remedy


def test_google_refuses_the_assertion(google, with_service_account):
    with_service_account()
    google.script[TOKEN_PATH] = [fcm.INVALID_GRANT]
    level, text, remedy, code = last()
    assert (level, code) == ("error", 1)
    assert text.startswith("127.0.0.1 rejects the configuration (no access token: invalid_grant")
    assert "Create a new key in Google's console" in remedy
    assert [request["path"] for request in google.received] == [TOKEN_PATH]


@pytest.mark.parametrize(
    ("answer", "reason", "remedy"),
    [
        (fcm.PERMISSION_DENIED, "PERMISSION_DENIED", "Firebase Cloud Messaging API Admin"),
        (fcm.error(404, "NOT_FOUND"), "NOT_FOUND", "Correct the configuration's endpoint"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_google_refuses_is_wrong(google, with_service_account, answer, reason, remedy):
    with_service_account()
    google.script[NO_TOKEN] = [answer]
    level, text, told, code = last()
    assert (level, text, code) == ("error", f"127.0.0.1 rejects the configuration ({reason}).", 1)
    assert remedy in told


def test_a_service_account_of_another_project_is_wrong(google, with_service_account):
    with_service_account(endpoint=f"{google.url}/v1/projects/other/messages:send")
    found, code = check()
    assert code == 1
    assert found[-1][1].startswith("The service account belongs to the project “countersign-demo”, but the endpoint to")
    assert google.received == []


def test_a_legacy_gateway_is_a_warning_and_google_itself_is_wrong(google, with_server_key):
    configuration = with_server_key()
    found, code = check()
    assert ([level for level, _text in found], code) == (["warning", "ok"], 0)
    configuration.endpoint = ""
    configuration.save()
    [(level, text)], code = check()
    assert (level, code) == ("error", 1)
    assert "shut down the legacy FCM API" in text


def test_a_wrong_server_key_is_wrong(google, with_server_key):
    with_server_key(server_key="another")
    level, text, remedy, _code = last()
    assert (level, text) == ("error", "127.0.0.1 rejects the configuration (HTTP 401).")
    assert "The credential is rejected. Enter the credential" in remedy


def test_apple_is_asked_through_the_proxy_and_the_line_says_so(apple, with_key):
    ios_version(with_key())
    with WebProxy() as proxy:
        ApnsProxy.objects.create(enabled=True, host="127.0.0.1", port=proxy.port)
        level, text, _remedy, _code = last()
        assert (level, text) == (
            "ok",
            f"Apple (through the proxy http://127.0.0.1:{proxy.port}) is reachable and accepts pushes.",
        )
        assert {one["peer"] for one in apple.received} <= proxy.peers


def test_a_proxy_that_wants_other_credentials_is_wrong(apple, with_key):
    ios_version(with_key())
    with WebProxy(credentials=("countersign", "right")) as proxy:
        ApnsProxy.objects.create(
            enabled=True, host="127.0.0.1", port=proxy.port, username="countersign", password="wrong"
        )
        level, text, remedy, _code = last()
    assert level == "error"
    assert "407" in text
    assert "Correct user name and password of the proxy" in remedy
    assert apple.received == []


def test_a_proxy_whose_password_cannot_be_read_is_wrong(apple, with_key, settings):
    ios_version(with_key())
    ApnsProxy.objects.create(enabled=True, host="127.0.0.1", port=9, username="a", password="b")
    settings.FIELD_ENCRYPTION_KEYS = [b"1" * 32]
    configuration = PushMessagingConfiguration.objects.get()
    configuration.signing_key = apple.credentials["signing_key"]
    configuration.save()
    found, code = check()
    assert (found[0][0], code) == ("error", 1)
    assert found[0][1].startswith(
        "Its password cannot be decrypted: cannot decrypt system_apnsproxy.password: its key is not in"
    )
    assert [level for level, _text in found] == ["error", "ok", "error"]


def test_google_is_asked_through_the_proxy_of_the_environment(google, with_service_account, settings):
    with_service_account()
    with WebProxy() as proxy:
        settings.EXTERNAL_PROXY = Proxy(f"http://127.0.0.1:{proxy.port}")
        assert last()[0] == "ok"
        assert {one["headers"]["peer"] for one in google.received} <= proxy.peers


def test_a_fault_that_is_not_seen_now_is_a_warning(apple, with_key):
    ios_version(
        with_key(
            delivery_error="TopicDisallowed",
            delivery_error_destination="com.example.old production",
            delivery_error_at=in_days(-1),
        )
    )
    level, text, remedy, code = last()
    assert (level, code) == ("warning", 0)
    assert "(TopicDisallowed; app and environment: com.example.old production)" in text
    assert "Compare the bundle identifier of the version" in remedy


def test_no_secret_stands_in_what_it_says(apple, with_key, with_certificate, with_service_account, with_server_key):
    ios_version(with_key(team_id="OTHERTEAM1"))
    rows = [with_certificate(), with_service_account(), with_server_key(server_key="AAAA-secret-server-key")]
    ran = run("check_configuration")
    for row in rows:
        for field in ("service_account", "server_key", "signing_key", "certificate"):
            for line in getattr(row, field).splitlines():
                assert len(line) < 20 or line not in ran.out + ran.err
