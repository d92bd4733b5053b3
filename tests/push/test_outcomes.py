"""The contract of every kind of push: what becomes of a push, its transaction and its phone for each answer."""

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
from tests.push import kinds
from tests.push.conftest import ENDED, NO_FAULT, PENDING, PHONE_NUMBER, assert_failed

pytestmark = pytest.mark.django_db(transaction=True)
ACCEPTED_EVENT = "PUSH_AUTH_PUSH_SERVICE_ACCEPTED_NOTIFICATION"
ROOM = 0.5
LONG_TEXTS = ["a b" * 2000, "😀" * 2000, '"\\' * 2000, "é—" * 2000]


def test_an_accepted_push_waits_for_the_phone(sent, pushes, heard, phone, version, fault):
    transaction_id = sent()
    assert pushes.attempts(transaction_id) == [("accepted", "")]
    assert pushes.result(transaction_id) == PENDING
    assert len(heard()) == 1
    [event] = pushes.events(transaction_id, ACCEPTED_EVENT)
    assert event.details["configuration"] == version.push_messaging_configuration.name
    assert (event.details["http_status"], event.details["attempt"]) == (200, 1)
    assert fault() == NO_FAULT
    assert pushes.work() == 0
    assert phone.answer(phone.fetch(transaction_id), approve=True) == "authenticated"


def test_each_word_of_the_provider_means_what_its_documentation_says(sent, pushes, kind, phone, token, still):
    for answer, reason, outcome in kind.words:
        transaction_id = sent(answer)
        assert pushes.attempts(transaction_id) == [(outcome, reason)]
        assert pushes.result(transaction_id) == (PENDING if outcome == kinds.RETRY else ENDED), reason
        assert PushEnrollment.objects.exists() == (outcome != kinds.DEAD), reason
        assert bool(PushMessagingConfiguration.objects.get().delivery_error) == (outcome == kinds.MISCONFIGURED), reason
        PushMessagingConfiguration.objects.update(
            delivery_error="", delivery_error_destination="", delivery_error_at=None
        )
        phone.enroll_push(token)


@pytest.mark.parametrize("status", [301, 302, 308, 400, 404, 405, 410, 415])
def test_an_answer_without_a_word_of_the_provider_is_a_fault_of_the_address(sent, pushes, kind, status, fault):
    transaction_id = sent({"status": status, "headers": {"location": "https://example.com/"}, "body": "<html>"})
    assert_failed(pushes, transaction_id, kinds.MISCONFIGURED, f"HTTP {status}")
    assert fault()[0] == f"HTTP {status}"
    assert PushEnrollment.objects.exists()


def start_three(pushes, mobile_type, version, enroll):
    """Start a push for each of three users; returns their transactions and push tokens by user."""
    tokens = {user: kinds.push_token() for user in ("anna", "bert", "carl")}
    phones = {user: enroll(user, push_token=token, version=version) for user, token in tokens.items()}
    return {user: pushes.start(mobile_type, phone, user) for user, phone in phones.items()}, tokens


@pytest.mark.parametrize(("status", "outcome"), [(500, kinds.RETRY), (400, kinds.MISCONFIGURED)])
def test_an_answer_that_nobody_can_read_costs_only_its_own_push(
    pushes, kind, mobile_type, version, enroll, stand_in, status, outcome
):
    started, tokens = start_three(pushes, mobile_type, version, enroll)
    stand_in.script[tokens["bert"]] = [{"status": status, "body": kinds.DEEP}]
    assert pushes.work() == 3
    told = {user: pushes.attempts(transaction_id) for user, transaction_id in started.items()}
    assert told == {"anna": [("accepted", "")], "bert": [(outcome, f"HTTP {status}")], "carl": [("accepted", "")]}


def test_a_fault_in_judging_an_answer_costs_only_its_own_push(
    pushes, kind, mobile_type, version, enroll, stand_in, monkeypatch
):
    started, tokens = start_three(pushes, mobile_type, version, enroll)
    stand_in.script[tokens["bert"]] = [{"status": 503, "headers": {"retry-after": "soon"}}]
    monkeypatch.setattr(base, "parse_retry_after", lambda text: 1 / 0 if text else None)
    assert pushes.work() == 3
    told = {user: pushes.attempts(transaction_id) for user, transaction_id in started.items()}
    lost = [("retry", "not an answer of the push service")]
    assert told == {"anna": [("accepted", "")], "bert": lost, "carl": [("accepted", "")]}


def test_a_dead_token_is_removed_and_the_enrolment_stays(sent, pushes, kind, phone, event_types):
    answer, reason = kind.dead
    transaction_id = sent(answer)
    assert_failed(pushes, transaction_id, kinds.DEAD, reason)
    assert not PushEnrollment.objects.exists()
    assert "PUSH_ENROLLMENT_DROP_DEAD_PUSH_TOKEN" in event_types()
    assert Profile.objects.get().profile_id == phone.profile_id
    assert phone.pending() == []


def test_a_token_enrolled_while_the_push_to_the_dead_one_was_under_way_stays(
    pushes, kind, mobile_type, phone, token, stand_in
):
    transaction_id = pushes.start(mobile_type, phone)
    new = kinds.push_token()
    with pushes.in_flight(stand_in, token, kind.dead[0]):
        phone.enroll_push(new)
    assert PushEnrollment.objects.get().token == new
    # The new one gets the push.
    with time_machine.travel(timezone.now() + timedelta(seconds=3)):
        assert pushes.work() == 1
    assert [outcome for outcome, _reason in pushes.attempts(transaction_id)] == ["retry", "accepted"]
    assert len(stand_in.wait(new, 1, 200, 5)) == 1


def test_a_push_that_fails_for_good_ends_nothing_while_another_waits(pushes, kind, phone, stand_in, token, portal):
    mobile_type = factories.TypeFactory(method="push", max_resends=1)
    refused = next(answer for answer, _reason, outcome in kind.words if outcome == kinds.REFUSED)
    later = next(answer for answer, _reason, outcome in kind.words if outcome == kinds.RETRY)
    stand_in.script[token] = [later, refused]
    transaction_id = pushes.send(mobile_type, phone)
    assert portal.post(f"/oauth/api/v4/authenticate/transaction/{transaction_id}/resend", {}).status_code == 204
    first = PushDelivery.objects.filter(transaction=transaction_id).earliest("created_at")
    PushDelivery.objects.filter(pk=first.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    PushDelivery.objects.exclude(pk=first.pk).update(due_at=timezone.now() + timedelta(seconds=30))
    assert pushes.work() == 1
    assert pushes.result(transaction_id) == PENDING
    PushDelivery.objects.filter(state="due").update(due_at=timezone.now())
    stand_in.script[token] = [refused]
    assert pushes.work() == 1
    assert pushes.result(transaction_id) == ENDED


def test_the_next_request_after_a_dead_token_falls_back_at_once(sent, portal, kind, phone, with_fallback, mobile_type):
    sent(kind.dead[0], mobile_type=with_fallback)
    assert portal.start(with_fallback, phone, phone_number=PHONE_NUMBER).json()["auth_method"] == "sms"
    assert error_of(portal.start(mobile_type, phone)) == (404, "1001")


def test_a_new_token_after_a_dead_one_works_again(sent, pushes, kind, phone, mobile_type, stand_in, version):
    sent(kind.dead[0])
    new = kinds.push_token()
    phone.enroll_push(new)
    transaction_id = pushes.send(mobile_type, phone)
    assert pushes.attempts(transaction_id) == [("accepted", "")]
    assert len(stand_in.wait(new, 1, None, 0)) == 1


def test_a_push_that_the_provider_puts_off_is_tried_again(sent, pushes, kind, later):
    answer, reason = kind.later
    transaction_id = sent(answer)
    assert pushes.attempts(transaction_id) == [("retry", reason)]
    assert 1 - ROOM <= pushes.due_in(transaction_id) <= 2
    [event] = pushes.events(transaction_id)
    assert event.details["reason"] == reason
    assert event.details["next_attempt_at"]
    later(2)
    assert pushes.work() == 1
    assert pushes.attempts(transaction_id)[1:] == [("accepted", "")]
    assert pushes.result(transaction_id) == PENDING


def test_retry_after_is_waited_for(sent, pushes, kind, later):
    transaction_id = sent(kind.put_off)
    assert 7 - ROOM <= pushes.due_in(transaction_id) <= 7
    later(6)
    assert pushes.work() == 0
    later(1)
    assert pushes.work() == 1
    assert [outcome for outcome, _reason in pushes.attempts(transaction_id)] == ["retry", "accepted"]


def test_there_are_five_tries_and_the_last_is_final(sent, pushes, kind, later, stand_in, token, heard):
    answer, reason = kind.later
    transaction_id = sent({**answer, "repeat": True})
    for low, high in [(1, 2), (3, 6), (10, 20), (30, 60)]:
        assert low - ROOM <= pushes.due_in(transaction_id) <= high
        assert pushes.result(transaction_id) == PENDING
        later(high)
        assert pushes.work() == 1
    assert pushes.attempts(transaction_id) == [("retry", reason)] * 5
    assert_failed(pushes, transaction_id, "retry", reason)
    later(150)
    assert pushes.work() == 0
    assert len(heard()) == 5


def test_no_try_comes_after_the_transactions_end(sent, pushes, kind):
    short = factories.TypeFactory(time_to_live=1)
    assert_failed(pushes, sent(kind.later[0], mobile_type=short), "retry", kind.later[1])


def test_a_retry_after_beyond_the_transactions_end_is_final(sent, pushes, kind):
    short = factories.TypeFactory(time_to_live=6)
    assert pushes.result(sent(kind.put_off, mobile_type=short)) == ENDED


def test_what_ended_meanwhile_is_not_sent_again(sent, pushes, kind, later, phone, heard):
    transaction_id = sent(kind.later[0])
    assert phone.answer(phone.fetch(transaction_id), approve=False) == "not_authenticated"
    later(2)
    assert pushes.work() == 1
    assert len(heard()) == 1
    assert pushes.attempts(transaction_id)[-1] == ("not_needed", "")


def test_a_long_message_is_shortened_and_never_its_ids(sent, kind, heard, phone, settings):
    settings.MESSAGE_MAX_LENGTH = 10_000
    for text in LONG_TEXTS:
        transaction_id = sent(message=text)
        record = heard()[-1]
        shown, *ids = kind.content(json.loads(record["body"]))
        assert record["status"] == 200
        assert ids == [transaction_id, phone.profile_id]
        assert shown.endswith("…")
        assert text.startswith(shown[:-1])
        assert 4080 < len(record["body"].encode()) <= 4096


@pytest.mark.parametrize("fault", ["reset", "garbage"])
def test_a_fault_on_the_way_is_tried_again(sent, pushes, kind, later, stand_in, token, fault):
    answer, reason = ({"reset": True}, "") if fault == "reset" else kind.garbage
    transaction_id = sent({**answer, "repeat": True})
    [(outcome, told)] = pushes.attempts(transaction_id)
    assert outcome == "retry"
    assert told == reason or (not reason and told)
    assert pushes.result(transaction_id) == PENDING
    stand_in.script[token] = []
    later(2)
    pushes.work()
    assert pushes.attempts(transaction_id)[1:] == [("accepted", "")]


def test_a_provider_that_cannot_be_reached_is_tried_again(sent, pushes, kind, later, settings, version):
    addresses = settings.PUSH_APNS_PRODUCTION_URL, version.push_messaging_configuration.endpoint
    nowhere = "https://localhost:9" if kind.stand_in == "apple" else "http://127.0.0.1:9/send"
    configuration = version.push_messaging_configuration

    def lead_to(apns_url, endpoint):
        settings.PUSH_APNS_PRODUCTION_URL = apns_url
        configuration.endpoint = endpoint
        configuration.save()

    lead_to(nowhere, nowhere)
    transaction_id = sent()
    [(outcome, reason)] = pushes.attempts(transaction_id)
    assert outcome == "retry"
    assert "connect" in reason.lower()
    assert pushes.events(transaction_id)[0].details["reason"] == reason
    lead_to(*addresses)
    later(2)
    pushes.work()
    assert pushes.attempts(transaction_id)[1:] == [("accepted", "")]


def test_the_phone_lists_and_answers_what_it_got_no_push_for(sent, pushes, kind, phone):
    late, lost = sent(kind.later[0]), sent()
    assert [listed["transaction_id"] for listed in phone.pending()] == [late, lost]
    assert phone.answer(phone.fetch(late), approve=True) == "authenticated"
    assert phone.answer(phone.fetch(lost), approve=False) == "not_authenticated"


def test_the_phone_answers_while_its_push_hangs(pushes, mobile_type, phone, token, stand_in):
    transaction_id = pushes.start(mobile_type, phone)
    with pushes.in_flight(stand_in, token):
        assert [listed["transaction_id"] for listed in phone.pending()] == [transaction_id]
        assert phone.answer(phone.fetch(transaction_id), approve=True) == "authenticated"
    assert pushes.result(transaction_id) == ("authenticated", None)
    assert pushes.attempts(transaction_id) == [("accepted", "")]


@pytest.mark.skipif(servers.BACKEND == "sqlite", reason="keeps its connections")
def test_no_database_connection_is_held_while_the_provider_thinks(pushes, mobile_type, phone, token, stand_in):
    pushes.start(mobile_type, phone)
    with pushes.in_flight(stand_in, token):
        assert pushes.workers_connection.connection is None
