"""What Apple gets, to the byte, and what is particular to it: provider tokens, environments, HTTP/2 connections."""

import json
import os
from collections import Counter
from datetime import timedelta

import pytest

from apps.enrollment.models import PushEnrollment
from apps.transactions.models import PushAttempt, Transaction
from tests import factories
from tests.conftest import TestDevice
from tests.fakes import apns
from tests.fakes.apns_certificates import signing_key
from tests.push import kinds

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = 60


@pytest.fixture(params=[kinds.APNS_TOKEN], ids=str)
def kind(request):
    return request.param


with_certificate = pytest.mark.parametrize("kind", [kinds.APNS_CERTIFICATE], ids=str)


def aps(record):
    return json.loads(record["body"])["aps"]


def test_headers_and_payload_are_exactly_these(sent, heard, phone):
    transaction_id = sent(message="Log in at the shop?")
    [record] = heard()
    headers = record["headers"]
    scheme, _space, token = headers.pop("authorization").partition(" ")
    assert (scheme, len(token.split("."))) == ("bearer", 3)
    assert (record["path"], record["environment"]) == ("/3/device/" + record["key"], "production")
    assert headers == {
        "accept": "*/*",
        "user-agent": "Countersign",
        "content-type": "application/json",
        "content-length": str(len(record["body"])),
        "apns-topic": apns.TOPIC,
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-collapse-id": transaction_id,
        "apns-expiration": str(int(Transaction.objects.get().expires_at.timestamp())),
        "peer": record["peer"],
    }
    assert json.loads(record["body"]) == {
        "aps": {"alert": "Log in at the shop?", "sound": "default"},
        "og_transaction_id": transaction_id,
        "og_profile_id": phone.profile_id,
    }


@with_certificate
def test_a_certificate_needs_neither_token_nor_topic(sent, heard):
    sent()
    [record] = heard()
    assert record["status"] == 200
    assert not {"authorization", "apns-topic"} & set(record["headers"])


@with_certificate
def test_a_certificate_may_name_its_topic(sent, heard, version):
    version.bundle_identifier = apns.TOPIC
    version.save()
    sent()
    assert [record["headers"]["apns-topic"] for record in heard()] == [apns.TOPIC]


@pytest.mark.parametrize("environment", ["production", "development"])
def test_the_version_says_which_environment_its_phones_are_in(sent, heard, version, environment):
    version.apns_environment = environment
    version.save()
    sent()
    assert [(record["environment"], record["status"]) for record in heard()] == [(environment, 200)]


@with_certificate
@pytest.mark.parametrize(("environment", "other"), [("production", "development"), ("development", "production")])
def test_a_certificate_brings_its_environment(sent, heard, version, environment, other):
    version.apns_environment = other
    version.save()
    version.push_messaging_configuration.apns_environment = environment
    version.push_messaging_configuration.save()
    sent()
    assert [(record["environment"], record["status"]) for record in heard()] == [(environment, 200)]


def test_the_badge_is_the_number_of_the_profiles_transactions_that_wait(
    sent, pushes, heard, phone, version, enroll, client, mobile_type, later
):
    version.send_badge_number = True
    version.save()
    other = TestDevice("", device_id=phone.device_id, device_token=phone.device_token)
    enroll("bert", push_token=kinds.push_token(), device=other)
    pushes.start(factories.TypeFactory(time_to_live=1), phone)
    later(1)
    answered = sent()
    phone.answer(phone.fetch(answered), approve=True)
    sent()
    pushes.send(mobile_type, other, "bert")
    sent()
    assert [aps(record)["badge"] for record in heard()] == [1, 1, 2]


def test_without_the_switch_there_is_no_badge(sent, heard):
    sent()
    assert "badge" not in aps(heard()[0])


def test_a_provider_token_is_used_again_and_renewed_in_time(sent, heard, later):
    sent()
    later(44 * MINUTE)
    sent()
    later(2 * MINUTE)
    sent()
    first, second, third = [record["headers"]["authorization"] for record in heard()]
    assert first == second != third
    assert {record["status"] for record in heard()} == {200}


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("signing_key", lambda: apns.pem(signing_key()), 2),
        ("key_id", lambda: "ANOTHERKEY", 2),
        ("team_id", lambda: "OTHERTEAM1", 2),
        ("name", lambda: "renamed", 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_new_key_is_used_at_once_and_nothing_else_makes_a_new_provider_token(
    sent, heard, version, name, value, count
):
    sent()
    setattr(version.push_messaging_configuration, name, value())
    version.push_messaging_configuration.save()
    sent()
    assert len({record["headers"]["authorization"] for record in heard()}) == count


def test_another_signing_key_never_shares_a_connection(sent, heard, version):
    """Apple takes the tokens of one key on a connection: UnrelatedKeyIdInToken."""
    sent()
    version.push_messaging_configuration.key_id = "ANOTHERKEY"
    version.push_messaging_configuration.save()
    sent()
    first, second = heard()
    assert first["connection"] != second["connection"]


def test_an_expired_provider_token_is_replaced(sent, pushes, heard, apple, later):
    sent()
    apple.execute({"command": "expire_tokens"})
    transaction_id = sent()
    assert pushes.attempts(transaction_id) == [("credential_refused", "ExpiredProviderToken")]
    later(2)
    pushes.work()
    assert pushes.attempts(transaction_id)[1:] == [("accepted", "")]
    old, refused, new = [record["headers"]["authorization"] for record in heard()]
    assert old == refused != new


def test_a_wrong_clock_makes_a_new_provider_token_every_twenty_minutes_and_not_for_every_push(
    sent, pushes, heard, later
):
    def provider_tokens():
        return list(dict.fromkeys(record["headers"]["authorization"] for record in heard()))

    def send_and_try_again():
        transaction_id = sent(apns.EXPIRED_PROVIDER_TOKEN, apns.EXPIRED_PROVIDER_TOKEN)
        later(2)
        pushes.work()
        return [outcome for outcome, _reason in pushes.attempts(transaction_id)]

    for _number in range(3):
        assert send_and_try_again() == ["credential_refused", "misconfigured"]
    assert len(provider_tokens()) == 2
    later(19 * MINUTE)
    send_and_try_again()
    assert len(provider_tokens()) == 2
    later(MINUTE)
    send_and_try_again()
    assert len(provider_tokens()) == 3
    # The clock is right again.
    assert pushes.attempts(sent()) == [("accepted", "")]
    assert len(provider_tokens()) == 3


@pytest.mark.parametrize("reason", ["Unregistered", "ExpiredToken"])
@pytest.mark.parametrize(("age", "outcome"), [(60, "retry"), (-1, "dead_token")])
def test_only_word_from_after_the_enrolment_makes_a_token_dead(
    sent, pushes, phone, profile_row, later, reason, age, outcome
):
    enrolled_at = profile_row(phone).push_enrollment.enrolled_at
    later(10)
    moment = int((enrolled_at - timedelta(seconds=age)).timestamp() * 1000)
    transaction_id = sent(apns.rejection(410, reason, timestamp=moment))
    assert pushes.attempts(transaction_id) == [(outcome, reason)]
    assert PushEnrollment.objects.exists() == (outcome == "retry")
    later(2)
    pushes.work()
    assert pushes.result(transaction_id)[0] == ("pending" if outcome == "retry" else "not_authenticated")


def test_a_push_token_with_special_characters_reaches_nobody_else(phone, pushes, mobile_type, apple, fault):
    """What comes from a device can neither lead to another one nor look like a fault of the configuration."""
    other = kinds.push_token()
    ends = ["/../" + other, "?" + other, "#" + other, "%2F..%2F" + other, " " + other, "/" + other, "ä"]
    for token in [os.urandom(8).hex() + end for end in ends] + [".", ".."]:
        phone.enroll_push(token)
        before = len(apple.received)
        transaction_id = pushes.send(mobile_type, phone)
        [record] = apple.received[before:]
        assert (record["key"], record["path"].count("/")) == (token, 3)
        assert pushes.attempts(transaction_id) == [("dead_token", "BadDeviceToken")]
        assert fault() == ("", "", False)


def start_many(pushes, mobile_type, phone, count):
    return [pushes.start(mobile_type, phone) for _number in range(count)]


def test_many_pushes_share_one_connection(pushes, mobile_type, phone, heard):
    start_many(pushes, mobile_type, phone, 60)
    assert pushes.work() == 60
    records = heard()
    assert [record["status"] for record in records] == [200] * 60
    assert len({record["connection"] for record in records}) == 1


def test_a_goodbye_in_the_middle_of_many_loses_none_and_doubles_none(
    pushes, mobile_type, phone, apple, token, heard, later
):
    started = start_many(pushes, mobile_type, phone, 100)
    apple.script[token] = [{"status": 200}] * 40 + [apns.GOAWAY]
    pushes.work()
    for _turn in range(4):
        later(20)
        pushes.work()
    assert {pushes.attempts(transaction_id)[-1] for transaction_id in started} == {("accepted", "")}
    taken = Counter(record["headers"]["apns-collapse-id"] for record in heard() if record["status"] == 200)
    assert taken == dict.fromkeys(started, 1)
    assert len({record["connection"] for record in heard()}) > 1


def test_a_stream_that_is_reset_costs_only_its_push_a_retry(pushes, mobile_type, phone, apple, token, heard, later):
    started = start_many(pushes, mobile_type, phone, 10)
    apple.script[token] = [{"status": 200}] * 5 + [apns.RST]
    pushes.work()
    assert Counter(PushAttempt.objects.values_list("outcome", flat=True)) == {"accepted": 9, "retry": 1}
    later(2)
    assert pushes.work() == 1
    assert {pushes.attempts(transaction_id)[-1] for transaction_id in started} == {("accepted", "")}
    assert len({record["connection"] for record in heard()}) == 1
