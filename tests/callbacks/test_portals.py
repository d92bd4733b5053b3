"""Invalid and slow responses of portals: their results, and their isolation from other callbacks."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from uuid import uuid4

import pytest

from apps.callbacks import delivery, transport
from apps.callbacks.models import CallbackAttempt, CallbackDelivery
from apps.outbox.dispatcher import Dispatcher
from apps.outbox.models import State
from apps.outgoing import addresses
from tests.fakes.apns import Apns
from tests.fakes.raw_portal import RawPortal
from tests.flows.waiting import wait_until

OK = b"HTTP/1.1 200 OK\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
CLOSE = RawPortal.CLOSE
MEGABYTE = b"x" * 2**20


def call(url, *, times=1, **options):
    """Send callbacks one after the other and return the last result."""
    for _number in range(times):
        request = transport.build_request(url, uuid4(), "msg_1", None, datetime.now(UTC))
        [(_item, result)] = [
            pair for part in transport.send_all([(None, replace(request, **options))]) for pair in part
        ]
    return result


@pytest.mark.parametrize(
    "answer",
    [
        NO_CONTENT,
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", CLOSE),
        b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + NO_CONTENT,
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nno!",
        (OK + b"Content-Length: 104857600\r\n\r\n", MEGABYTE),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + MEGABYTE + b"\r\n"),
    ],
    ids=["204", "HTTP/1.0", "hints first", "chunked", "packed badly", "100 MB", "endless"],
)
def test_2xx_response_is_delivered_whatever_its_content(answer):
    with RawPortal(answer) as portal:
        assert call(portal.url).delivered
        # Most of the 100 MB is not read; the portal can have sent what fits into the socket buffers.
        assert portal.sent_bytes < 50 * 2**20


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((b"", CLOSE), "Empty reply"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", CLOSE), "Empty reply"),
        ((b"", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"), "Too many response headers"),
        ((OK, b"X-Name: " + b"y" * 1000 + b"\r\n"), "Too large response headers"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "HTTP/0.9"),
        (b"\x16\x03\x01\x00\xff" * 9, "HTTP/0.9"),
        (b"HTTP/1.1 000 None\r\n\r\n", "response code"),
        ((OK + b"Content-Length: 9\r\n\r\nhalf", CLOSE), "bytes missing"),
        (OK + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc", "Content-Length"),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nno\r\n", CLOSE), "chunk"),
        (OK + b"Content-Length: 9\r\n\r\nhalf", "timed out"),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "timed out"),
    ],
    ids=[
        "nothing",
        "100 only",
        "endless hints",
        "endless headers",
        "SSH",
        "TLS",
        "status 0",
        "half",
        "two lengths",
        "bad chunk",
        "half, then silence",
        "another protocol",
    ],
)
def test_invalid_response_is_a_failed_attempt_with_a_reason(answer, reason):
    with RawPortal(answer) as portal:
        result = call(portal.url, timeout_seconds=0.3)
        assert reason in result.reason
        assert (result.delivered, result.final, result.status) == (False, False, None)
        # The next callback is not affected.
        portal.responses[:] = [NO_CONTENT]
        assert call(portal.url).delivered


@pytest.mark.parametrize(
    ("answer", "connections"),
    [(NO_CONTENT, 1), ((NO_CONTENT, CLOSE), 3), (b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nno", 3)],
    ids=["kept", "closed at once without a word", "more than was announced"],
)
def test_valid_connection_is_kept(answer, connections):
    with RawPortal(answer) as portal:
        assert call(portal.url, times=3).delivered
        assert len(portal.received) == 3
        assert len(portal.connections) == connections


@pytest.mark.django_db(transaction=True)
def test_callback_on_a_broken_kept_connection_is_repeated_in_its_attempt(store, deliver):
    with RawPortal(NO_CONTENT, (b"", CLOSE), NO_CONTENT) as portal:
        deliver(store(portal.url))
        [row] = deliver(store(portal.url))
        assert (row.state, row.attempts.count()) == (State.DONE, 1)
        first, second = portal.received[1:]
    assert first == second
    assert "webhook-id:" in first.lower()


@pytest.mark.django_db(transaction=True)
def test_callback_on_a_broken_new_connection_is_a_failed_attempt(store, deliver):
    with RawPortal((b"", CLOSE), NO_CONTENT) as portal:
        [row] = deliver(store(portal.url))
        assert len(portal.received) == 1
    assert (row.state, row.attempts.count()) == (State.DUE, 1)


@pytest.mark.django_db(transaction=True)
def test_callback_on_broken_kept_connections_is_sent_six_times_at_most(store, deliver):
    with RawPortal(NO_CONTENT) as portal:
        deliver(*(store(portal.url) for _number in range(20)))
        kept, before = len(portal.connections), len(portal.received)
        portal.responses[:] = [(b"", CLOSE)]
        deliver(store(portal.url))
        assert len(portal.received) - before == min(kept + 1, 6)


def test_data_after_a_response_is_not_used_as_the_next_response():
    forged = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    with RawPortal(NO_CONTENT + forged, NO_CONTENT) as portal:
        assert call(portal.url, times=2).status == 204


@pytest.mark.parametrize(
    "target",
    [
        '/a%2Fb%zz?x=%20&y=a+b|c{}"<>^`\\',
        "/a/../b/./c//d;e?f?g",
        "/?query",
        "/" + "x" * 1970,
    ],
    ids=["odd characters", "dots", "query", "long"],
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def test_url_is_sent_unchanged(target, family):
    with RawPortal(NO_CONTENT, family=family) as portal:
        url = portal.url + target
        assert call(url).delivered
        [request] = portal.received
        assert request.startswith(f"POST {target} HTTP/1.1\r\nHost: {portal.url[7:]}\r\n")
        assert transport.json.loads(request.partition("\r\n\r\n")[2])["callback_uri"] == url


def test_fragment_is_omitted_and_url_credentials_become_a_header():
    with RawPortal(NO_CONTENT) as portal:
        url = f"http://name:p%40ss@127.0.0.1:{portal.port}/callback#part"
        assert call(url).delivered
        [request] = portal.received
        assert request.startswith("POST /callback HTTP/1.1\r\n")
        assert "Authorization: Basic bmFtZTpwQHNz" in request
        assert url in request


@pytest.fixture(scope="module")
def encrypted():
    """Server with TLS and HTTP/2 whose certificate authority is not trusted by the system."""
    with Apns() as server:
        yield server


def test_untrusted_certificate_is_a_failed_attempt_with_a_reason(encrypted):
    result = call(encrypted.urls["production_url"])
    assert "certificate" in result.reason
    assert (result.delivered, result.final) == (False, False)
    assert encrypted.received == []


def test_portal_can_use_http_2(encrypted):
    url, ca_file = encrypted.urls["production_url"] + "/3/device/x", encrypted.describe()["ca_file"]
    # The fake APNs rejects a request without token; the test only needs an HTTP/2 response.
    assert call(url, times=2, ca_file=ca_file).reason == "HTTP 403"
    assert len({record["connection"] for record in encrypted.received}) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("retry_after", ["99999999999999999999", "86400", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_is_capped_at_24_hours(sink, store, deliver, retry_after):
    sink.script["/callback"] = [{"status": 503, "headers": {"Retry-After": retry_after}, "repeat": True}]
    [row] = deliver(store(sink.url + "/callback"))
    assert row.state == State.DUE
    assert row.due_at == row.created_at + delivery.GIVE_UP_AFTER
    # 24 hours later.
    CallbackDelivery.objects.filter(pk=row.pk).update(created_at=row.created_at - delivery.GIVE_UP_AFTER)
    row.refresh_from_db()
    deliver(row)
    assert row.state == State.FAILED
    assert len(sink.received) == 2


FAR_AWAY = "Mon, 01 Jan 2024 00:00:00 +9999999999999999"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("retry_after", ["-1", "1e9", "soon", "\xb2", FAR_AWAY])
def test_invalid_retry_after_is_ignored(sink, store, deliver, retry_after):
    sink.script["/callback"] = [{"status": 503, "headers": {"Retry-After": retry_after}}]
    [row] = deliver(store(sink.url + "/callback"))
    assert 0 < (row.due_at - row.created_at).total_seconds() < 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_http_error", [True, False])
def test_parsing_error_affects_only_its_own_callback(sink, store, deliver, monkeypatch, is_http_error):
    sink.script["/odd"] = [{"status": 503, "headers": {"Retry-After": FAR_AWAY}}]
    if not is_http_error:
        monkeypatch.setattr(transport, "parse_retry_after", lambda text: 1 / 0 if text else None)
    # One batch: results that arrive together are recorded together.
    good, odd, also_good = deliver(*(store(sink.url + path) for path in ("/good", "/odd", "/also-good")))
    assert (good.state, odd.state, also_good.state) == (State.DONE, State.DUE, State.DONE)
    assert 0 < (odd.due_at - odd.created_at).total_seconds() < 5
    attempt = odd.attempts.get()
    reason = "HTTP 503" if is_http_error else "the response could not be parsed (ZeroDivisionError); see the server log"
    assert (attempt.outcome, attempt.reason) == ("failed", reason)


@pytest.mark.django_db(transaction=True)
def test_reason_with_invalid_utf8_can_be_stored(store, deliver):
    with RawPortal(OK + b"Transfer-Encoding: caf\xe9 x\r\n\r\n", NO_CONTENT) as portal:
        [row] = deliver(store(portal.url))
        assert "(caf\ufffd x)" in row.attempts.get().reason
        deliver(row)
        assert row.state == State.DONE


@pytest.mark.django_db(transaction=True)
def test_slow_portals_do_not_delay_other_portals(store):
    dispatcher = Dispatcher(CallbackDelivery, delivery.deliver, slots=40, batch_size=8)
    with ExitStack() as until_the_end:
        hanging = RawPortal(b"")
        dripping = RawPortal((OK + b"Content-Length: 100\r\n\r\n", b"x"), pause_seconds=1)
        well = [RawPortal(NO_CONTENT) for _number in range(18)]
        until_the_end.callback(dispatcher.join)
        for portal in (hanging, dripping, *well):
            until_the_end.enter_context(portal)
        until_the_end.callback(dispatcher.halt)
        bad = [store(portal.url) for _number in range(60) for portal in (hanging, dripping)]
        good = [store(portal.url) for _number in range(5) for portal in well]

        dispatcher.start()
        wait_until(lambda: all(len(portal.received) == 5 for portal in well), 8)
        # Meanwhile, no callback to the two slow portals has ended.
        assert not CallbackAttempt.objects.filter(delivery__in=bad).exclude(outcome="").exists()
        assert min(len(hanging.received), len(dripping.received)) >= 2
        wait_until(
            lambda: CallbackDelivery.objects.filter(pk__in=[row.pk for row in good], state=State.DONE).count() == 90
        )


@pytest.fixture
def names(monkeypatch):
    """Replace the resolver by a table of addresses, or of events to wait for."""
    known = {}

    def resolve(host, port, **_options):
        if isinstance(known[host], threading.Event):
            known[host].wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield known
    for answer in known.values():
        if isinstance(answer, threading.Event):
            answer.set()


def test_slow_name_server_delays_only_its_own_portals(names, monkeypatch):
    monkeypatch.setattr(addresses, "LOOKUP_TIMEOUT_SECONDS", 0.2)
    names["hanging.example"], over = threading.Event(), "the host name was not resolved in time"
    with RawPortal(NO_CONTENT) as portal, ThreadPoolExecutor(100) as workers:
        names["well.example"] = "127.0.0.1"
        hanging = [workers.submit(call, "http://hanging.example/") for _number in range(100)]
        assert {one.result().reason for one in hanging} == {over}
        assert call(f"http://well.example:{portal.port}/").delivered


def test_host_is_resolved_once_for_all_user_names(names, monkeypatch):
    monkeypatch.setattr(addresses, "LOOKUP_TIMEOUT_SECONDS", 0.2)
    names["silent.example"], over = threading.Event(), "the host name was not resolved in time"
    urls = [f"http://user-{number}@{host}/" for number in range(4) for host in ("silent.example", "Silent.Example:80")]
    requests = [(url, transport.build_request(url, uuid4(), "msg_1", None, datetime.now(UTC))) for url in urls]
    began_at = monotonic()
    outcomes = dict(pair for part in transport.send_all(requests) for pair in part)
    assert monotonic() - began_at < 0.4
    assert {url: result.reason for url, result in outcomes.items()} == dict.fromkeys(urls, over)


def test_portals_with_a_long_common_prefix_are_distinguished(names):
    one, other = ("".join([*["a" * 59 + "."] * 4, "x" * 8, end]) for end in (".one", ".two"))
    # No server listens on the second address.
    names[one], names[other] = "127.0.0.1", "127.0.0.2"
    with RawPortal(NO_CONTENT) as portal:
        requests = [
            (host, transport.build_request(f"http://{host}:{portal.port}/", uuid4(), "msg_1", None, datetime.now(UTC)))
            for host in (one, other)
        ]
        outcomes = dict(pair for part in transport.send_all(requests) for pair in part)
        assert (outcomes[one].delivered, outcomes[other].delivered) == (True, False)
        assert len(portal.received) == 1
