"""What becomes of a callback when the portal has a fault."""

from contextlib import ExitStack

import pytest

from tests.fakes.portal import Portal
from tests.flows.waiting import gaps
from tests.ports import free_port

pytestmark = pytest.mark.processes


def finish(installation, path, **options):
    """Run an authentication to its end; returns the transaction's id."""
    phone = installation.enroll()
    transaction_id = installation.start(phone, path, **options)
    installation.answer(phone, transaction_id)
    return transaction_id


def test_a_failed_callback_is_repeated_word_for_word_after_one_and_three_seconds(installation):
    path = installation.path()
    installation.portal.script(path, {"status": 500}, {"status": 404})
    transaction_id = finish(installation, path)
    calls = installation.portal.wait(path, 3, seconds=12)
    assert [call["status"] for call in installation.portal.wait(path, 1, status=204)] == [204]
    first, second = gaps(calls)
    assert 1 <= first < 2.6
    assert 3 <= second < 6.6
    installation.check_callback(transaction_id, calls, attempts=3)
    failed = installation.events(transaction_id, "PUSH_AUTH_CALLBACK_FAILED")
    assert [event["details"]["http_status"] for event in failed] == [404, 500]
    installation.portal.assert_count_stays(path, 3)


def test_a_broken_connection_is_tried_again(installation):
    path = installation.path()
    installation.portal.script(path, {"reset": True})
    finish(installation, path)
    # A connection that was kept is replaced at once, a new one after the usual wait.
    assert gaps(installation.portal.wait(path, 2))[0] < 2.6


def test_a_portal_says_when_it_wants_to_be_called_again(installation):
    path = installation.path()
    installation.portal.script(path, {"status": 503, "headers": {"Retry-After": "4"}})
    finish(installation, path)
    assert 4 <= gaps(installation.portal.wait(path, 2))[0] < 6


def test_a_redirect_is_not_followed(installation):
    path, elsewhere = installation.path(), installation.path()
    installation.portal.script(path, {"status": 307, "headers": {"Location": installation.portal.url + elsewhere}})
    finish(installation, path)
    installation.portal.wait(path, 2)
    assert installation.portal.received(elsewhere) == []


def test_a_portal_that_is_gone_is_not_called_again(installation):
    path = installation.path()
    installation.portal.script(path, {"status": 410, "repeat": True})
    finish(installation, path)
    installation.portal.wait(path)
    installation.portal.assert_count_stays(path, 1, seconds=2.5)


def test_hanging_and_dripping_portals_delay_none_of_eighteen_others_and_are_called_again(installation):
    hanging, dripping = installation.path(), installation.path()
    installation.portal.script(hanging, *[{"delay": 30}] * 6)
    installation.portal.script(dripping, {"status": 200, "body": "x" * 100, "trickle": 30})
    for _number in range(6):
        finish(installation, hanging)
    last = finish(installation, dripping)
    held = installation.portal.wait(hanging, 6) + installation.portal.wait(dripping)
    # All wait for one host; each of the others is a host of its own.
    with ExitStack() as until_the_end:
        for portal in [until_the_end.enter_context(Portal()) for _number in range(18)]:
            transaction_id = finish(installation, "/", base=portal.url)
            installation.check_callback(transaction_id, portal.wait("/", 1, 204, 5), attempts=1)
    # A second try of these seven came after all that.
    assert len(installation.portal.received(hanging) + installation.portal.received(dripping)) == len(held)

    # The seventh call repeats the first, which the portal may have received well before the sixth.
    first, *_, sixth, repeated = installation.portal.wait(hanging, 7, seconds=14)
    assert repeated["at"] - first["at"] >= 10
    assert repeated["at"] - sixth["at"] < 14
    calls = installation.portal.wait(dripping, 2, seconds=14)
    assert 10 <= gaps(calls)[0] < 14
    installation.check_callback(last, calls, attempts=2)
    installation.portal.release()


def test_a_portal_that_nobody_answers_for_harms_nothing(installation):
    transaction_id = finish(installation, "/", base=f"http://127.0.0.1:{free_port()}")
    assert installation.result(transaction_id)["status"] == "authenticated"
    path = installation.path()
    finish(installation, path)
    installation.portal.wait(path, seconds=2)
