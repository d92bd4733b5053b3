"""Connections of the gateways through the outgoing proxy."""

import pytest

from apps.transactions.models import SmsAttempt
from config.settings.environment import Environment
from config.settings.proxy import external_proxy
from tests.fakes.web_proxy import WebProxy
from tests.sms.conftest import bodies, forms

pytestmark = pytest.mark.django_db(transaction=True)
PREFIX = "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_"
USER, PASSWORD = "outgoing", "proxy:password"
BASIC = "Basic b3V0Z29pbmc6cHJveHk6cGFzc3dvcmQ="


@pytest.fixture
def set_proxy(monkeypatch, settings):
    """Set the environment variables of the proxy and reload the settings."""

    def set_up(proxy, **variables):
        variables = {"ENABLED_BOOLEAN": "true", "HOST": "127.0.0.1", "PORT": str(proxy.port), **variables}
        for name, value in variables.items():
            monkeypatch.setenv(PREFIX + name, value)
        settings.EXTERNAL_PROXY = external_proxy(Environment())

    return set_up


def has_only_peer(proxy, server):
    """Return True if all requests of the server came through the proxy."""
    return {request["headers"]["peer"] for request in server.received} <= proxy.peers


@pytest.fixture(params=["twilio", "sms_service"])
def server(request):
    return request.getfixturevalue(request.param)


def test_message_is_sent_through_the_proxy(sms_flow, sms_type, server, set_proxy):
    with WebProxy() as proxy:
        set_proxy(proxy)
        transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["accepted"]
    assert len(server.received) == 1
    assert has_only_peer(proxy, server)
    [(method, target, authorization)] = proxy.received
    assert (method, authorization) == ("POST", None)
    assert target.startswith(server.url)


def test_preemptive_credentials_are_sent_at_once(sms_flow, sms_type, server, set_proxy):
    with WebProxy((USER, PASSWORD)) as proxy:
        set_proxy(proxy, USERNAME=USER, PASSWORD=PASSWORD, PREEMPTIVE_AUTH_ENABLED_BOOLEAN="true")
        transaction_id = sms_flow.send(sms_type)
    assert [authorization for _method, _target, authorization in proxy.received] == [BASIC]
    assert sms_flow.attempts(transaction_id) == ["accepted"]
    assert has_only_peer(proxy, server)
    assert "proxy-authorization" not in server.received[0]["headers"]


def test_credentials_are_sent_after_a_407(sms_flow, sms_type, server, set_proxy):
    with WebProxy((USER, PASSWORD)) as proxy:
        set_proxy(proxy, USERNAME=USER, PASSWORD=PASSWORD)
        transaction_id = sms_flow.send(sms_type)
    assert [authorization for _method, _target, authorization in proxy.received] == [None, BASIC]
    assert sms_flow.attempts(transaction_id) == ["accepted"]
    assert len(server.received) == 1


def test_message_is_complete_after_a_407(sms_flow, sms_type, set_proxy, twilio):
    with WebProxy((USER, PASSWORD)) as proxy:
        set_proxy(proxy, USERNAME=USER, PASSWORD=PASSWORD)
        transaction_id = sms_flow.send(sms_type)
    assert forms(twilio)[0]["Body"] == f"Your code: {sms_flow.code(transaction_id)}"


def test_disabled_proxy_is_not_used(sms_flow, sms_type, sms_service, set_proxy):
    with WebProxy() as proxy:
        set_proxy(proxy, ENABLED_BOOLEAN="false")
        sms_flow.send(sms_type)
    assert proxy.received == []
    assert len(bodies(sms_service)) == 1


def test_rejected_proxy_credentials_are_retried(sms_flow, sms_type, sms_service, set_proxy):
    with WebProxy((USER, PASSWORD)) as proxy:
        set_proxy(proxy, USERNAME=USER, PASSWORD="wrong", PREEMPTIVE_AUTH_ENABLED_BOOLEAN="true")
        transaction_id = sms_flow.send(sms_type)
    assert sms_service.received == []
    assert sms_flow.attempts(transaction_id) == ["retry"]
    assert "407" in SmsAttempt.objects.get().reason


def test_unavailable_proxy_is_retried(sms_flow, sms_type, sms_service, set_proxy, advance_clock):
    with WebProxy() as proxy:
        set_proxy(proxy)
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["retry"]
    assert sms_service.received == []


def test_https_url_uses_a_tunnel(sms_flow, sms_type, sms_service, settings, set_proxy):
    settings.SMS_GATEWAY_REST_URL = sms_service.url.replace("http:", "https:") + "/messages"
    with WebProxy() as proxy:
        set_proxy(proxy)
        sms_flow.send(sms_type)
    assert proxy.received == [("CONNECT", sms_service.url.removeprefix("http://"), None)]


def test_rejected_tunnel_is_retried(sms_flow, sms_type, sms_service, settings, set_proxy):
    settings.SMS_GATEWAY_REST_URL = sms_service.url.replace("http:", "https:") + "/messages"
    with WebProxy((USER, PASSWORD)) as proxy:
        set_proxy(proxy, USERNAME=USER, PASSWORD="wrong", PREEMPTIVE_AUTH_ENABLED_BOOLEAN="true")
        transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["retry"]


def test_failed_tls_handshake_in_a_tunnel_is_retried(sms_flow, sms_type, sms_service, settings, set_proxy):
    settings.SMS_GATEWAY_REST_URL = sms_service.url.replace("http:", "https:") + "/messages"
    with WebProxy() as proxy:
        set_proxy(proxy)
        transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["retry"]
