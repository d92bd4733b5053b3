"""Where a callback may connect to: every address that a name resolves to must be public, and is then the one used."""

import socket
import threading
from contextlib import ExitStack
from ipaddress import ip_address
from time import monotonic
from uuid import uuid4

import pytest
from django.utils import timezone

from apps.callbacks import addresses, transport
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
    """Answer for the resolver: names that tests know."""
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
def test_a_public_address_is_used(address):
    assert [ip_address(found) for found in addresses.resolve(url_of(address))] == [ip_address(address)]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused(address):
    with pytest.raises(addresses.AddressRejected):
        addresses.resolve(url_of(address))


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost"])
def test_other_ways_to_write_the_loopback_do_not_help(host):
    with pytest.raises(addresses.AddressRejected):
        addresses.resolve(f"http://{host}/callback")


def test_one_private_address_among_public_ones_is_enough_to_refuse(names):
    names["portal.example.com"] = ["8.8.8.8", "10.0.0.1", "1.1.1.1"]
    with pytest.raises(addresses.AddressRejected):
        addresses.resolve("https://portal.example.com/")


def test_the_first_public_address_of_each_family_is_used(names):
    names["portal.example.com"] = ["2606:4700:4700::1111", "8.8.8.8", "1.1.1.1"]
    assert addresses.resolve("https://portal.example.com/") == ["2606:4700:4700::1111", "8.8.8.8"]


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example", "-", "x..y", "."])
def test_a_name_that_leads_nowhere_is_refused(names, host):
    with pytest.raises(addresses.AddressRejected):
        addresses.resolve(f"https://{host}/")


def test_with_the_setting_on_private_addresses_are_used(settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    assert addresses.resolve("http://127.0.0.1:8000/") == ["127.0.0.1"]


def send(url):
    """Call a portal back; returns the outcome."""
    request = transport.build_request(url, uuid4(), "msg_1", None, timezone.now())
    [[(_item, outcome)]] = transport.send_all([(None, request)])
    return outcome


def test_a_refusal_is_a_failed_attempt_and_nothing_is_called():
    with Portal() as sink:
        outcome = send(sink.url + "/callback")
        assert not outcome.delivered
        assert not outcome.final
        assert outcome.reason == "the host name resolves to an address that is not public"
        assert sink.received == []


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(names, settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    names["portal.example.com"] = ["127.0.0.1"]
    with Portal() as sink:
        port = sink.url.rpartition(":")[2]
        assert send(f"http://portal.example.com:{port}/callback").delivered
        assert [request["headers"]["host"] for request in sink.received] == [f"portal.example.com:{port}"]


def test_a_name_that_leads_elsewhere_at_the_next_attempt_is_followed_and_checked_again(names, settings, monkeypatch):
    # What is public is a matter of definition: here one loopback address is, the other is not.
    monkeypatch.setattr(addresses, "is_public", lambda address: str(address) == "127.0.0.1")
    names["portal.example.com"] = ["127.0.0.1"]
    with Portal() as sink:
        url = f"http://portal.example.com:{sink.url.rpartition(':')[2]}/callback"
        assert send(url).delivered
        names["portal.example.com"] = ["127.0.0.2"]
        # The kept connection to the first address is no way around the check.
        assert send(url).reason == "the host name resolves to an address that is not public"
        assert len(sink.received) == 1


def test_a_portal_whose_first_address_cannot_be_reached_is_called_at_the_next(names, settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    # The stand-in listens on IPv4 only.
    names["portal.example.com"] = ["::1", "127.0.0.1"]
    with Portal() as sink:
        assert send(f"http://portal.example.com:{sink.url.rpartition(':')[2]}/callback").delivered
        assert len(sink.received) == 1


@pytest.fixture
def unreachable():
    """Return a port at which ::1 answers no attempt to connect, as behind a firewall that drops them."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=0) as full, ExitStack() as waiting:
        for _number in range(3):
            one = waiting.enter_context(socket.socket(socket.AF_INET6))
            one.settimeout(0)
            one.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def test_both_addresses_of_a_portal_share_the_time_that_it_has(names, settings, monkeypatch, unreachable):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_SECONDS", 0.6)
    monkeypatch.setattr(transport, "TIMEOUT_SECONDS", 1.0)
    names["portal.example.com"] = ["::1", "127.0.0.1"]
    # Connections are taken at 127.0.0.1, and nobody answers.
    with socket.create_server(("127.0.0.1", unreachable)) as silent:
        began_at = monotonic()
        outcome = send(f"http://portal.example.com:{unreachable}/callback")
        assert 0.9 < monotonic() - began_at < 1.4
        assert "timed out" in outcome.reason
        silent.settimeout(0)
        silent.accept()[0].close()


def test_without_time_for_the_next_address_it_is_not_tried(names, settings, monkeypatch, unreachable):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(transport, "TIMEOUT_SECONDS", 0.3)
    names["portal.example.com"] = ["::1", "127.0.0.1"]
    with socket.create_server(("127.0.0.1", unreachable)) as silent:
        assert not send(f"http://portal.example.com:{unreachable}/callback").delivered
        silent.settimeout(0)
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_look_up_that_hangs_is_a_failed_attempt(monkeypatch, settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
    released = threading.Event()
    monkeypatch.setattr(addresses, "LOOKUP_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: released.wait(30))
    assert send("http://portal.example.com/callback").reason == "the host name was not resolved in time"
    released.set()
