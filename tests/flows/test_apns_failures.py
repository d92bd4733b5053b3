"""Pushes while APNs or the connection to it fails."""

import time
from collections import Counter

import pytest

from tests.fakes import apns
from tests.flows.test_push_failures import failed_to_send
from tests.flows.waiting import gaps

pytestmark = pytest.mark.processes
MANY = 40


@pytest.fixture
def user(installation):
    return installation.enroll(platform="ios")


def accepted_pushes(installation, user):
    """Count how often APNs accepted the push of each transaction."""
    records = installation.apple.received(user.push_token, status=200)
    return Counter(record["headers"]["apns-collapse-id"] for record in records)


def test_push_is_delivered_and_answered(installation, user):
    transaction_id = installation.start(user)
    [push] = installation.apple.wait(user.push_token, status=200)
    assert push["headers"]["apns-collapse-id"] == transaction_id
    assert installation.answer(user, transaction_id) == "authenticated"


def test_goaway_neither_loses_nor_duplicates_pushes(installation, user):
    installation.apple.script(user.push_token, *[{"delay": 0.3}] * MANY)
    started = [installation.start(user) for _number in range(MANY // 2)]
    installation.apple.wait(user.push_token, 1)
    installation.apple.goaway()
    started += [installation.start(user) for _number in range(MANY // 2)]
    installation.apple.wait(user.push_token, MANY, status=200, seconds=20)
    assert accepted_pushes(installation, user) == dict.fromkeys(started, 1)
    assert len({record["connection"] for record in installation.apple.received(user.push_token)}) > 1


def test_hanging_push_times_out_without_delaying_others(installation, user):
    fast = installation.enroll(platform="ios")
    installation.apple.script(user.push_token, {"delay": 30})
    installation.start(user)
    installation.apple.wait(user.push_token)
    installation.start(fast)
    installation.apple.wait(fast.push_token, status=200, seconds=1)
    pushes = installation.apple.wait(user.push_token, 2, seconds=14)
    assert 9 <= gaps(pushes)[0] < 13
    installation.apple.wait(user.push_token, status=200)
    installation.apple.release()


def test_network_errors_are_retried_within_two_seconds(installation):
    failures = [apns.RST, apns.SERVICE_UNAVAILABLE, {"status": 502, "body": "<html>Bad gateway</html>"}]
    users = [installation.enroll(platform="ios") for _failure in failures]
    for user, failure in zip(users, failures, strict=True):
        installation.apple.script(user.push_token, failure)
        installation.start(user)
    for user in users:
        installation.apple.wait(user.push_token, status=200)
        pushes = installation.apple.wait(user.push_token, 2)
        assert gaps(pushes)[0] < 2.6


def test_expired_provider_token_is_replaced(installation, user):
    installation.start(user)
    installation.apple.wait(user.push_token, status=200)
    installation.apple.expire_tokens()
    installation.start(user)
    installation.apple.wait(user.push_token, 2, status=200)
    _first, rejected, retried = installation.apple.wait(user.push_token, 3)
    assert rejected["status"] == 403
    assert rejected["headers"]["authorization"] != retried["headers"]["authorization"]


def test_invalid_push_token_ends_the_transaction_until_enrolled_again(installation, user):
    path = installation.path()
    installation.apple.script(user.push_token, apns.unregistered(int(time.time() * 1000) + 1000))
    transaction_id = installation.start(user, path)
    installation.portal.wait(path, seconds=2)
    assert failed_to_send(installation, transaction_id)
    user.device.enroll_push(user.push_token)
    retried = installation.start(user)
    installation.apple.wait(user.push_token, status=200)
    assert installation.answer(user, retried) == "authenticated"
