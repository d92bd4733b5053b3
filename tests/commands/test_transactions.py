"""Cancelling, purging and looking closely at transactions."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.callbacks.models import CallbackAttempt, CallbackDelivery, FailingCallbackUrl
from apps.enrollment.models import EnrollmentCode, UsedNonce
from apps.events.models import Event
from apps.geocontext.models import LocatedAddress
from apps.outbox import claims
from apps.transactions import purge
from apps.transactions.models import (
    IdempotentRequest,
    PushAttempt,
    PushDelivery,
    RejectedAnswer,
    SmsDelivery,
    Transaction,
)
from tests import factories
from tests.commands.command_runner import run
from tests.users.conftest import PIN, register_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def start(portal, mobile_type, device):
    """Start a push, and answer it unless `approve` is None."""

    def begin(approve=None):
        started = portal.start(mobile_type, device).json()["transaction_id"]
        if approve is not None:
            device.answer(device.fetch(started), approve=approve)
        return Transaction.objects.get(pk=started)

    return begin


def age(transaction, days):
    """Move a transaction into the past."""
    ago = timedelta(days=days)
    transaction.created_at -= ago
    transaction.expires_at -= ago
    transaction.ended_at = transaction.ended_at and transaction.ended_at - ago
    transaction.save()
    return transaction


def settle(state="done"):
    """Let a worker have ended all that was to be sent."""
    for queue in (PushDelivery, CallbackDelivery, SmsDelivery):
        queue.objects.update(state=state, ended_at=timezone.now())


def removed(*arguments):
    ran = run("purge", *arguments, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_any_pending_transaction_is_cancelled_without_a_callback(start, portal, device):
    started = start()
    ran = run("cancel_transaction", str(started.pk))
    assert (ran.code, ran.lines) == (0, [f"The transaction {started.pk} is cancelled."])
    assert portal.result(started.pk).json()["status"] == "cancelled"
    assert device.pending() == []
    assert not CallbackDelivery.objects.exists()
    event = Event.objects.get(event_type="MOBILE_AUTH_TRANSACTION_CANCELLED")
    assert (event.user_id, event.transaction_id, event.details) == ("anna", started.pk, {"who": "cancel_transaction"})


@pytest.mark.parametrize("given", ["", "nonsense", "00000000-0000-4000-8000-000000000000", "{ended}", "{expired}"])
def test_what_is_not_pending_cannot_be_cancelled(start, given):
    ended, expired = start(approve=True), start()
    Transaction.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    given = given.format(ended=ended.pk, expired=expired.pk)
    refused = run("cancel_transaction", given)
    assert (refused.code, refused.out) == (1, "")
    assert refused.problems == [f"No pending transaction has the id “{given}”."]
    assert not Transaction.objects.filter(status="cancelled").exists()


def test_cancelling_twice_is_cancelling_once(start):
    started = start()
    assert [run("cancel_transaction", str(started.pk)).code for _ in range(2)] == [0, 1]
    assert Event.objects.filter(event_type="MOBILE_AUTH_TRANSACTION_CANCELLED").count() == 1


def test_what_ended_long_ago_is_removed_with_all_that_hangs_on_it(start):
    old, young, pending = age(start(approve=True), 31), age(start(approve=True), 29), start()
    row = CallbackDelivery.objects.get(transaction_id=old.pk)
    claims.claim(CallbackDelivery, [row.pk])
    claims.claim(PushDelivery, [PushDelivery.objects.get(transaction=old).pk])
    RejectedAnswer.objects.create(transaction=old, digest="x", error="InvalidPin")
    settle()
    events = Event.objects.count()
    assert removed()["transactions"] == 1
    assert set(Transaction.objects.all()) == {young, pending}
    assert [callback.transaction_id for callback in CallbackDelivery.objects.all()] == [young.pk]
    assert set(PushDelivery.objects.values_list("transaction", flat=True)) == {young.pk, pending.pk}
    for model in (RejectedAnswer, PushAttempt, CallbackAttempt):
        assert not model.objects.exists()
    assert Event.objects.count() == events
    assert removed()["transactions"] == 0


def test_days_say_how_long_ago(start):
    started = age(start(approve=True), 3)
    settle()
    assert removed("--days", "4")["transactions"] == 0
    assert removed("--days", "3") == {
        "transactions": 1,
        "callbacks": 1,
        "failed_access_events": 0,
        "events": 0,
        "enrollment_codes": 0,
        "nonces": 0,
        "located_addresses": 0,
        "failing_addresses": 0,
        "idempotent_requests": 0,
        "sessions": 0,
        "failed_sign_ins": 0,
        "server_keys": 0,
    }
    assert not Transaction.objects.filter(pk=started.pk).exists()


@pytest.mark.parametrize("state", ["due", "failed"])
def test_an_undelivered_callback_keeps_its_transaction(start, state):
    started = age(start(approve=True), 400)
    settle()
    CallbackDelivery.objects.update(state=state)
    assert (removed()["transactions"], removed()["callbacks"]) == (0, 0)
    assert Transaction.objects.get() == started
    CallbackDelivery.objects.update(state="done")
    assert removed()["transactions"] == 1


def test_what_a_worker_has_still_to_look_at_is_kept(start):
    age(start(approve=True), 400)
    settle()
    PushDelivery.objects.update(state="due")
    assert removed()["transactions"] == 0


def test_a_pending_transaction_is_never_removed(start):
    age(start(), 400)
    settle()
    assert removed("--days", "0")["transactions"] == 0
    run("expire_transactions")
    assert removed("--days", "30")["transactions"] == 0
    assert removed("--days", "0")["transactions"] == 1


def test_the_days_of_an_end_count_and_not_those_of_a_start(start):
    started = age(start(approve=True), 40)
    Transaction.objects.filter(pk=started.pk).update(ended_at=timezone.now() - timedelta(days=20))
    settle()
    assert removed()["transactions"] == 0


def test_more_than_a_batch_goes_and_what_stays_is_passed_over(start):
    template = age(start(approve=True), 100)
    settle()
    rows = []
    for number in range(purge.BATCH * 2 + 10):
        values = {field.attname: template.__dict__[field.attname] for field in Transaction._meta.concrete_fields}
        rows.append(Transaction(**{**values, "id": uuid4()}))
        if number % 2:
            rows[-1].created_at -= timedelta(seconds=number)
    Transaction.objects.bulk_create(rows)
    kept = rows[:: len(rows) // 9]
    CallbackDelivery.objects.bulk_create(
        CallbackDelivery(transaction_id=row.pk, url="http://127.0.0.1:9", state="failed") for row in kept
    )
    assert removed()["transactions"] == len(rows) + 1 - len(kept)
    assert set(Transaction.objects.all()) == set(kept)


def test_used_and_expired_things_are_removed(device, portal, version):
    now = timezone.now()
    device.register_pin(PIN) if version.application.pin_enabled else None
    # The code with which the device enrolled is used.
    assert EnrollmentCode.objects.filter(used_at__isnull=False).count() == 1
    live, expired = (
        EnrollmentCode.objects.create(code_hash=name, user_id="anna", application=version.application) for name in "ab"
    )
    EnrollmentCode.objects.filter(pk=expired.pk).update(expires_at=now)
    UsedNonce.objects.all().delete()
    profile = device_profile(device)
    UsedNonce.objects.create(profile=profile, nonce_hash="old", expires_at=now)
    UsedNonce.objects.create(profile=profile, nonce_hash="new", expires_at=now + timedelta(minutes=5))
    long_ago = now - timedelta(days=8)
    for name, moment in (("old", long_ago), ("new", now)):
        LocatedAddress.objects.create(key=name, country_code="NL", located_at=moment)
        failing = {"url": f"https://{name}.example.com/", "failures": 3, "failing_since": long_ago}
        FailingCallbackUrl.objects.create(**failing, last_failed_at=moment)
    client = portal.api_client
    for name, moment in (("old", now), ("new", now + timedelta(minutes=5))):
        IdempotentRequest.objects.create(client=client, key_hash=name, request_digest="x", expires_at=moment)
    for name, moment in (("old", now - timedelta(minutes=16)), ("new", now - timedelta(minutes=14))):
        AccessAttempt.objects.create(username=name, failures_since_start=1)
        AccessAttempt.objects.filter(username=name).update(attempt_time=moment)
        Session.objects.create(session_key=name, session_data="", expire_date=moment + timedelta(minutes=15))
    assert removed() == {
        "transactions": 0,
        "callbacks": 0,
        "failed_access_events": 0,
        "events": 0,
        "enrollment_codes": 2,
        "nonces": 1,
        "located_addresses": 1,
        "failing_addresses": 1,
        "idempotent_requests": 1,
        "sessions": 1,
        "failed_sign_ins": 1,
        "server_keys": 0,
    }
    assert EnrollmentCode.objects.get() == live
    assert UsedNonce.objects.get().nonce_hash == "new"
    assert LocatedAddress.objects.get().key == "new"
    assert FailingCallbackUrl.objects.get().url == "https://new.example.com/"
    assert IdempotentRequest.objects.get().key_hash == "new"
    assert AccessAttempt.objects.get().username == Session.objects.get().pk == "new"
    assert set(removed().values()) == {0}


def device_profile(device):
    from apps.enrollment.models import Profile

    return Profile.objects.get(device__device_id=device.device_id)


def test_numbers_are_printed_for_people():
    lines = run("purge").lines
    assert lines[0].split() == ["transactions:", "0"]
    assert len(lines) == 12


@pytest.mark.parametrize("option", ["--days", "--failed-access-days", "--events-days"])
@pytest.mark.parametrize("days", ["-1", "36501", "999999999999999"])
def test_days_that_cannot_be_are_one_line(days, option):
    refused = run("purge", f"{option}={days}")
    assert (refused.code, refused.out, refused.problems) == (1, "", [f"{option} must be from 0 to 36500."])


@pytest.fixture
def old_events(db):
    """A failed access and another event, each of 401, 100 and 10 days ago."""
    now = timezone.now()
    return Event.objects.bulk_create(
        Event(event_type=event_type, occurred=now - timedelta(days=days))
        for event_type in ("ADMIN_SIGN_IN_FAILED", "MOBILE_AUTH_AUTHENTICATED")
        for days in (401, 100, 10)
    )


@pytest.mark.parametrize(
    ("arguments", "failed_access", "others"),
    [
        ([], 1, 0),
        (["--failed-access-days", "99"], 2, 0),
        (["--events-days", "99"], 1, 3),
        (["--failed-access-days", "0", "--events-days", "401"], 3, 1),
    ],
)
def test_purge_deletes_events_older_than_their_days(old_events, arguments, failed_access, others):
    found = removed(*arguments)
    assert (found["failed_access_events"], found["events"]) == (failed_access, others)
    assert Event.objects.count() == len(old_events) - failed_access - others
    assert (removed(*arguments)["failed_access_events"], removed(*arguments)["events"]) == (0, 0)


@pytest.fixture
def pin_phone(enroll):
    """A phone whose user has a PIN."""
    version = factories.ApplicationVersionFactory(
        application__pin_enabled=True,
        application__fingerprint_enabled=True,
        application__custom_authenticators=["face"],
    )
    phone = enroll(version=version)
    register_all(phone)
    return phone


def test_the_judged_pins_of_a_transaction_are_shown(portal, mobile_type, pin_phone):
    mobile_type.method = "push_with_pin"
    mobile_type.save()
    started = portal.start(mobile_type, pin_phone).json()["transaction_id"]
    challenge = pin_phone.fetch(started)
    with pytest.raises(Exception, match="invalid_pin"):
        pin_phone.answer(challenge, approve=True, pin="00000")
    pin_phone.answer(challenge, approve=True, pin=PIN)
    shown = json.loads(run("show_transaction", started, "--json").out)
    assert shown["used_authentication_attempts"] == 2
    assert shown["used_authentication_attempts"] == portal.result(started).json()["used_authentication_attempts"]
    assert "signature_verified" not in shown


def test_a_verified_signature_is_shown_and_what_was_signed_is_not(portal, mobile_type, pin_phone):
    mobile_type.transaction_signing = True
    mobile_type.save()
    started = portal.start(mobile_type, pin_phone, signing_data="Pay 5 euro to Eve").json()["transaction_id"]
    assert "signature_verified" not in json.loads(run("show_transaction", started, "--json").out)
    pin_phone.answer(pin_phone.fetch(started), approve=True)
    ran = run("show_transaction", started, "--json")
    assert json.loads(ran.out)["signature_verified"] is True
    assert "euro" not in ran.out
    assert "used_authentication_attempts" not in json.loads(ran.out)
