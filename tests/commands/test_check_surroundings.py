"""`check_configuration` tests gateways, broker, endpoints and stored secrets, and sends no messages."""

import json
import socket

import pytest

from apps.configuration.checks import callbacks, secrets
from apps.outbox import broker
from apps.outgoing.proxy import Proxy
from tests import factories
from tests.commands.command_runner import lose_keys, run
from tests.fakes import twilio as fake_twilio
from tests.fakes.portal import Portal
from tests.fakes.sms_service import SmsService
from tests.fakes.web_proxy import WebProxy
from tests.ports import free_port
from tests.sms.conftest import configure

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def without_broker(settings):
    settings.BROKER_URL = ""


def findings():
    """Run the command. Return (level, text, remedy) by subject, and the exit code."""
    result = run("check_configuration", "--json")
    entries = json.loads(result.out)
    return {entry["about"]: (entry["level"], entry["text"], entry["remedy"]) for entry in entries}, result.code


def only_finding():
    """Run the command. Return subject, level, text and remedy of its only finding."""
    [(about, finding)] = findings()[0].items()
    return about, *finding


@pytest.fixture
def sms_type():
    return factories.TypeFactory(method="sms")


@pytest.fixture
def twilio(settings, sms_type):
    with fake_twilio.Twilio() as twilio:
        configure(settings, twilio.describe()["environment"])
        yield twilio


@pytest.fixture
def service(settings, sms_type):
    with SmsService() as service:
        configure(settings, service.describe()["environment"])
        yield service


def test_sms_gateway_is_checked_if_a_type_sends_text_messages(settings):
    settings.SMS_GATEWAY, settings.SMS_GATEWAY_REST_URL = "rest", ""
    assert findings() == ({}, 0)
    factories.TypeFactory(method="sms")
    about, level, text, _remedy = only_finding()
    assert (about, level) == ("SMS gateway “rest”", "error")
    assert "TOKEN_SERVER_ENGINE_SMS_GATEWAY_REST_URL is not set" in text


def test_check_of_twilio_requests_the_account_and_sends_no_message(twilio):
    _about, level, text, remedy = only_finding()
    assert (level, remedy) == ("ok", "")
    assert text == "The gateway is reachable and accepts the credentials. Test the delivery with send_test_sms."
    assert [request["path"] for request in twilio.received] == [fake_twilio.ACCOUNT_PATH]
    result = run("check_configuration")
    assert fake_twilio.AUTH_TOKEN not in result.out + result.err


@pytest.mark.parametrize(
    ("setting", "reason"),
    [("SMS_GATEWAY_TWILIO_ACCOUNT_SID", "error 20404"), ("SMS_GATEWAY_TWILIO_AUTH_TOKEN", "error 20003")],
)
def test_wrong_twilio_credentials_are_an_error(twilio, settings, setting, reason):
    setattr(settings, setting, "AC" + "0" * 32)
    _about, level, text, remedy = only_finding()
    assert (level, text) == ("error", f"The gateway rejected the request ({reason}).")
    assert remedy.startswith("The gateway rejects the credentials.")
    assert findings()[1] == 1


@pytest.mark.parametrize(
    "response",
    [
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": json.dumps({"sid": "AC" + "1" * 32})},
        {"status": 302, "headers": {"Location": "/elsewhere"}},
        {"status": 404, "body": "<html>"},
    ],
    ids=["page", "another account", "redirect", "nothing there"],
)
def test_url_of_another_server_is_an_error(twilio, response):
    twilio.script[fake_twilio.ACCOUNT_PATH] = [response]
    _about, level, _text, remedy = only_finding()
    assert level == "error"
    assert remedy.startswith("The URL of the gateway is wrong.")


def test_busy_twilio_is_a_warning(twilio):
    twilio.script[fake_twilio.ACCOUNT_PATH] = [{"status": 503}]
    _about, level, text, remedy = only_finding()
    assert (level, text) == (
        "warning",
        "The gateway is temporarily unavailable, so the credentials were not checked (HTTP 503).",
    )
    assert "Try again later" in remedy


@pytest.mark.parametrize(("gateway", "setting"), [("twilio", "TWILIO_API_URL"), ("service", "REST_URL")])
def test_unreachable_gateway_is_an_error(request, settings, gateway, setting):
    request.getfixturevalue(gateway)
    setattr(settings, f"SMS_GATEWAY_{setting}", f"http://user:pass-word@127.0.0.1:{free_port()}/")
    _about, level, text, remedy = only_finding()
    assert level == "error"
    assert text.startswith("The gateway is not reachable (")
    assert remedy.startswith("The gateway is not reachable from this server.")
    assert "pass-word" not in text


def test_check_of_the_rest_gateway_connects_and_sends_nothing(service):
    _about, level, text, _remedy = only_finding()
    assert (level, text) == (
        "ok",
        "The gateway or its proxy accepts connections. Test the delivery with send_test_sms.",
    )
    assert service.received == []


def test_rest_gateway_without_tls_is_an_error(service, settings):
    settings.SMS_GATEWAY_REST_URL = settings.SMS_GATEWAY_REST_URL.replace("http:", "https:")
    assert only_finding()[1] == "error"


def test_gateways_are_tested_through_the_proxy_of_the_environment(twilio, settings):
    with WebProxy() as proxy:
        settings.EXTERNAL_PROXY = Proxy(f"http://127.0.0.1:{proxy.port}")
        assert only_finding()[1] == "ok"
        [(method, target, _authorization)] = proxy.received
        assert (method, target) == ("GET", twilio.url + fake_twilio.ACCOUNT_PATH)
    assert only_finding()[1] == "error"


def test_proxy_that_rejects_the_tunnel_is_an_error(service, settings):
    settings.SMS_GATEWAY_REST_URL = settings.SMS_GATEWAY_REST_URL.replace("http:", "https:")
    with WebProxy(("user", "right")) as proxy:
        settings.EXTERNAL_PROXY = Proxy(f"http://127.0.0.1:{proxy.port}", "user", "wrong")
        _about, level, text, remedy = only_finding()
    assert level == "error"
    assert "407" in text
    assert remedy.startswith("The outgoing proxy does not allow the connection.")
    assert service.received == []


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_unavailable_broker_is_an_error(settings, scheme):
    port = free_port()
    settings.BROKER_URL = f"{scheme}://user:pass-word@127.0.0.1:{port}/0"
    about, level, text, remedy = only_finding()
    assert (about, level) == (f"broker 127.0.0.1:{port}", "error")
    assert text.startswith("The broker is unavailable")
    assert "BROKER_URL" in remedy


def test_available_broker_is_reported_if_there_is_a_type(settings):
    with Portal() as server:
        settings.BROKER_URL = server.url.replace("http:", "amqp:")
        assert broker.is_reachable()
        assert findings() == ({}, 0)
        factories.TypeFactory()
        assert findings()[0][f"broker {server.url.removeprefix('http://')}"] == ("ok", "The broker is available.", "")


def test_secrets_that_cannot_be_decrypted_are_counted_by_column(settings):
    for number in range(2):
        factories.CallbackEndpointFactory(url=f"http://127.0.0.1/{number}", username="a", password="pass-word")
    factories.PushMessagingConfigurationFactory()
    assert findings()[0]["stored secrets"] == ("ok", "3 were checked and can be decrypted.", "")
    keys = settings.FIELD_ENCRYPTION_KEYS
    lose_keys(settings)
    factories.CallbackEndpointFactory(url="http://127.0.0.1/new", username="a", password="pass-word")
    wrong, code = findings()
    level, text, remedy = wrong["stored secrets in callbacks_callbackendpoint.password"]
    assert (level, code) == ("error", 1)
    assert text == "2 of 3 cannot be decrypted: their keys are not in FIELD_ENCRYPTION_KEYS."
    assert remedy.startswith("Add the key that encrypted them")
    assert "stored secrets in push_pushmessagingconfiguration.service_account" in wrong
    settings.FIELD_ENCRYPTION_KEYS = [*settings.FIELD_ENCRYPTION_KEYS, *keys]
    # Three of the first keys, one of the second, and the key of the audit log, which begins again after a loss.
    assert findings()[0]["stored secrets"] == ("ok", "5 were checked and can be decrypted.", "")


def test_secret_copied_to_another_row_is_an_error():
    one_row, other = (factories.CallbackEndpointFactory(username="a", password=text) for text in ("first", "second"))
    stored = type(one_row).objects.filter(pk=one_row.pk).values_list("password", flat=True).get()
    type(other).objects.filter(pk=other.pk).update(password=stored)
    text = findings()[0]["stored secrets in callbacks_callbackendpoint.password"][1]
    assert text == "1 of 2 cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS."


def test_check_of_a_large_table_has_a_time_limit(monkeypatch):
    for _number in range(5):
        factories.CallbackEndpointFactory(username="a", password="first")
    monkeypatch.setattr(secrets, "BATCH", 2)
    assert findings()[0]["stored secrets"][1] == "5 were checked and can be decrypted."
    monkeypatch.setattr(secrets, "TIME_LIMIT_SECONDS", -1)
    assert (
        findings()[0]["stored secrets"][1]
        == "2 were checked and can be decrypted. There are more: the check is limited to two seconds for each table."
    )


def test_callback_endpoint_is_resolved_but_not_called(settings, monkeypatch):
    def look_up(host, port, **_options):
        if host == "no.example":
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        address = {"portal.example": "93.184.216.34", "inside.example": "10.0.0.1"}[host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(callbacks, "BATCH_SIZE", 2)
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    for host in ("portal.example", "no.example", "inside.example"):
        factories.CallbackEndpointFactory(url=f"https://anna:pass-word@{host}/back?key=pass-word", password="")
    endpoints, code = findings()
    assert code == 1
    assert endpoints == {
        "callback endpoint https://inside.example/back": (
            "error",
            "Callbacks to this endpoint fail: the host name resolves to an address that is not public.",
            endpoints["callback endpoint https://inside.example/back"][2],
        ),
        "callback endpoint https://no.example/back": (
            "error",
            "Callbacks to this endpoint fail: the host name cannot be resolved.",
            endpoints["callback endpoint https://no.example/back"][2],
        ),
        "callback endpoint https://portal.example/back": (
            "ok",
            "Its host name resolves to an allowed address.",
            "",
        ),
    }
    assert "CALLBACKS_ALLOW_PRIVATE_ADDRESSES" in endpoints["callback endpoint https://inside.example/back"][2]
    assert "DNS" in endpoints["callback endpoint https://no.example/back"][2]


def test_web_phone_needs_an_enabled_version_with_web_push(settings):
    settings.PUBLIC_URL = "https://auth.example.com"
    application = factories.ApplicationFactory(name="Shop", web_phone=True)
    no_version = "No browser can enrol: there is no enabled version for the platform web."
    assert findings()[0]["web phone of “Shop”"][:2] == ("error", no_version)
    # Neither another platform nor a disabled version is enough.
    factories.ApplicationVersionFactory(application=application, platform="android")
    web = factories.ApplicationVersionFactory(
        application=application, platform="web", status="disabled", push_messaging_configuration=None
    )
    assert findings()[0]["web phone of “Shop”"][:2] == ("error", no_version)
    web.status = "enabled"
    web.save()
    assert findings()[0]["web phone of “Shop”"][0] == "warning"
    web.push_messaging_configuration = factories.PushMessagingConfigurationFactory()
    web.save()
    assert findings()[0]["web phone of “Shop”"] == ("ok", "Browsers can enrol.", "")


@pytest.mark.parametrize(
    ("url", "is_reported"),
    [("http://auth.example.com", True), ("http://localhost:8000", False), ("https://auth.example.com", False)],
)
def test_web_phone_needs_https(settings, url, is_reported):
    settings.PUBLIC_URL = url
    factories.ApplicationFactory(web_phone=True)
    assert ("web phone" in findings()[0]) == is_reported


def test_time_to_live_above_ten_minutes_is_a_warning():
    factories.TypeFactory(name="short", time_to_live=600)
    factories.TypeFactory(name="long", time_to_live=601)
    [(about, (level, text, remedy))] = [entry for entry in findings()[0].items() if entry[0] != "geolocation"]
    assert (about, level) == ("mobile authentication type “long”", "warning")
    assert text.startswith("A lifetime above 600 seconds is longer than NIST SP 800-63B-4 allows")
    assert remedy == "Shorten its time to live of 601 seconds."
    assert run("check_configuration").code == 0
