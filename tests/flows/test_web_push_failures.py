"""Web Push while the push service, the connection to it or the worker fails."""

import time
from collections import Counter

import pytest

from tests.fakes import apns
from tests.flows.test_push_failures import failed_to_send
from tests.flows.test_worker_kills import RECOVERY_SECONDS
from tests.flows.waiting import gaps

pytestmark = pytest.mark.processes
MANY = 40


@pytest.fixture
def user(installation):
    return installation.enroll(platform="web")


def test_push_is_delivered_and_answered(installation, user):
    transaction_id = installation.start(user)
    [push] = installation.browsers.wait(user.push_token, status=201)
    assert transaction_id in push["body"]
    assert installation.answer(user, transaction_id) == "authenticated"
    assert installation.result(transaction_id)["device"] == {"platform": "web"}


def test_goaway_neither_loses_nor_duplicates_pushes(installation, user):
    installation.browsers.script(user.push_token, *[{"delay": 0.3}] * MANY)
    started = [installation.start(user) for _number in range(MANY // 2)]
    installation.browsers.wait(user.push_token, 1)
    installation.browsers.goaway()
    started += [installation.start(user) for _number in range(MANY // 2)]
    accepted = installation.browsers.wait(user.push_token, MANY, status=201, seconds=20)
    topics = Counter(record["headers"]["topic"] for record in accepted)
    assert topics == dict.fromkeys([transaction_id.replace("-", "") for transaction_id in started], 1)
    assert len({record["connection"] for record in accepted}) > 1


def test_network_errors_are_retried_within_two_seconds(installation):
    failures = [apns.RST, {"status": 503}, {"status": 502, "body": "<html>Bad gateway</html>"}]
    users = [installation.enroll(platform="web") for _failure in failures]
    for user, failure in zip(users, failures, strict=True):
        installation.browsers.script(user.push_token, failure)
        installation.start(user)
    for user in users:
        installation.browsers.wait(user.push_token, status=201)
        pushes = installation.browsers.wait(user.push_token, 2)
        assert gaps(pushes)[0] < 2.6


def test_expired_subscription_ends_the_transaction_until_enrolled_again(installation, user):
    path = installation.path()
    installation.browsers.script(user.push_token, {"status": 410})
    transaction_id = installation.start(user, path)
    installation.portal.wait(path, seconds=2)
    assert failed_to_send(installation, transaction_id)
    user.device.enroll_push(user.push_token)
    retried = installation.start(user)
    installation.browsers.wait(user.push_token, status=201)
    assert installation.answer(user, retried) == "authenticated"


def test_killed_worker_loses_no_push(installation, user):
    installation.browsers.script(user.push_token, {"delay": 60})
    transaction_id = installation.start(user)
    installation.browsers.wait(user.push_token)
    installation.stack.worker.kill()
    killed_at = time.time()
    installation.stack.start_worker()
    [_lost, push] = installation.browsers.wait(user.push_token, 2, seconds=RECOVERY_SECONDS + 5)
    assert push["at"] - killed_at < RECOVERY_SECONDS
    installation.browsers.wait(user.push_token, status=201)
    assert installation.answer(user, transaction_id) == "authenticated"
