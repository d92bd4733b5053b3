"""Caller of a request: trusted proxies, IP addresses, and the request id of each response."""

import pytest
from django.test import RequestFactory

from apps.common.caller import client_ip, is_address, is_in_networks
from apps.events.models import Event
from tests.api.calls import result_path

PROXIES = ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("address", "forwarded", "expected"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "10.1.1.1", "198.51.100.7"),
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "198.51.100.7"),
        ("192.0.2.1", "10.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("192.0.2.1", "198.51.100.7, 192.0.2.9", "198.51.100.7"),
        ("192.0.2.1", "198.51.100.7,192.0.2.9,192.0.2.8", "198.51.100.7"),
        ("192.0.2.1", "192.0.2.9", "192.0.2.9"),
        ("192.0.2.1", "10.1.1.1, rubbish", "192.0.2.1"),
        ("192.0.2.1", "10.1.1.1, 198.51.100.7:443", "192.0.2.1"),
        ("192.0.2.1", "fe80::1%eth0", "192.0.2.1"),
        ("2001:db8::1", "2a00::5", "2a00::5"),
        ("::ffff:192.0.2.1", "198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.7", ""),
    ],
)
def test_forwarded_address_is_read_up_to_the_first_untrusted_proxy(settings, address, forwarded, expected):
    settings.TRUSTED_PROXIES = PROXIES
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=address)
    assert client_ip(request) == expected


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "1.2.3.4/8", "1.2.3.4:80", "::1%eth0", "[::1]", "\u0661.1.1.1"])
def test_invalid_address_matches_no_network(text):
    assert not is_address(text)
    assert not is_in_networks(text, ["0.0.0.0/0", "::/0"])


def test_event_contains_the_caller(client, db, settings):
    settings.TRUSTED_PROXIES = PROXIES
    headers = {"X-Forwarded-For": "198.51.100.7", "User-Agent": "agent " * 400}
    client.get(result_path("x"), headers=headers, REMOTE_ADDR="192.0.2.1")
    event = Event.objects.get()
    assert event.client_ip == "198.51.100.7"
    assert event.user_agent == ("agent " * 400)[:1024]


@pytest.mark.parametrize("address", ["", "unix:", "/run/countersign.sock"])
def test_caller_without_address_is_stored_as_null(client, db, address):
    client.get(result_path("x"), REMOTE_ADDR=address)
    assert Event.objects.get().client_ip is None


def test_each_response_has_its_own_request_id(client, db):
    ids = {client.get(path).headers["X-Request-Id"] for path in ("/healthz", "/healthz", "/oauth/none", "/readyz")}
    assert len(ids) == 4
