"""What becomes of a text message for each thing that the gateway can say, in E4, in events and in the attempts."""

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


class Scripted(Gateway):
    """Says what the test wants."""

    says = []
    calls = 0

    def submit(self, message, sender):
        Scripted.calls += 1
        return self.says.pop(0) if self.says else SmsResult(SmsOutcome.ACCEPTED)


@pytest.fixture
def says(settings):
    """Set what the gateway says, one a message; after that it accepts."""
    settings.SMS_GATEWAY = "tests.sms.test_worker.Scripted"
    Scripted.says, Scripted.calls = [], 0

    def script(*results):
        Scripted.says.extend(results)

    yield script
    Scripted.says = []


RETRY = SmsResult(SmsOutcome.RETRY, "HTTP 503", 503)
REFUSED = SmsResult(SmsOutcome.REFUSED, "error 21211", 400)
LOST = SmsResult(SmsOutcome.UNKNOWN, "Operation timed out")


def row(transaction_id):
    return SmsDelivery.objects.filter(transaction=transaction_id).latest("created_at")


@pytest.mark.parametrize(
    ("result", "told", "kinds", "state"),
    [
        (SmsResult(SmsOutcome.ACCEPTED), PENDING, [SENT], "done"),
        (REFUSED, ENDED, [FAILED, NOT_AUTHENTICATED], "failed"),
        (RETRY, PENDING, [FAILED], "due"),
        (LOST, PENDING, [UNKNOWN], "done"),
    ],
    ids=lambda value: getattr(value, "reason", None),
)
def test_every_outcome_shows_in_the_result_the_events_and_the_attempt(
    texts, sms_type, says, result, told, kinds, state
):
    says(result)
    started = texts.send(sms_type)
    assert texts.result(started) == told
    assert texts.kinds(started) == kinds
    assert row(started).state == state
    attempt = SmsAttempt.objects.get()
    assert (attempt.outcome, attempt.reason, attempt.status) == (result.outcome.value, result.reason, result.status)
    assert attempt.duration_ms is not None


def test_an_event_says_attempt_status_reason_and_when_it_goes_on(texts, sms_type, says):
    says(RETRY)
    started = texts.send(sms_type)
    [event] = [event for event in texts.events(started) if event.event_type == FAILED]
    assert (event.user_id, event.client_id) == ("anna", texts.portal.api_client.client_id)
    assert event.details["attempt"] == 1
    assert event.details["http_status"] == 503
    assert event.details["reason"] == "HTTP 503"
    assert event.details["next_attempt_at"] == row(started).due_at.isoformat()


def test_there_are_at_most_five_tries_at_the_documented_times(texts, says, later):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, time_to_live=600)
    says(*[RETRY] * 9)
    started = texts.send(mobile_type)
    for low, high in [(1, 2), (3, 6), (10, 20), (30, 60)]:
        wait = (row(started).due_at - timezone.now()).total_seconds()
        assert low - 0.5 <= wait <= high
        assert texts.result(started) == PENDING
        later(high)
        assert texts.work() == 1
    assert texts.attempts(started) == ["retry"] * 5
    assert texts.result(started) == ENDED
    later(300)
    assert texts.work() == 0
    assert Scripted.calls == 5


def test_a_try_that_would_come_after_the_codes_life_ends_it_now(texts, says):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, time_to_live=1)
    says(RETRY)
    assert texts.result(texts.send(mobile_type)) == ENDED


def test_a_retry_after_beyond_the_codes_life_ends_it_now(texts, sms_type, says):
    says(SmsResult(SmsOutcome.RETRY, "HTTP 429", 429, retry_after_seconds=301))
    assert texts.result(texts.send(sms_type)) == ENDED


def test_a_code_that_expired_or_was_cancelled_is_not_sent(texts, sms_type, says, later):
    cancelled = texts.start(sms_type)
    assert (
        texts.portal.client.delete(
            f"/oauth/api/v4/authenticate/transaction/{cancelled}", headers={"Authorization": texts.portal.authorization}
        ).status_code
        == 204
    )
    expired = texts.start(sms_type)
    later(301)
    assert texts.work() == 2
    assert texts.attempts(cancelled) == texts.attempts(expired) == ["not_needed"]
    assert Scripted.calls == 0


def test_an_accepted_message_is_never_sent_again_by_itself(texts, sms_type, says, later):
    texts.send(sms_type)
    later(200)
    assert texts.work() == 0
    assert Scripted.calls == 1


def test_an_unknown_outcome_is_sent_again_only_when_the_portal_asks(texts, sms_type, says, later):
    says(LOST)
    started = texts.send(sms_type)
    later(100)
    assert texts.work() == 0
    assert texts.resend(started).status_code == 204
    assert texts.work() == 1
    assert texts.attempts(started) == ["unknown", "accepted"]
    assert texts.verify(started, texts.code(started)).status_code == 200


def test_the_message_of_a_worker_that_died_in_its_call_is_not_sent_again(texts, sms_type, says, later):
    started = texts.start(sms_type)
    [claimed] = claims.claim(SmsDelivery, [row(started).pk])  # and here the worker dies
    later(23)
    assert texts.work() == 0
    later(1.5)
    assert texts.work() == 1
    assert Scripted.calls == 0
    assert texts.attempts(started) == ["", "unknown"]
    assert texts.kinds(started) == [UNKNOWN]
    assert texts.result(started) == PENDING
    assert texts.resend(started).status_code == 204
    texts.work()
    assert Scripted.calls == 1
    with transaction.atomic():
        assert claims.record_results([claims.AttemptResult(claimed, outbox.State.FAILED, "failed")]) == set()


def test_a_worker_that_died_in_its_second_try_leaves_an_unknown_outcome(texts, sms_type, says, later):
    says(RETRY)
    started = texts.send(sms_type)
    later(2.1)
    claims.claim(SmsDelivery, [row(started).pk])
    later(25)
    texts.work()
    assert texts.attempts(started) == ["retry", "", "unknown"]
    assert Scripted.calls == 1


def test_a_refusal_ends_it_without_a_callback(texts, sms_type, says):
    says(REFUSED)
    started = texts.send(sms_type, callback_uri="http://127.0.0.1:9/callback")
    assert texts.result(started) == ENDED
    assert not CallbackDelivery.objects.exists()
    assert "callback_uri" not in texts.portal.result(started).json()
    assert texts.verify(started, "000000").json()["error_code"] == "3004"


@pytest.mark.parametrize("first", [SmsResult(SmsOutcome.ACCEPTED), LOST], ids=["accepted", "unknown"])
def test_a_resend_that_fails_does_not_end_what_was_sent_before(texts, sms_type, says, first):
    says(first, REFUSED)
    started = texts.send(sms_type)
    assert texts.resend(started).status_code == 204
    texts.work()
    assert texts.result(started) == PENDING
    assert texts.verify(started, texts.code(started)).status_code == 200


def test_a_first_message_that_fails_after_its_resend_was_sent_does_not_end_it(texts, sms_type, says, later):
    says(RETRY)
    started = texts.send(sms_type)
    texts.resend(started)
    texts.work()
    says(REFUSED)
    later(2.1)
    texts.work()
    assert texts.attempts(started) == ["retry", "accepted", "refused"]
    assert texts.result(started) == PENDING


def test_a_message_that_is_put_off_does_not_hold_up_another_persons(texts, sms_type, service):
    service.script[NUMBER] = [{"status": 503, "headers": {"Retry-After": "60"}}]
    texts.start(sms_type)
    other = texts.start(sms_type, "bert", phone_number="+31687654321")
    texts.work()
    assert texts.attempts(other) == ["accepted"]
    assert [body["phone_number"] for body in bodies(service)] == [NUMBER, "+31687654321"]


def right_code(texts, started, later):
    assert texts.verify(started, texts.code(started)).status_code == 200


def three_wrong_codes(texts, started, later):
    for _ in range(3):
        texts.verify(started, "wrong")


def cancellation(texts, started, later):
    headers = {"Authorization": texts.portal.authorization}
    texts.portal.client.delete(f"/oauth/api/v4/authenticate/transaction/{started}", headers=headers)


def expiry(texts, started, later):
    later(301)
    lifecycle.expire_due()


def refusal(texts, started, later):
    Scripted.says.append(REFUSED)
    texts.work()


@pytest.mark.parametrize("end", [right_code, three_wrong_codes, cancellation, expiry, refusal])
def test_however_it_ends_the_copy_of_the_code_is_cleared(texts, sms_type, says, later, end):
    started = texts.start(sms_type)
    assert texts.code(started)
    end(texts, started, later)
    transaction = Transaction.objects.get(pk=started)
    assert transaction.status != "pending"
    assert transaction.code == ""
