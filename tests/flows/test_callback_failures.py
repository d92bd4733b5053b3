"""Callbacks to a portal that fails, responds slowly or is unreachable."""

from contextlib import ExitStack

import pytest

from tests.fakes.portal import Portal
from tests.flows.waiting import gaps
from tests.ports import free_port

pytestmark = pytest.mark.processes


def complete_authentication(installation, path, **options):
    """Start and approve an authentication. Return the transaction id."""
    user = installation.enroll()
    transaction_id = installation.start(user, path, **options)
    installation.answer(user, transaction_id)
    return transaction_id


def test_failed_callback_is_retried_unchanged_in_its_backoff_windows(installation):
    path = installation.path()
    installation.portal.script(path, {"status": 500}, {"status": 404})
    transaction_id = complete_authentication(installation, path)
    calls = installation.portal.wait(path, 3, seconds=12)
    assert [call["status"] for call in installation.portal.wait(path, 1, status=204)] == [204]
    first, second = gaps(calls)
    assert 1 <= first < 2.6
    assert 3 <= second < 6.6
    installation.check_callback(transaction_id, calls, attempts=3)
    failed = installation.events(transaction_id, "PUSH_AUTH_CALLBACK_FAILED")
    assert [event["details"]["http_status"] for event in failed] == [404, 500]
    installation.portal.assert_count_stays(path, 3)


def test_broken_connection_is_retried(installation):
    path = installation.path()
    installation.portal.script(path, {"reset": True})
    complete_authentication(installation, path)
    # A broken kept-alive connection is replaced immediately, a new one after the first backoff window.
    assert gaps(installation.portal.wait(path, 2))[0] < 2.6


def test_callback_is_not_retried_before_retry_after(installation):
    path = installation.path()
    installation.portal.script(path, {"status": 503, "headers": {"Retry-After": "4"}})
    complete_authentication(installation, path)
    assert 4 <= gaps(installation.portal.wait(path, 2))[0] < 6


def test_redirect_is_not_followed(installation):
    path, redirect_target = installation.path(), installation.path()
    installation.portal.script(
        path, {"status": 307, "headers": {"Location": installation.portal.url + redirect_target}}
    )
    complete_authentication(installation, path)
    installation.portal.wait(path, 2)
    assert installation.portal.received(redirect_target) == []


def test_status_410_is_not_retried(installation):
    path = installation.path()
    installation.portal.script(path, {"status": 410, "repeat": True})
    complete_authentication(installation, path)
    installation.portal.wait(path)
    installation.portal.assert_count_stays(path, 1, seconds=2.5)


def test_slow_portals_do_not_delay_others_and_are_retried(installation):
    delayed, trickling = installation.path(), installation.path()
    installation.portal.script(delayed, *[{"delay": 30}] * 30)
    installation.portal.script(trickling, {"status": 200, "body": "x" * 100, "trickle": 30})
    for _number in range(6):
        complete_authentication(installation, delayed)
    last = complete_authentication(installation, trickling)
    installation.portal.wait(delayed, 6)
    installation.portal.wait(trickling)
    # All slow callbacks have the same host; each of the other portals is a separate host. The retries are delayed too,
    # so the slow portal stays slow until the last of the others has its callback.
    with ExitStack() as stack:
        for portal in [stack.enter_context(Portal()) for _number in range(18)]:
            transaction_id = complete_authentication(installation, "/", base=portal.url)
            installation.check_callback(transaction_id, portal.wait("/", 1, 204, 5), attempts=1)

    # The seventh call is the retry of the first one, which can be much older than the sixth.
    delayed_calls = installation.portal.wait(delayed, 7, seconds=14)
    assert delayed_calls[6]["at"] - delayed_calls[0]["at"] >= 10
    assert delayed_calls[6]["at"] - delayed_calls[5]["at"] < 14
    calls = installation.portal.wait(trickling, 2, seconds=14)
    assert 10 <= gaps(calls)[0] < 14
    installation.check_callback(last, calls, attempts=2)
    installation.portal.release()


def test_unreachable_portal_does_not_affect_others(installation):
    transaction_id = complete_authentication(installation, "/", base=f"http://127.0.0.1:{free_port()}")
    assert installation.result(transaction_id)["status"] == "authenticated"
    path = installation.path()
    complete_authentication(installation, path)
    installation.portal.wait(path, seconds=2)
