"""What becomes of a push when Apple, or the connection to it, has a fault."""

import time
from collections import Counter

import pytest

from tests.fakes import apns
from tests.flows.test_push_faults import failed_to_send
from tests.flows.waiting import gaps

pytestmark = pytest.mark.processes
MANY = 40


@pytest.fixture
def phone(installation):
    return installation.enroll(platform="ios")


def taken(installation, phone):
    """Count how often Apple took the push of each transaction."""
    records = installation.apple.received(phone.push_token, status=200)
    return Counter(record["headers"]["apns-collapse-id"] for record in records)


def test_a_push_reaches_the_phone_and_is_answered(installation, phone):
    transaction_id = installation.start(phone)
    [push] = installation.apple.wait(phone.push_token, status=200)
    assert push["headers"]["apns-collapse-id"] == transaction_id
    assert installation.answer(phone, transaction_id) == "authenticated"


def test_a_goodbye_while_many_are_under_way_loses_none_and_doubles_none(installation, phone):
    installation.apple.script(phone.push_token, *[{"delay": 0.3}] * MANY)
    started = [installation.start(phone) for _number in range(MANY // 2)]
    installation.apple.wait(phone.push_token, 1)
    installation.apple.goaway()
    started += [installation.start(phone) for _number in range(MANY // 2)]
    installation.apple.wait(phone.push_token, MANY, status=200, seconds=20)
    assert taken(installation, phone) == dict.fromkeys(started, 1)
    assert len({record["connection"] for record in installation.apple.received(phone.push_token)}) > 1


def test_a_hanging_push_holds_up_no_other_and_is_given_up(installation, phone):
    quick = installation.enroll(platform="ios")
    installation.apple.script(phone.push_token, {"delay": 30})
    installation.start(phone)
    installation.apple.wait(phone.push_token)
    installation.start(quick)
    installation.apple.wait(quick.push_token, status=200, seconds=1)
    pushes = installation.apple.wait(phone.push_token, 2, seconds=14)
    assert 9 <= gaps(pushes)[0] < 13
    installation.apple.wait(phone.push_token, status=200)
    installation.apple.release()


def test_faults_on_the_way_are_tried_again_within_two_seconds(installation):
    faults = [apns.RST, apns.SERVICE_UNAVAILABLE, {"status": 502, "body": "<html>Bad gateway</html>"}]
    phones = [installation.enroll(platform="ios") for _fault in faults]
    for phone, fault in zip(phones, faults, strict=True):
        installation.apple.script(phone.push_token, fault)
        installation.start(phone)
    for phone in phones:
        installation.apple.wait(phone.push_token, status=200)
        pushes = installation.apple.wait(phone.push_token, 2)
        assert gaps(pushes)[0] < 2.6


def test_an_expired_provider_token_is_replaced(installation, phone):
    installation.start(phone)
    installation.apple.wait(phone.push_token, status=200)
    installation.apple.expire_tokens()
    installation.start(phone)
    installation.apple.wait(phone.push_token, 2, status=200)
    _first, refused, again = installation.apple.wait(phone.push_token, 3)
    assert refused["status"] == 403
    assert refused["headers"]["authorization"] != again["headers"]["authorization"]


def test_a_dead_token_ends_it_and_a_new_one_works(installation, phone):
    path = installation.path()
    installation.apple.script(phone.push_token, apns.unregistered(int(time.time() * 1000) + 1000))
    transaction_id = installation.start(phone, path)
    installation.portal.wait(path, seconds=2)
    assert failed_to_send(installation, transaction_id)
    phone.device.enroll_push(phone.push_token)
    again = installation.start(phone)
    installation.apple.wait(phone.push_token, status=200)
    assert installation.answer(phone, again) == "authenticated"
