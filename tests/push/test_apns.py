"""Requests to APNs, provider tokens, environments and HTTP/2 connections."""

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
from tests.push import provider_cases

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = 60


@pytest.fixture(params=[provider_cases.APNS_TOKEN], ids=str)
def provider_case(request):
    return request.param


with_certificate = pytest.mark.parametrize("provider_case", [provider_cases.APNS_CERTIFICATE], ids=str)


def aps(record):
    return json.loads(record["body"])["aps"]


def test_push_headers_and_payload_match_the_api_reference(send_push, received_pushes, device):
    transaction_id = send_push(message="Log in at the shop?")
    [record] = received_pushes()
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
        "og_profile_id": device.profile_id,
    }


@with_certificate
def test_certificate_push_has_no_authorization_and_topic(send_push, received_pushes):
    send_push()
    [record] = received_pushes()
    assert record["status"] == 200
    assert not {"authorization", "apns-topic"} & set(record["headers"])


@with_certificate
def test_certificate_push_can_have_a_topic(send_push, received_pushes, version):
    version.bundle_identifier = apns.TOPIC
    version.save()
    send_push()
    assert [record["headers"]["apns-topic"] for record in received_pushes()] == [apns.TOPIC]


@pytest.mark.parametrize("environment", ["production", "development"])
def test_apns_environment_is_set_by_the_version(send_push, received_pushes, version, environment):
    version.apns_environment = environment
    version.save()
    send_push()
    assert [(record["environment"], record["status"]) for record in received_pushes()] == [(environment, 200)]


@with_certificate
@pytest.mark.parametrize(("environment", "other"), [("production", "development"), ("development", "production")])
def test_certificate_sets_the_apns_environment(send_push, received_pushes, version, environment, other):
    version.apns_environment = other
    version.save()
    version.push_messaging_configuration.apns_environment = environment
    version.push_messaging_configuration.save()
    send_push()
    assert [(record["environment"], record["status"]) for record in received_pushes()] == [(environment, 200)]


def test_badge_is_the_number_of_pending_transactions(
    send_push, push_flow, received_pushes, device, version, enroll, client, mobile_type, advance_clock
):
    version.send_badge_number = True
    version.save()
    other = TestDevice("", device_id=device.device_id, device_token=device.device_token)
    enroll("bert", push_token=provider_cases.push_token(), device=other)
    push_flow.start(factories.TypeFactory(time_to_live=1), device)
    advance_clock(1)
    answered = send_push()
    device.answer(device.fetch(answered), approve=True)
    send_push()
    push_flow.send(mobile_type, other, "bert")
    send_push()
    assert [aps(record)["badge"] for record in received_pushes()] == [1, 1, 2]


def test_settings_of_the_notification_are_sent(send_push, received_pushes, version):
    version.mutable_content = True
    version.notification_category = "SIGN_IN"
    version.interruption_level = "time-sensitive"
    version.save()
    send_push()
    sent = aps(received_pushes()[0])
    assert (sent["mutable-content"], sent["category"], sent["interruption-level"]) == (1, "SIGN_IN", "time-sensitive")


def test_optional_members_are_omitted_by_default(send_push, received_pushes):
    send_push()
    assert set(aps(received_pushes()[0])) == {"alert", "sound"}


def test_provider_token_is_reused_and_renewed(send_push, received_pushes, advance_clock):
    send_push()
    advance_clock(44 * MINUTE)
    send_push()
    advance_clock(2 * MINUTE)
    send_push()
    first, second, third = [record["headers"]["authorization"] for record in received_pushes()]
    assert first == second != third
    assert {record["status"] for record in received_pushes()} == {200}


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
def test_provider_token_changes_only_with_key_or_ids(send_push, received_pushes, version, name, value, count):
    send_push()
    setattr(version.push_messaging_configuration, name, value())
    version.push_messaging_configuration.save()
    send_push()
    assert len({record["headers"]["authorization"] for record in received_pushes()}) == count


def test_signing_keys_do_not_share_a_connection(send_push, received_pushes, version):
    """Apple accepts the tokens of only one key on a connection (UnrelatedKeyIdInToken)."""
    send_push()
    version.push_messaging_configuration.key_id = "ANOTHERKEY"
    version.push_messaging_configuration.save()
    send_push()
    first, second = received_pushes()
    assert first["connection"] != second["connection"]


def test_expired_provider_token_is_replaced(send_push, push_flow, received_pushes, apple, advance_clock):
    send_push()
    apple.execute({"command": "expire_tokens"})
    transaction_id = send_push()
    assert push_flow.attempts(transaction_id) == [("credential_refused", "ExpiredProviderToken")]
    advance_clock(2)
    push_flow.work()
    assert push_flow.attempts(transaction_id)[1:] == [("accepted", "")]
    old, rejected, new = [record["headers"]["authorization"] for record in received_pushes()]
    assert old == rejected != new


def test_rejected_provider_token_is_replaced_every_20_minutes(send_push, push_flow, received_pushes, advance_clock):
    def provider_tokens():
        return list(dict.fromkeys(record["headers"]["authorization"] for record in received_pushes()))

    def send_and_try_again():
        transaction_id = send_push(apns.EXPIRED_PROVIDER_TOKEN, apns.EXPIRED_PROVIDER_TOKEN)
        advance_clock(2)
        push_flow.work()
        return [outcome for outcome, _reason in push_flow.attempts(transaction_id)]

    for _number in range(3):
        assert send_and_try_again() == ["credential_refused", "misconfigured"]
    assert len(provider_tokens()) == 2
    advance_clock(19 * MINUTE)
    send_and_try_again()
    assert len(provider_tokens()) == 2
    advance_clock(MINUTE)
    send_and_try_again()
    assert len(provider_tokens()) == 3
    # The clock is correct from here on.
    assert push_flow.attempts(send_push()) == [("accepted", "")]
    assert len(provider_tokens()) == 3


@pytest.mark.parametrize("reason", ["Unregistered", "ExpiredToken"])
@pytest.mark.parametrize(("age", "outcome"), [(60, "retry"), (-1, "dead_token")])
def test_410_from_before_the_enrolment_is_retried(
    send_push, push_flow, device, profile_row, advance_clock, reason, age, outcome
):
    enrolled_at = profile_row(device).push_enrollment.enrolled_at
    advance_clock(10)
    timestamp = int((enrolled_at - timedelta(seconds=age)).timestamp() * 1000)
    transaction_id = send_push(apns.rejection(410, reason, timestamp=timestamp))
    assert push_flow.attempts(transaction_id) == [(outcome, reason)]
    assert PushEnrollment.objects.exists() == (outcome == "retry")
    advance_clock(2)
    push_flow.work()
    assert push_flow.result(transaction_id)[0] == ("pending" if outcome == "retry" else "not_authenticated")


def test_special_characters_of_a_push_token_are_escaped(device, push_flow, mobile_type, apple, stored_error):
    """A push token cannot address another device or cause a configuration error."""
    other = provider_cases.push_token()
    suffixes = ["/../" + other, "?" + other, "#" + other, "%2F..%2F" + other, " " + other, "/" + other, "ä"]
    for token in [os.urandom(8).hex() + suffix for suffix in suffixes] + [".", ".."]:
        device.enroll_push(token)
        before = len(apple.received)
        transaction_id = push_flow.send(mobile_type, device)
        [record] = apple.received[before:]
        assert (record["key"], record["path"].count("/")) == (token, 3)
        assert push_flow.attempts(transaction_id) == [("dead_token", "BadDeviceToken")]
        assert stored_error() == ("", "", False)


def start_many(push_flow, mobile_type, device, count):
    return [push_flow.start(mobile_type, device) for _number in range(count)]


def test_pushes_share_one_connection(push_flow, mobile_type, device, received_pushes):
    start_many(push_flow, mobile_type, device, 60)
    assert push_flow.work() == 60
    records = received_pushes()
    assert [record["status"] for record in records] == [200] * 60
    assert len({record["connection"] for record in records}) == 1


def test_goaway_neither_loses_nor_duplicates_pushes(
    push_flow, mobile_type, device, apple, token, received_pushes, advance_clock
):
    transaction_ids = start_many(push_flow, mobile_type, device, 100)
    apple.script[token] = [{"status": 200}] * 40 + [apns.GOAWAY]
    push_flow.work()
    for _turn in range(4):
        advance_clock(20)
        push_flow.work()
    assert {push_flow.attempts(transaction_id)[-1] for transaction_id in transaction_ids} == {("accepted", "")}
    accepted = Counter(record["headers"]["apns-collapse-id"] for record in received_pushes() if record["status"] == 200)
    assert accepted == dict.fromkeys(transaction_ids, 1)
    assert len({record["connection"] for record in received_pushes()}) > 1


def test_stream_reset_retries_only_its_push(
    push_flow, mobile_type, device, apple, token, received_pushes, advance_clock
):
    transaction_ids = start_many(push_flow, mobile_type, device, 10)
    apple.script[token] = [{"status": 200}] * 5 + [apns.RST]
    push_flow.work()
    assert Counter(PushAttempt.objects.values_list("outcome", flat=True)) == {"accepted": 9, "retry": 1}
    advance_clock(2)
    assert push_flow.work() == 1
    assert {push_flow.attempts(transaction_id)[-1] for transaction_id in transaction_ids} == {("accepted", "")}
    assert len({record["connection"] for record in received_pushes()}) == 1
