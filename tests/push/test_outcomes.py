"""Outcomes of pushes, their transactions and devices for the responses of all providers."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.enrollment.models import Profile, PushEnrollment
from apps.push.models import PushMessagingConfiguration
from apps.push.providers import base
from apps.transactions.models import PushDelivery
from tests import factories, servers
from tests.api.calls import error_of
from tests.push import provider_cases
from tests.push.conftest import ENDED, NO_ERROR, PENDING, PHONE_NUMBER, assert_failed

pytestmark = pytest.mark.django_db(transaction=True)
ACCEPTED_EVENT = "PUSH_AUTH_PUSH_SERVICE_ACCEPTED_NOTIFICATION"
ROOM = 0.5
LONG_TEXTS = ["a b" * 2000, "😀" * 2000, '"\\' * 2000, "é—" * 2000]


def test_accepted_push_leaves_the_transaction_pending(
    send_push, push_flow, provider_case, received_pushes, device, version, stored_error
):
    transaction_id = send_push()
    assert push_flow.attempts(transaction_id) == [("accepted", "")]
    assert push_flow.result(transaction_id) == PENDING
    assert len(received_pushes()) == 1
    [event] = push_flow.events(transaction_id, ACCEPTED_EVENT)
    assert event.details["configuration"] == version.push_messaging_configuration.name
    assert (event.details["http_status"], event.details["attempt"]) == (provider_case.accepted_status, 1)
    assert stored_error() == NO_ERROR
    assert push_flow.work() == 0
    assert device.answer(device.fetch(transaction_id), approve=True) == "authenticated"


def test_each_reason_of_the_provider_has_its_documented_outcome(
    send_push, push_flow, provider_case, device, token, frozen_clock
):
    for response, reason, outcome in provider_case.reasons:
        transaction_id = send_push(response)
        assert push_flow.attempts(transaction_id) == [(outcome, reason)]
        assert push_flow.result(transaction_id) == (PENDING if outcome == provider_cases.RETRY else ENDED), reason
        assert PushEnrollment.objects.exists() == (outcome != provider_cases.DEAD_TOKEN), reason
        assert bool(PushMessagingConfiguration.objects.get().delivery_error) == (
            outcome == provider_cases.MISCONFIGURED
        ), reason
        PushMessagingConfiguration.objects.update(
            delivery_error="", delivery_error_destination="", delivery_error_at=None
        )
        device.enroll_push(token)


@pytest.mark.parametrize(
    ("provider_case", "status"),
    [(case, status) for case in provider_cases.PROVIDER_CASES for status in case.wrong_url_statuses],
    ids=str,
)
def test_response_without_a_reason_is_a_configuration_error(send_push, push_flow, provider_case, status, stored_error):
    transaction_id = send_push({"status": status, "headers": {"location": "https://example.com/"}, "body": "<html>"})
    reason = f"{provider_case.reason_prefix}HTTP {status}"
    assert_failed(push_flow, transaction_id, provider_cases.MISCONFIGURED, reason)
    assert stored_error()[0] == reason
    assert PushEnrollment.objects.exists()


def start_three(push_flow, mobile_type, version, enroll, new_token):
    """Initiate a push for each of three users; returns their transactions and push tokens by user."""
    tokens = {user: new_token() for user in ("anna", "bert", "carl")}
    devices = {user: enroll(user, push_token=token, version=version) for user, token in tokens.items()}
    return {user: push_flow.start(mobile_type, device, user) for user, device in devices.items()}, tokens


@pytest.mark.parametrize(("status", "outcome"), [(500, provider_cases.RETRY), (400, provider_cases.MISCONFIGURED)])
def test_unreadable_response_affects_only_its_own_push(
    push_flow, provider_case, mobile_type, version, enroll, fake, status, outcome, new_token
):
    transaction_ids, tokens = start_three(push_flow, mobile_type, version, enroll, new_token)
    fake.script[tokens["bert"]] = [{"status": status, "body": provider_cases.DEEPLY_NESTED}]
    assert push_flow.work() == 3
    attempts = {user: push_flow.attempts(transaction_id) for user, transaction_id in transaction_ids.items()}
    assert attempts == {
        "anna": [("accepted", "")],
        "bert": [(outcome, f"{provider_case.reason_prefix}HTTP {status}")],
        "carl": [("accepted", "")],
    }


def test_error_in_parsing_a_response_affects_only_its_own_push(
    push_flow, provider_case, mobile_type, version, enroll, fake, monkeypatch, new_token
):
    transaction_ids, tokens = start_three(push_flow, mobile_type, version, enroll, new_token)
    fake.script[tokens["bert"]] = [{"status": 503, "headers": {"retry-after": "soon"}}]
    monkeypatch.setattr(base, "parse_retry_after", lambda text: 1 / 0 if text else None)
    assert push_flow.work() == 3
    attempts = {user: push_flow.attempts(transaction_id) for user, transaction_id in transaction_ids.items()}
    unrecognized = [("retry", "not a response of the provider")]
    assert attempts == {"anna": [("accepted", "")], "bert": unrecognized, "carl": [("accepted", "")]}


def test_invalid_push_token_is_removed_and_the_profile_stays(send_push, push_flow, provider_case, device, event_types):
    response, reason = provider_case.invalid_token
    transaction_id = send_push(response)
    assert_failed(push_flow, transaction_id, provider_cases.DEAD_TOKEN, reason)
    assert not PushEnrollment.objects.exists()
    assert "PUSH_ENROLLMENT_DROP_DEAD_PUSH_TOKEN" in event_types()
    assert Profile.objects.get().profile_id == device.profile_id
    assert device.pending() == []


def test_token_enrolled_during_a_push_to_an_invalid_token_stays(
    push_flow, provider_case, mobile_type, device, token, fake, new_token
):
    transaction_id = push_flow.start(mobile_type, device)
    replacement = new_token()
    with push_flow.in_flight(fake, token, provider_case.invalid_token[0]):
        device.enroll_push(replacement)
    assert PushEnrollment.objects.get().token == replacement
    # The push is sent to the new token.
    with time_machine.travel(timezone.now() + timedelta(seconds=3)):
        assert push_flow.work() == 1
    assert [outcome for outcome, _reason in push_flow.attempts(transaction_id)] == ["retry", "accepted"]
    assert len(fake.wait(replacement, 1, provider_case.accepted_status, 5)) == 1


def test_failed_push_ends_nothing_while_another_is_due(push_flow, provider_case, device, fake, token, portal):
    mobile_type = factories.TypeFactory(method="push", max_resends=1)
    rejected = next(
        response for response, _reason, outcome in provider_case.reasons if outcome == provider_cases.REFUSED
    )
    unavailable = next(
        response for response, _reason, outcome in provider_case.reasons if outcome == provider_cases.RETRY
    )
    fake.script[token] = [unavailable, rejected]
    transaction_id = push_flow.send(mobile_type, device)
    assert portal.post(f"/oauth/api/v4/authenticate/transaction/{transaction_id}/resend", {}).status_code == 204
    first = PushDelivery.objects.filter(transaction=transaction_id).earliest("created_at")
    PushDelivery.objects.filter(pk=first.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    PushDelivery.objects.exclude(pk=first.pk).update(due_at=timezone.now() + timedelta(seconds=30))
    assert push_flow.work() == 1
    assert push_flow.result(transaction_id) == PENDING
    PushDelivery.objects.filter(state="due").update(due_at=timezone.now())
    fake.script[token] = [rejected]
    assert push_flow.work() == 1
    assert push_flow.result(transaction_id) == ENDED


def test_next_request_after_an_invalid_token_uses_the_fallback(
    send_push, portal, provider_case, device, type_with_fallback, mobile_type
):
    send_push(provider_case.invalid_token[0], mobile_type=type_with_fallback)
    started = portal.start(type_with_fallback, device, phone_number=PHONE_NUMBER).json()
    if provider_case.version_fields.get("platform") == "web":
        # A browser fetches its requests.
        assert started["auth_method"] == "push"
        return
    assert started["auth_method"] == "sms"
    assert error_of(portal.start(mobile_type, device)) == (404, "1001")


def test_new_token_after_an_invalid_one_receives_pushes(
    send_push, push_flow, provider_case, device, mobile_type, fake, version, new_token
):
    send_push(provider_case.invalid_token[0])
    replacement = new_token()
    device.enroll_push(replacement)
    transaction_id = push_flow.send(mobile_type, device)
    assert push_flow.attempts(transaction_id) == [("accepted", "")]
    assert len(fake.wait(replacement, 1, None, 0)) == 1


def test_temporarily_rejected_push_is_retried(send_push, push_flow, provider_case, advance_clock):
    response, reason = provider_case.unavailable
    transaction_id = send_push(response)
    assert push_flow.attempts(transaction_id) == [("retry", reason)]
    assert 1 - ROOM <= push_flow.due_in(transaction_id) <= 2
    [event] = push_flow.events(transaction_id)
    assert event.details["reason"] == reason
    assert event.details["next_attempt_at"]
    advance_clock(2)
    assert push_flow.work() == 1
    assert push_flow.attempts(transaction_id)[1:] == [("accepted", "")]
    assert push_flow.result(transaction_id) == PENDING


def test_retry_after_is_respected(send_push, push_flow, provider_case, advance_clock):
    transaction_id = send_push(provider_case.rate_limited)
    assert 7 - ROOM <= push_flow.due_in(transaction_id) <= 7
    advance_clock(6)
    assert push_flow.work() == 0
    advance_clock(1)
    assert push_flow.work() == 1
    assert [outcome for outcome, _reason in push_flow.attempts(transaction_id)] == ["retry", "accepted"]


def test_push_fails_after_five_attempts(
    send_push, push_flow, provider_case, advance_clock, fake, token, received_pushes
):
    response, reason = provider_case.unavailable
    transaction_id = send_push({**response, "repeat": True})
    for low, high in [(1, 2), (3, 6), (10, 20), (30, 60)]:
        assert low - ROOM <= push_flow.due_in(transaction_id) <= high
        assert push_flow.result(transaction_id) == PENDING
        advance_clock(high)
        assert push_flow.work() == 1
    assert push_flow.attempts(transaction_id) == [("retry", reason)] * 5
    assert_failed(push_flow, transaction_id, "retry", reason)
    advance_clock(150)
    assert push_flow.work() == 0
    assert len(received_pushes()) == 5


def test_push_is_not_retried_after_the_transaction_expires(send_push, push_flow, provider_case):
    short = factories.TypeFactory(time_to_live=1)
    assert_failed(
        push_flow, send_push(provider_case.unavailable[0], mobile_type=short), "retry", provider_case.unavailable[1]
    )


def test_retry_after_beyond_the_expiry_is_final(send_push, push_flow, provider_case):
    short = factories.TypeFactory(time_to_live=6)
    assert push_flow.result(send_push(provider_case.rate_limited, mobile_type=short)) == ENDED


def test_ended_transaction_is_not_retried(send_push, push_flow, provider_case, advance_clock, device, received_pushes):
    transaction_id = send_push(provider_case.unavailable[0])
    assert device.answer(device.fetch(transaction_id), approve=False) == "not_authenticated"
    advance_clock(2)
    assert push_flow.work() == 1
    assert len(received_pushes()) == 1
    assert push_flow.attempts(transaction_id)[-1] == ("not_needed", "")


def test_long_message_is_shortened_and_ids_are_kept(send_push, provider_case, received_pushes, device, settings):
    settings.MESSAGE_MAX_LENGTH = 10_000
    for text in LONG_TEXTS:
        transaction_id = send_push(message=text)
        record = received_pushes()[-1]
        shortened, *ids = provider_case.parse_content(json.loads(record["body"]))
        assert record["status"] == provider_case.accepted_status
        assert ids == [transaction_id, device.profile_id]
        assert shortened.endswith("…")
        assert text.startswith(shortened[:-1])
        assert provider_case.max_payload - 16 < len(record["body"].encode()) <= provider_case.max_payload


@pytest.mark.parametrize("failure", ["reset", "garbage"])
def test_network_failure_is_retried(send_push, push_flow, provider_case, advance_clock, fake, token, failure):
    response, reason = ({"reset": True}, "") if failure == "reset" else provider_case.unrecognized
    transaction_id = send_push({**response, "repeat": True})
    [(outcome, stored_reason)] = push_flow.attempts(transaction_id)
    assert outcome == "retry"
    assert stored_reason == reason or (not reason and stored_reason)
    assert push_flow.result(transaction_id) == PENDING
    fake.script[token] = []
    advance_clock(2)
    push_flow.work()
    assert push_flow.attempts(transaction_id)[1:] == [("accepted", "")]


@pytest.mark.parametrize("provider_case", provider_cases.CONFIGURED_URLS, ids=str)
def test_unreachable_provider_is_retried(send_push, push_flow, provider_case, advance_clock, settings, version):
    addresses = settings.PUSH_APNS_PRODUCTION_URL, version.push_messaging_configuration.endpoint
    nowhere = "https://localhost:9" if provider_case.fake == "apple" else "http://127.0.0.1:9/send"
    configuration = version.push_messaging_configuration

    def lead_to(apns_url, endpoint):
        settings.PUSH_APNS_PRODUCTION_URL = apns_url
        configuration.endpoint = endpoint
        configuration.save()

    lead_to(nowhere, nowhere)
    transaction_id = send_push()
    [(outcome, reason)] = push_flow.attempts(transaction_id)
    assert outcome == "retry"
    assert "connect" in reason.lower()
    assert push_flow.events(transaction_id)[0].details["reason"] == reason
    lead_to(*addresses)
    advance_clock(2)
    push_flow.work()
    assert push_flow.attempts(transaction_id)[1:] == [("accepted", "")]


def test_device_answers_transactions_without_a_push(send_push, push_flow, provider_case, device):
    delayed, missed = send_push(provider_case.unavailable[0]), send_push()
    assert [listed["transaction_id"] for listed in device.pending()] == [delayed, missed]
    assert device.answer(device.fetch(delayed), approve=True) == "authenticated"
    assert device.answer(device.fetch(missed), approve=False) == "not_authenticated"


def test_device_answers_while_its_push_is_in_flight(push_flow, mobile_type, device, token, fake):
    transaction_id = push_flow.start(mobile_type, device)
    with push_flow.in_flight(fake, token):
        assert [listed["transaction_id"] for listed in device.pending()] == [transaction_id]
        assert device.answer(device.fetch(transaction_id), approve=True) == "authenticated"
    assert push_flow.result(transaction_id) == ("authenticated", None)
    assert push_flow.attempts(transaction_id) == [("accepted", "")]


@pytest.mark.skipif(servers.BACKEND == "sqlite", reason="keeps its connections")
def test_no_database_connection_is_held_during_a_push(push_flow, mobile_type, device, token, fake):
    push_flow.start(mobile_type, device)
    with push_flow.in_flight(fake, token):
        assert push_flow.worker_connection.connection is None
