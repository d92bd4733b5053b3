"""Outgoing proxies: configured in the console for APNs and in the environment for FCM."""

import base64
import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from apps.outgoing.proxy import Proxy
from apps.push.providers import apns, fcm, fcm_legacy, google_tokens
from apps.push.providers.web_push import provider as web_push_provider
from apps.system.models import ApnsProxy
from apps.transactions.models import PushAttempt
from tests.fakes.web_proxy import WebProxy
from tests.ports import free_port
from tests.push import provider_cases

pytestmark = pytest.mark.django_db(transaction=True)
USER, PASSWORD = "outgoing", "proxy:password"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
ACCEPTED = [("accepted", "")]

google_only = pytest.mark.parametrize("provider_case", [provider_cases.FCM_V1, provider_cases.FCM_LEGACY], ids=str)
apple_only = pytest.mark.parametrize(
    "provider_case", [provider_cases.APNS_TOKEN, provider_cases.APNS_CERTIFICATE], ids=str
)


def store_apns_proxy(**values):
    row = ApnsProxy.get_solo()
    for name, value in values.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()


@pytest.fixture
def set_proxy(provider_case, settings):
    """Configure the proxy of a provider, by default with preemptive credentials."""

    def set_up(port, username="", password="", *, preemptive=True):
        if provider_case.fake == "apple":
            store_apns_proxy(enabled=True, host="127.0.0.1", port=port, username=username, password=password)
        else:
            settings.EXTERNAL_PROXY = Proxy(f"http://127.0.0.1:{port}", username, password, preemptive)

    return set_up


@pytest.fixture
def peers(version, fake):
    """Return the source ports of the fake's connections since the test began."""
    before = len(fake.received)
    return lambda: {record["headers"]["peer"] for record in fake.received[before:]}


def proxy_requests(provider_case, fake):
    """Return the requests of one push to the proxy, in order."""
    description = fake.describe()
    if provider_case.fake == "apple":
        return [("CONNECT", description["production_url"].removeprefix("https://"))]
    if provider_case.fake == "browser_service":
        return [("CONNECT", description["origin"].removeprefix("https://"))]
    if provider_case == provider_cases.FCM_LEGACY:
        return [("POST", description["legacy_endpoint"])]
    return [("POST", description["service_account"]["token_uri"]), ("POST", description["endpoint"])]


def test_pushes_and_token_requests_go_through_the_proxy(send_push, push_flow, provider_case, fake, set_proxy, peers):
    with WebProxy() as proxy:
        set_proxy(proxy.port)
        assert push_flow.attempts(send_push()) == ACCEPTED
    assert proxy.received == [(*request, None) for request in proxy_requests(provider_case, fake)]
    assert peers() <= proxy.peers
    assert peers()


def test_preemptive_credentials_are_sent_at_once(
    send_push, push_flow, provider_case, fake, set_proxy, peers, received_pushes
):
    with WebProxy((USER, PASSWORD)) as proxy:
        set_proxy(proxy.port, USER, PASSWORD)
        assert push_flow.attempts(send_push()) == ACCEPTED
    assert proxy.received == [(*request, BASIC) for request in proxy_requests(provider_case, fake)]
    assert peers() <= proxy.peers
    assert "proxy-authorization" not in received_pushes()[0]["headers"]


@google_only
def test_credentials_are_sent_after_a_407(send_push, push_flow, provider_case, fake, set_proxy, peers, received_pushes):
    with WebProxy((USER, PASSWORD)) as proxy:
        set_proxy(proxy.port, USER, PASSWORD, preemptive=False)
        assert push_flow.attempts(send_push()) == ACCEPTED
    attempts = [(request, authorization) for *request, authorization in proxy.received]
    assert attempts[:2] == [
        (list(proxy_requests(provider_case, fake)[0]), None),
        (list(proxy_requests(provider_case, fake)[0]), BASIC),
    ]
    assert peers() <= proxy.peers
    assert len(received_pushes()) == 1


def test_provider_uses_its_own_proxy_only(send_push, push_flow, provider_case, settings):
    with WebProxy() as proxy:
        if provider_case.fake == "apple":
            settings.EXTERNAL_PROXY = Proxy(f"http://127.0.0.1:{proxy.port}")
        else:
            store_apns_proxy(enabled=True, host="127.0.0.1", port=proxy.port)
        assert push_flow.attempts(send_push()) == ACCEPTED
    assert proxy.received == []


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_variables_are_ignored(send_push, push_flow, provider_case, fake, set_proxy, peers, monkeypatch, name):
    monkeypatch.setenv(name, "*")
    with WebProxy() as proxy:
        set_proxy(proxy.port)
        assert push_flow.attempts(send_push()) == ACCEPTED
    assert proxy.received == [(*request, None) for request in proxy_requests(provider_case, fake)]
    assert peers() <= proxy.peers


def test_proxy_variables_of_the_environment_are_ignored(send_push, push_flow, monkeypatch):
    with WebProxy() as proxy:
        for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert push_flow.attempts(send_push()) == ACCEPTED
    assert proxy.received == []


@apple_only
def test_connection_without_the_proxy_is_not_reused(send_push, push_flow, set_proxy, received_pushes):
    send_push()
    with WebProxy() as proxy:
        set_proxy(proxy.port)
        assert push_flow.attempts(send_push()) == ACCEPTED
    direct, by_proxy = [record["peer"] for record in received_pushes()]
    assert by_proxy in proxy.peers
    assert direct not in proxy.peers


@apple_only
def test_disabled_proxy_is_not_used(send_push, push_flow):
    with WebProxy() as proxy:
        store_apns_proxy(enabled=False, host="127.0.0.1", port=proxy.port)
        assert push_flow.attempts(send_push()) == ACCEPTED
    assert proxy.received == []


def assert_retried(push_flow, transaction_id, *reasons):
    """Assert that the push is retried, with the same reason in attempt and event."""
    [(outcome, reason)] = push_flow.attempts(transaction_id)
    assert outcome == "retry"
    assert [word for word in reasons if word in reason.lower()], reason
    assert PASSWORD not in reason
    [event] = push_flow.events(transaction_id)
    assert event.details["reason"] == reason
    assert event.details["next_attempt_at"]
    assert push_flow.result(transaction_id) == ("pending", None)


def test_rejected_proxy_credentials_are_reported_and_retried(send_push, push_flow, set_proxy, peers, advance_clock):
    with WebProxy((USER, PASSWORD)) as proxy:
        set_proxy(proxy.port, USER, "wrong")
        transaction_id = send_push()
        assert_retried(push_flow, transaction_id, "407")
        assert peers() == set()
        set_proxy(proxy.port, USER, PASSWORD)
        advance_clock(2)
        push_flow.work()
    assert push_flow.attempts(transaction_id)[1:] == ACCEPTED


@contextmanager
def scripted_proxy(response):
    """Run a proxy with a fixed response; with an empty response it never responds."""
    connections = []

    def serve():
        with suppress(OSError):
            while True:
                connection, _address = server.accept()
                connections.append(connection)
                if response and connection.recv(65536):
                    connection.sendall(response)
                    connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for connection in connections:
        connection.close()


@apple_only
@pytest.mark.parametrize("status", [b"403 Forbidden", b"502 Bad Gateway"])
def test_rejected_tunnel_is_retried(send_push, push_flow, set_proxy, peers, status):
    with scripted_proxy(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n") as port:
        set_proxy(port)
        assert_retried(push_flow, send_push(), status[:3].decode())
    assert peers() == set()


def test_unavailable_proxy_is_retried(send_push, push_flow, set_proxy, peers):
    set_proxy(free_port())
    assert_retried(push_flow, send_push(), "connect")
    assert peers() == set()


def test_proxy_timeout_is_retried(send_push, push_flow, set_proxy, peers, monkeypatch):
    for module in (apns, fcm, fcm_legacy, web_push_provider):
        monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(google_tokens, "TOKEN_TIMEOUT_SECONDS", 0.3)
    with scripted_proxy(b"") as port:
        set_proxy(port)
        assert_retried(push_flow, send_push(), "timed out", "timeout")
    assert peers() == set()
    assert PushAttempt.objects.get().duration_ms < 3000


@apple_only
def test_proxy_password_with_a_lost_encryption_key_is_reported(send_push, push_flow, set_proxy, settings, stored_error):
    keys = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [b"lost" * 8, *keys]
    with WebProxy() as proxy:
        set_proxy(proxy.port, USER, PASSWORD)
        settings.FIELD_ENCRYPTION_KEYS = keys
        [(outcome, reason)] = push_flow.attempts(send_push())
    assert outcome == "misconfigured"
    assert "FIELD_ENCRYPTION_KEYS" in reason
    assert proxy.received == []
