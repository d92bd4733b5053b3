"""Concurrent requests: results are yielded as they arrive, and an error affects only its own request."""

import threading
import time

import pytest

from apps.outgoing import multiplex
from apps.outgoing.http import NoResponse, Request, Response
from tests.fakes.apns import Apns
from tests.fakes.apns_certificates import Authority
from tests.fakes.fake_server import FakeServer


@pytest.fixture(scope="module")
def server():
    with FakeServer() as fake:
        yield fake


@pytest.fixture(scope="module")
def apple():
    with Apns() as fake:
        yield fake


def requests(server, *names, **options):
    return [(name, Request("POST", f"{server.url}/{name}", **options)) for name in names]


def send(*pairs):
    """Send requests and return their results by name."""
    return dict(pair for batch in multiplex.send_all(pairs) for pair in batch)


def to_apple(apple, count):
    """Return requests over TLS and HTTP/2 that Apple rejects because they have no token."""
    url, ca_file = apple.urls["production_url"], apple.describe()["ca_file"]
    return [
        (number, Request("POST", f"{url}/3/device/{number}", body=b"{}", ca_file=ca_file)) for number in range(count)
    ]


@pytest.mark.parametrize("_host", range(3))
def test_fast_responses_are_yielded_before_slow_ones(_host):
    """Use a new server several times, because the result depends on the order of the connections."""
    with FakeServer() as server:
        assert_fast_responses_come_first(server)


def assert_fast_responses_come_first(server):
    server.script["/slow"] = [{"delay": 20}]
    batches = multiplex.send_all(requests(server, "slow", "quick", "other"))
    fast, started_at = [], time.monotonic()
    while len(fast) < 2:
        fast += [name for name, _result in next(batches)]
    assert time.monotonic() - started_at < 2
    assert sorted(fast) == ["other", "quick"]
    server.release()
    assert [name for batch in batches for name, _result in batch] == ["slow"]


def test_follow_up_request_does_not_wait_for_other_requests(server):
    server.script["/slow"] = [{"delay": 20}]
    server.script["/first"] = [{"status": 503}]
    [(_name, second)] = requests(server, "second")
    batches = multiplex.send_all(
        requests(server, "slow", "first"), lambda name, _result: ("second", second) if name == "first" else None
    )
    assert [(name, result.status) for name, result in next(batches)] == [("second", 204)]
    server.release()
    assert [name for batch in batches for name, _result in batch] == ["slow"]


def test_each_result_has_the_item_of_its_request(server):
    names = [f"named-{number}" for number in range(30)]
    for name in names:
        server.script[f"/{name}"] = [{"status": 200, "headers": {"X-Name": name}, "body": f"I am {name}"}]
    for name, result in send(*requests(server, *names)).items():
        assert (result.headers["x-name"], result.body) == (name, f"I am {name}".encode())


@pytest.mark.parametrize(
    "bad",
    [
        Request("POST", "http://[::::]/"),
        Request("POST", "http:///nothing"),
        Request("POST", "no address"),
        Request("POST", "file:///etc/hostname"),
        Request("POST", "http://127.0.0.1:9/\0"),
        Request("POST", "http://127.0.0.1:9/", {"X-Name": "naïve and ÿ, €, ünïcode"}),
    ],
    ids=lambda bad: bad.url[:12],
)
def test_invalid_request_does_not_affect_other_requests(server, bad):
    results = send(("bad", bad), *requests(server, "good", "better"))
    assert isinstance(results["bad"], NoResponse)
    assert not results["bad"].may_have_arrived
    assert [results[name].status for name in ("good", "better")] == [204, 204]


def test_header_with_line_break_is_rejected(server):
    bad = Request("POST", f"{server.url}/newline", {"X-Note": "one\r\nX-Forged: two"})
    results = send(("bad", bad), *requests(server, "good"))
    assert isinstance(results["bad"], NoResponse)
    assert server.wait("/newline", 0, None, 0) == []
    assert results["good"].status == 204


def test_hundreds_of_concurrent_requests_get_responses(apple):
    results = send(*to_apple(apple, 500))
    assert len(results) == 500
    assert {result.status for result in results.values()} == {403}
    assert len({record["connection"] for record in apple.received}) <= 5


def test_threads_share_an_engine_and_get_their_own_results(server):
    results = {}

    def run(thread):
        results[thread] = send(*requests(server, *[f"{thread}-{number}" for number in range(10)]))

    threads = [threading.Thread(target=run, args=(name,)) for name in ("a", "b", "c", "d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert {thread: sorted(found) for thread, found in results.items()} == {
        thread: sorted(f"{thread}-{number}" for number in range(10)) for thread in ("a", "b", "c", "d")
    }
    assert {result.status for found in results.values() for result in found.values()} == {204}


def test_abandoned_requests_do_not_affect_other_threads(server):
    """A caller that does not read its results must not affect the engine."""
    server.script["/left"] = [{"delay": 20}]
    batches = multiplex.send_all(requests(server, "left", "seen"))
    next(batches)
    batches.close()
    assert send(*requests(server, "after"))["after"].status == 204
    server.release()


@pytest.mark.parametrize(
    "behavior", [{"delay": 20}, {"status": 200, "body": "x" * 50, "trickle": 3}], ids=["delay", "trickle"]
)
def test_request_times_out(server, behavior):
    server.script["/late"] = [behavior]
    started_at = time.monotonic()
    result = send(*requests(server, "late", timeout_seconds=0.3))["late"]
    server.release()
    assert 0.25 < time.monotonic() - started_at < 2
    assert isinstance(result, NoResponse)
    assert "timed out" in result.reason.lower()
    assert result.may_have_arrived


def test_broken_connection_gives_no_response(server):
    server.script["/broken"] = [{"reset": True, "repeat": True}]
    results = send(*requests(server, "broken", "whole"))
    assert isinstance(results["broken"], NoResponse)
    assert isinstance(results["whole"], Response)


def test_certificate_of_another_authority_is_rejected(apple, tmp_path):
    other = tmp_path / "other.pem"
    other.write_text(Authority().certificate)
    before = len(apple.received)
    request = Request("POST", f"{apple.urls['production_url']}/3/device/x", ca_file=str(other))
    result = send(("other", request))["other"]
    assert isinstance(result, NoResponse)
    assert "certificate" in result.reason.lower()
    assert not result.may_have_arrived
    assert len(apple.received) == before
    assert send(*to_apple(apple, 1))[0].status == 403


def test_connection_is_not_shared_with_another_authority(apple, tmp_path):
    send(*to_apple(apple, 1))
    test_certificate_of_another_authority_is_rejected(apple, tmp_path)
