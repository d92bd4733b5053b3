"""Addresses of callbacks: all addresses of a host must be public, and a checked address is used."""

import socket
import threading
from contextlib import ExitStack
from ipaddress import ip_address
from time import monotonic
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.callbacks import transport
from apps.outgoing import addresses
from tests.fakes.portal import Portal

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2002:a00:1::",
    "2001:0:808:808::1",
    "2001:db8::1",
    "100::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "5f00::1",
]


@pytest.fixture(autouse=True)
def only_public(settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False


@pytest.fixture
def names(monkeypatch):
    """Replace the resolver by a table of host names."""
    known = {}

    def resolve(host, port, **_options):
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


def url_of(address):
    return f"https://[{address}]/callback" if ":" in address else f"https://{address}/callback"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_accepted(address):
    assert [ip_address(found) for found in addresses.resolve(url_of(address))] == [ip_address(address)]


@pytest.mark.parametrize("address", PRIVATE)
def test_address_that_is_not_public_is_rejected(address):
    with pytest.raises(addresses.AddressRejected):
        addresses.resolve(url_of(address))


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost"])
def test_other_notations_of_the_loopback_are_rejected(host):
    with pytest.raises(addresses.AddressRejected):
        addresses.resolve(f"http://{host}/callback")


def test_host_with_one_private_address_is_rejected(names):
    names["portal.example.com"] = ["8.8.8.8", "10.0.0.1", "1.1.1.1"]
    with pytest.raises(addresses.AddressRejected):
        addresses.resolve("https://portal.example.com/")


def test_first_address_of_each_family_is_used(names):
    names["portal.example.com"] = ["2606:4700:4700::1111", "8.8.8.8", "1.1.1.1"]
    assert addresses.resolve("https://portal.example.com/") == ["2606:4700:4700::1111", "8.8.8.8"]


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example", "-", "x..y", "."])
def test_host_that_cannot_be_resolved_is_rejected(names, host):
    with pytest.raises(addresses.AddressRejected):
        addresses.resolve(f"https://{host}/")


def test_private_address_is_accepted_if_the_setting_allows_it(settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    assert addresses.resolve("http://127.0.0.1:8000/") == ["127.0.0.1"]


def send(url):
    """Send a callback and return its result."""
    request = transport.build_request(url, uuid4(), "msg_1", None, timezone.now())
    [[(_item, result)]] = transport.send_all([(None, request)])
    return result


def test_rejected_address_is_a_failed_attempt_without_a_request():
    with Portal() as sink:
        result = send(sink.url + "/callback")
        assert not result.delivered
        assert not result.final
        assert result.reason == "the host name resolves to an address that is not public"
        assert sink.received == []


def test_callback_connects_to_the_checked_address(names, settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    names["portal.example.com"] = ["127.0.0.1"]
    with Portal() as sink:
        port = sink.url.rpartition(":")[2]
        assert send(f"http://portal.example.com:{port}/callback").delivered
        assert [request["headers"]["host"] for request in sink.received] == [f"portal.example.com:{port}"]


def test_host_is_resolved_and_checked_at_every_attempt(names, settings, monkeypatch):
    # In this test, one loopback address is public and the other is not.
    monkeypatch.setattr(addresses, "is_public", lambda address: str(address) == "127.0.0.1")
    names["portal.example.com"] = ["127.0.0.1"]
    with Portal() as sink:
        url = f"http://portal.example.com:{sink.url.rpartition(':')[2]}/callback"
        assert send(url).delivered
        names["portal.example.com"] = ["127.0.0.2"]
        # The open connection to the first address must not bypass the check.
        assert send(url).reason == "the host name resolves to an address that is not public"
        assert len(sink.received) == 1


def test_unreachable_first_address_is_replaced_by_the_next(names, settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    # The fake portal listens on IPv4 only.
    names["portal.example.com"] = ["::1", "127.0.0.1"]
    with Portal() as sink:
        assert send(f"http://portal.example.com:{sink.url.rpartition(':')[2]}/callback").delivered
        assert len(sink.received) == 1


@pytest.fixture
def unreachable():
    """Return a port of ::1 on which connections time out, as behind a firewall that drops packets."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=0) as full, ExitStack() as waiting:
        for _number in range(3):
            one = waiting.enter_context(socket.socket(socket.AF_INET6))
            one.settimeout(0)
            one.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def test_addresses_of_a_portal_share_its_timeout(names, settings, monkeypatch, unreachable):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_SECONDS", 0.6)
    monkeypatch.setattr(transport, "TIMEOUT_SECONDS", 1.0)
    names["portal.example.com"] = ["::1", "127.0.0.1"]
    # 127.0.0.1 accepts connections but sends no response.
    with socket.create_server(("127.0.0.1", unreachable)) as silent:
        began_at = monotonic()
        result = send(f"http://portal.example.com:{unreachable}/callback")
        assert 0.9 < monotonic() - began_at < 1.4
        assert "timed out" in result.reason
        silent.settimeout(0)
        silent.accept()[0].close()


def test_next_address_is_not_tried_after_the_timeout(names, settings, monkeypatch, unreachable):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(transport, "TIMEOUT_SECONDS", 0.3)
    names["portal.example.com"] = ["::1", "127.0.0.1"]
    with socket.create_server(("127.0.0.1", unreachable)) as silent:
        assert not send(f"http://portal.example.com:{unreachable}/callback").delivered
        silent.settimeout(0)
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_slow_lookup_is_a_failed_attempt(monkeypatch, settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    released = threading.Event()
    monkeypatch.setattr(addresses, "LOOKUP_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: released.wait(30))
    assert send("http://portal.example.com/callback").reason == "the host name was not resolved in time"
    released.set()
