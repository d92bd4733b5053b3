"""Outcomes of messages in E4, events and attempts for the results of the gateway."""

import pytest
from django.db import transaction
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.outbox import claims
from apps.outbox import models as outbox
from apps.sms.gateways.base import Gateway, SmsOutcome, SmsResult
from apps.transactions import lifecycle
from apps.transactions.models import SmsAttempt, SmsDelivery, Transaction
from tests import factories
from tests.sms.conftest import NUMBER, bodies

pytestmark = pytest.mark.django_db(transaction=True)
PENDING = ("pending", None)
ENDED = ("not_authenticated", "failed_to_send")
SENT, FAILED = "SMS_AUTH_INIT_MESSAGE_SENT", "SMS_AUTH_INIT_FAILURE_GATEWAY"
UNKNOWN, NOT_AUTHENTICATED = "SMS_AUTH_INIT_OUTCOME_UNKNOWN", "MOBILE_AUTH_NOT_AUTHENTICATED"


class ScriptedGateway(Gateway):
    """Gateway with scripted results."""

    results = []
    calls = 0

    def submit(self, message, sender):
        ScriptedGateway.calls += 1
        return self.results.pop(0) if self.results else SmsResult(SmsOutcome.ACCEPTED)


@pytest.fixture
def script_gateway(settings):
    """Script the results of the gateway, one for each message. Further messages are accepted."""
    settings.SMS_GATEWAY = "tests.sms.test_worker.ScriptedGateway"
    ScriptedGateway.results, ScriptedGateway.calls = [], 0

    def script(*results):
        ScriptedGateway.results.extend(results)

    yield script
    ScriptedGateway.results = []


RETRY = SmsResult(SmsOutcome.RETRY, "HTTP 503", 503)
REFUSED = SmsResult(SmsOutcome.REFUSED, "error 21211", 400)
LOST = SmsResult(SmsOutcome.UNKNOWN, "Operation timed out")


def latest_delivery(transaction_id):
    return SmsDelivery.objects.filter(transaction=transaction_id).latest("created_at")


@pytest.mark.parametrize(
    ("result", "status", "event_types", "state"),
    [
        (SmsResult(SmsOutcome.ACCEPTED), PENDING, [SENT], "done"),
        (REFUSED, ENDED, [FAILED, NOT_AUTHENTICATED], "failed"),
        (RETRY, PENDING, [FAILED], "due"),
        (LOST, PENDING, [UNKNOWN], "done"),
    ],
    ids=lambda value: getattr(value, "reason", None),
)
def test_outcome_is_stored_in_result_events_and_attempt(
    sms_flow, sms_type, script_gateway, result, status, event_types, state
):
    script_gateway(result)
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == status
    assert sms_flow.event_types(transaction_id) == event_types
    assert latest_delivery(transaction_id).state == state
    attempt = SmsAttempt.objects.get()
    assert (attempt.outcome, attempt.reason, attempt.status) == (result.outcome.value, result.reason, result.status)
    assert attempt.duration_ms is not None


def test_failure_event_has_attempt_status_reason_and_next_attempt(sms_flow, sms_type, script_gateway):
    script_gateway(RETRY)
    transaction_id = sms_flow.send(sms_type)
    [event] = [event for event in sms_flow.events(transaction_id) if event.event_type == FAILED]
    assert (event.user_id, event.client_id) == ("anna", sms_flow.portal.api_client.client_id)
    assert event.details["attempt"] == 1
    assert event.details["http_status"] == 503
    assert event.details["reason"] == "HTTP 503"
    assert event.details["next_attempt_at"] == latest_delivery(transaction_id).due_at.isoformat()


def test_message_is_attempted_five_times_at_documented_times(sms_flow, script_gateway, advance_clock):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, time_to_live=600)
    script_gateway(*[RETRY] * 9)
    transaction_id = sms_flow.send(mobile_type)
    for low, high in [(1, 2), (3, 6), (10, 20), (30, 60)]:
        wait = (latest_delivery(transaction_id).due_at - timezone.now()).total_seconds()
        assert low - 0.5 <= wait <= high
        assert sms_flow.result(transaction_id) == PENDING
        advance_clock(high)
        assert sms_flow.work() == 1
    assert sms_flow.attempts(transaction_id) == ["retry"] * 5
    assert sms_flow.result(transaction_id) == ENDED
    advance_clock(300)
    assert sms_flow.work() == 0
    assert ScriptedGateway.calls == 5


def test_retry_after_the_expiry_ends_the_transaction_now(sms_flow, script_gateway):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, time_to_live=1)
    script_gateway(RETRY)
    assert sms_flow.result(sms_flow.send(mobile_type)) == ENDED


def test_retry_after_header_beyond_the_expiry_ends_the_transaction(sms_flow, sms_type, script_gateway):
    script_gateway(SmsResult(SmsOutcome.RETRY, "HTTP 429", 429, retry_after_seconds=301))
    assert sms_flow.result(sms_flow.send(sms_type)) == ENDED


def test_expired_or_cancelled_code_is_not_sent(sms_flow, sms_type, script_gateway, advance_clock):
    cancelled = sms_flow.start(sms_type)
    assert (
        sms_flow.portal.client.delete(
            f"/oauth/api/v4/authenticate/transaction/{cancelled}",
            headers={"Authorization": sms_flow.portal.authorization},
        ).status_code
        == 204
    )
    expired = sms_flow.start(sms_type)
    advance_clock(301)
    assert sms_flow.work() == 2
    assert sms_flow.attempts(cancelled) == sms_flow.attempts(expired) == ["not_needed"]
    assert ScriptedGateway.calls == 0


def test_accepted_message_is_not_repeated(sms_flow, sms_type, script_gateway, advance_clock):
    sms_flow.send(sms_type)
    advance_clock(200)
    assert sms_flow.work() == 0
    assert ScriptedGateway.calls == 1


def test_unknown_outcome_is_repeated_only_by_a_resend(sms_flow, sms_type, script_gateway, advance_clock):
    script_gateway(LOST)
    transaction_id = sms_flow.send(sms_type)
    advance_clock(100)
    assert sms_flow.work() == 0
    assert sms_flow.resend(transaction_id).status_code == 204
    assert sms_flow.work() == 1
    assert sms_flow.attempts(transaction_id) == ["unknown", "accepted"]
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200


def test_message_of_a_killed_worker_is_not_repeated(sms_flow, sms_type, script_gateway, advance_clock):
    transaction_id = sms_flow.start(sms_type)
    [claimed] = claims.claim(SmsDelivery, [latest_delivery(transaction_id).pk])  # the worker ends without a result
    advance_clock(23)
    assert sms_flow.work() == 0
    advance_clock(1.5)
    assert sms_flow.work() == 1
    assert ScriptedGateway.calls == 0
    assert sms_flow.attempts(transaction_id) == ["", "unknown"]
    assert sms_flow.event_types(transaction_id) == [UNKNOWN]
    assert sms_flow.result(transaction_id) == PENDING
    assert sms_flow.resend(transaction_id).status_code == 204
    sms_flow.work()
    assert ScriptedGateway.calls == 1
    with transaction.atomic():
        assert claims.record_results([claims.AttemptResult(claimed, outbox.State.FAILED, "failed")]) == set()


def test_worker_killed_in_its_second_attempt_leaves_an_unknown_outcome(
    sms_flow, sms_type, script_gateway, advance_clock
):
    script_gateway(RETRY)
    transaction_id = sms_flow.send(sms_type)
    advance_clock(2.1)
    claims.claim(SmsDelivery, [latest_delivery(transaction_id).pk])
    advance_clock(25)
    sms_flow.work()
    assert sms_flow.attempts(transaction_id) == ["retry", "", "unknown"]
    assert ScriptedGateway.calls == 1


def test_rejected_message_ends_the_transaction_without_a_callback(sms_flow, sms_type, script_gateway):
    script_gateway(REFUSED)
    transaction_id = sms_flow.send(sms_type, callback_uri="http://127.0.0.1:9/callback")
    assert sms_flow.result(transaction_id) == ENDED
    assert not CallbackDelivery.objects.exists()
    assert "callback_uri" not in sms_flow.portal.result(transaction_id).json()
    assert sms_flow.verify(transaction_id, "000000").json()["error_code"] == "3004"


@pytest.mark.parametrize("first", [SmsResult(SmsOutcome.ACCEPTED), LOST], ids=["accepted", "unknown"])
def test_failed_resend_keeps_the_transaction_pending(sms_flow, sms_type, script_gateway, first):
    script_gateway(first, REFUSED)
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.resend(transaction_id).status_code == 204
    sms_flow.work()
    assert sms_flow.result(transaction_id) == PENDING
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200


def test_failed_message_after_a_sent_resend_keeps_it_pending(sms_flow, sms_type, script_gateway, advance_clock):
    script_gateway(RETRY)
    transaction_id = sms_flow.send(sms_type)
    sms_flow.resend(transaction_id)
    sms_flow.work()
    script_gateway(REFUSED)
    advance_clock(2.1)
    sms_flow.work()
    assert sms_flow.attempts(transaction_id) == ["retry", "accepted", "refused"]
    assert sms_flow.result(transaction_id) == PENDING


def test_delayed_message_does_not_delay_other_users(sms_flow, sms_type, sms_service):
    sms_service.script[NUMBER] = [{"status": 503, "headers": {"Retry-After": "60"}}]
    sms_flow.start(sms_type)
    other = sms_flow.start(sms_type, "bert", phone_number="+31687654321")
    sms_flow.work()
    assert sms_flow.attempts(other) == ["accepted"]
    assert [body["phone_number"] for body in bodies(sms_service)] == [NUMBER, "+31687654321"]


def verify_right_code(sms_flow, transaction_id, advance_clock):
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200


def verify_wrong_codes(sms_flow, transaction_id, advance_clock):
    for _ in range(3):
        sms_flow.verify(transaction_id, "wrong")


def cancel(sms_flow, transaction_id, advance_clock):
    headers = {"Authorization": sms_flow.portal.authorization}
    sms_flow.portal.client.delete(f"/oauth/api/v4/authenticate/transaction/{transaction_id}", headers=headers)


def expire(sms_flow, transaction_id, advance_clock):
    advance_clock(301)
    lifecycle.expire_due()


def reject(sms_flow, transaction_id, advance_clock):
    ScriptedGateway.results.append(REFUSED)
    sms_flow.work()


@pytest.mark.parametrize("end_transaction", [verify_right_code, verify_wrong_codes, cancel, expire, reject])
def test_end_of_the_transaction_clears_the_code(sms_flow, sms_type, script_gateway, advance_clock, end_transaction):
    transaction_id = sms_flow.start(sms_type)
    assert sms_flow.code(transaction_id)
    end_transaction(sms_flow, transaction_id, advance_clock)
    transaction = Transaction.objects.get(pk=transaction_id)
    assert transaction.status != "pending"
    assert transaction.code == ""
