"""Many requests at once: answers come as they come, and nothing that is wrong with one touches another."""

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
    with FakeServer() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def apple():
    with Apns() as stand_in:
        yield stand_in


def requests(server, *names, **options):
    return [(name, Request("POST", f"{server.url}/{name}", **options)) for name in names]


def send(*pairs):
    """Send requests and return all results by their names."""
    return dict(pair for part in multiplex.send_all(pairs) for pair in part)


def to_apple(apple, count):
    """Return requests that Apple refuses, for want of a token: over TLS and HTTP/2."""
    url, ca_file = apple.urls["production_url"], apple.describe()["ca_file"]
    return [
        (number, Request("POST", f"{url}/3/device/{number}", body=b"{}", ca_file=ca_file)) for number in range(count)
    ]


@pytest.mark.parametrize("_host", range(3))
def test_what_comes_early_is_not_kept_back_by_what_comes_late(_host):
    """To a host of which nothing is known yet: several times, because it depends on who connects first."""
    with FakeServer() as server:
        early_then_late(server)


def early_then_late(server):
    server.script["/slow"] = [{"delay": 20}]
    parts = multiplex.send_all(requests(server, "slow", "quick", "other"))
    early, started = [], time.monotonic()
    while len(early) < 2:
        early += [name for name, _result in next(parts)]
    assert time.monotonic() - started < 2
    assert sorted(early) == ["other", "quick"]
    server.release()
    assert [name for part in parts for name, _result in part] == ["slow"]


def test_what_is_sent_in_place_of_a_result_waits_for_nobody(server):
    server.script["/slow"] = [{"delay": 20}]
    server.script["/first"] = [{"status": 503}]
    [(_name, second)] = requests(server, "second")
    parts = multiplex.send_all(
        requests(server, "slow", "first"), lambda name, _result: ("second", second) if name == "first" else None
    )
    assert [(name, result.status) for name, result in next(parts)] == [("second", 204)]
    server.release()
    assert [name for part in parts for name, _result in part] == ["slow"]


def test_each_answer_comes_with_what_its_request_was_given_with(server):
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
def test_a_request_that_cannot_be_sent_fails_alone(server, bad):
    results = send(("bad", bad), *requests(server, "good", "better"))
    assert isinstance(results["bad"], NoResponse)
    assert not results["bad"].may_have_arrived
    assert [results[name].status for name in ("good", "better")] == [204, 204]


def test_a_header_with_a_newline_forges_no_header(server):
    bad = Request("POST", f"{server.url}/newline", {"X-Note": "one\r\nX-Forged: two"})
    results = send(("bad", bad), *requests(server, "good"))
    assert isinstance(results["bad"], NoResponse)
    assert server.wait("/newline", 0, None, 0) == []
    assert results["good"].status == 204


def test_hundreds_at_once_are_all_answered(apple):
    results = send(*to_apple(apple, 500))
    assert len(results) == 500
    assert {result.status for result in results.values()} == {403}
    assert len({record["connection"] for record in apple.received}) <= 5


def test_threads_share_the_engine_and_each_gets_its_own(server):
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


def test_a_thread_that_ends_early_harms_no_other(server):
    """Who does not wait for the answers leaves the engine as it was."""
    server.script["/left"] = [{"delay": 20}]
    parts = multiplex.send_all(requests(server, "left", "seen"))
    next(parts)
    parts.close()
    assert send(*requests(server, "after"))["after"].status == 204
    server.release()


@pytest.mark.parametrize(
    "fault", [{"delay": 20}, {"status": 200, "body": "x" * 50, "trickle": 3}], ids=["delay", "trickle"]
)
def test_time_outs_hold(server, fault):
    server.script["/late"] = [fault]
    started = time.monotonic()
    result = send(*requests(server, "late", timeout_seconds=0.3))["late"]
    server.release()
    assert 0.25 < time.monotonic() - started < 2
    assert isinstance(result, NoResponse)
    assert "timed out" in result.reason.lower()
    assert result.may_have_arrived


def test_a_connection_that_breaks_is_no_answer(server):
    server.script["/broken"] = [{"reset": True, "repeat": True}]
    results = send(*requests(server, "broken", "whole"))
    assert isinstance(results["broken"], NoResponse)
    assert isinstance(results["whole"], Response)


def test_a_certificate_of_another_authority_is_refused(apple, tmp_path):
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


def test_a_kept_connection_is_not_lent_to_who_trusts_another_authority(apple, tmp_path):
    send(*to_apple(apple, 1))
    test_a_certificate_of_another_authority_is_refused(apple, tmp_path)
