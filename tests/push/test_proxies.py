"""Pushes leave through the outgoing proxies and never past them: Apple's from the console, Google's from settings."""

import base64
import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from apps.outgoing.http import Proxy
from apps.push.providers import apns, fcm, fcm_legacy, google_tokens
from apps.system.models import ApnsProxy
from apps.transactions.models import PushAttempt
from tests.fakes.web_proxy import WebProxy
from tests.ports import free_port
from tests.push import kinds

pytestmark = pytest.mark.django_db(transaction=True)
USER, PASSWORD = "outgoing", "proxy:password"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
ACCEPTED = [("accepted", "")]

google_only = pytest.mark.parametrize("kind", [kinds.FCM_V1, kinds.FCM_LEGACY], ids=str)
apple_only = pytest.mark.parametrize("kind", [kinds.APNS_TOKEN, kinds.APNS_CERTIFICATE], ids=str)


def store_apns_proxy(**values):
    row = ApnsProxy.get_solo()
    for name, value in values.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()


@pytest.fixture
def proxied(kind, settings):
    """Set the proxy of a kind, as an operator does; credentials go out at once."""

    def set_up(port, username="", password="", *, preemptive=True):
        if kind.stand_in == "apple":
            store_apns_proxy(enabled=True, host="127.0.0.1", port=port, username=username, password=password)
        else:
            settings.EXTERNAL_PROXY = Proxy(f"http://127.0.0.1:{port}", username, password, preemptive)

    return set_up


@pytest.fixture
def came_from(version, stand_in):
    """Return the ports from which the stand-in was called since the test began."""
    before = len(stand_in.received)
    return lambda: {record["headers"]["peer"] for record in stand_in.received[before:]}


def asked_for(kind, stand_in):
    """Return what the proxy is asked for with one push of a kind, in its order."""
    described = stand_in.describe()
    if kind.stand_in == "apple":
        return [("CONNECT", described["production_url"].removeprefix("https://"))]
    if kind == kinds.FCM_LEGACY:
        return [("POST", described["legacy_endpoint"])]
    return [("POST", described["service_account"]["token_uri"]), ("POST", described["endpoint"])]


def test_pushes_and_token_requests_go_through_the_proxy(sent, pushes, kind, stand_in, proxied, came_from):
    with WebProxy() as proxy:
        proxied(proxy.port)
        assert pushes.attempts(sent()) == ACCEPTED
    assert proxy.received == [(*request, None) for request in asked_for(kind, stand_in)]
    assert came_from() <= proxy.peers
    assert came_from()


def test_credentials_go_out_at_once(sent, pushes, kind, stand_in, proxied, came_from, heard):
    with WebProxy((USER, PASSWORD)) as proxy:
        proxied(proxy.port, USER, PASSWORD)
        assert pushes.attempts(sent()) == ACCEPTED
    assert proxy.received == [(*request, BASIC) for request in asked_for(kind, stand_in)]
    assert came_from() <= proxy.peers
    assert "proxy-authorization" not in heard()[0]["headers"]


@google_only
def test_credentials_go_out_after_a_407_otherwise(sent, pushes, kind, stand_in, proxied, came_from, heard):
    with WebProxy((USER, PASSWORD)) as proxy:
        proxied(proxy.port, USER, PASSWORD, preemptive=False)
        assert pushes.attempts(sent()) == ACCEPTED
    tries = [(request, authorization) for *request, authorization in proxy.received]
    assert tries[:2] == [(list(asked_for(kind, stand_in)[0]), None), (list(asked_for(kind, stand_in)[0]), BASIC)]
    assert came_from() <= proxy.peers
    assert len(heard()) == 1


def test_each_kind_keeps_to_its_own_proxy(sent, pushes, kind, settings):
    with WebProxy() as proxy:
        if kind.stand_in == "apple":
            settings.EXTERNAL_PROXY = Proxy(f"http://127.0.0.1:{proxy.port}")
        else:
            store_apns_proxy(enabled=True, host="127.0.0.1", port=proxy.port)
        assert pushes.attempts(sent()) == ACCEPTED
    assert proxy.received == []


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_host_is_reached_past_the_proxy_because_the_environment_names_it(
    sent, pushes, kind, stand_in, proxied, came_from, monkeypatch, name
):
    monkeypatch.setenv(name, "*")
    with WebProxy() as proxy:
        proxied(proxy.port)
        assert pushes.attempts(sent()) == ACCEPTED
    assert proxy.received == [(*request, None) for request in asked_for(kind, stand_in)]
    assert came_from() <= proxy.peers


def test_a_proxy_that_only_the_environment_names_is_not_used(sent, pushes, monkeypatch):
    with WebProxy() as proxy:
        for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert pushes.attempts(sent()) == ACCEPTED
    assert proxy.received == []


@apple_only
def test_a_connection_from_before_the_proxy_is_not_used_again(sent, pushes, proxied, heard):
    sent()
    with WebProxy() as proxy:
        proxied(proxy.port)
        assert pushes.attempts(sent()) == ACCEPTED
    direct, by_proxy = [record["peer"] for record in heard()]
    assert by_proxy in proxy.peers
    assert direct not in proxy.peers


@apple_only
def test_a_switched_off_proxy_is_not_used(sent, pushes):
    with WebProxy() as proxy:
        store_apns_proxy(enabled=False, host="127.0.0.1", port=proxy.port)
        assert pushes.attempts(sent()) == ACCEPTED
    assert proxy.received == []


def assert_put_off(pushes, transaction_id, *words):
    """The push is tried again, and attempt and event say why in the same words."""
    [(outcome, reason)] = pushes.attempts(transaction_id)
    assert outcome == "retry"
    assert [word for word in words if word in reason.lower()], reason
    assert PASSWORD not in reason
    [event] = pushes.events(transaction_id)
    assert event.details["reason"] == reason
    assert event.details["next_attempt_at"]
    assert pushes.result(transaction_id) == ("pending", None)


def test_wrong_credentials_for_the_proxy_are_told(sent, pushes, proxied, came_from, later):
    with WebProxy((USER, PASSWORD)) as proxy:
        proxied(proxy.port, USER, "wrong")
        transaction_id = sent()
        assert_put_off(pushes, transaction_id, "407")
        assert came_from() == set()
        proxied(proxy.port, USER, PASSWORD)
        later(2)
        pushes.work()
    assert pushes.attempts(transaction_id)[1:] == ACCEPTED


@contextmanager
def proxy_that_says(answer):
    """Listen as a proxy that gives every request this answer; without one it says nothing until the end."""
    held = []

    def serve():
        with suppress(OSError):
            while True:
                connection, _address = server.accept()
                held.append(connection)
                if answer and connection.recv(65536):
                    connection.sendall(answer)
                    connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for connection in held:
        connection.close()


@apple_only
@pytest.mark.parametrize("status", [b"403 Forbidden", b"502 Bad Gateway"])
def test_a_tunnel_that_the_proxy_refuses_is_asked_for_again(sent, pushes, proxied, came_from, status):
    with proxy_that_says(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n") as port:
        proxied(port)
        assert_put_off(pushes, sent(), status[:3].decode())
    assert came_from() == set()


def test_a_proxy_that_is_down_is_waited_for(sent, pushes, proxied, came_from):
    proxied(free_port())
    assert_put_off(pushes, sent(), "connect")
    assert came_from() == set()


def test_a_proxy_that_hangs_is_given_up_and_asked_again(sent, pushes, proxied, came_from, monkeypatch):
    for module in (apns, fcm, fcm_legacy):
        monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(google_tokens, "TOKEN_TIMEOUT_SECONDS", 0.3)
    with proxy_that_says(b"") as port:
        proxied(port)
        assert_put_off(pushes, sent(), "timed out", "timeout")
    assert came_from() == set()
    assert PushAttempt.objects.get().duration_ms < 3000


@apple_only
def test_a_proxy_password_whose_encryption_key_is_lost_is_told(sent, pushes, proxied, settings, fault):
    keys = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [b"lost" * 8, *keys]
    with WebProxy() as proxy:
        proxied(proxy.port, USER, PASSWORD)
        settings.FIELD_ENCRYPTION_KEYS = keys
        [(outcome, reason)] = pushes.attempts(sent())
    assert outcome == "misconfigured"
    assert "FIELD_ENCRYPTION_KEYS" in reason
    assert proxy.received == []
