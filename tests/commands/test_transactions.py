"""Commands that cancel, purge and show transactions."""

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
    """Return a function that starts a push, and answers it unless `approve` is None."""

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
    """Mark all deliveries as sent."""
    for queue in (PushDelivery, CallbackDelivery, SmsDelivery):
        queue.objects.update(state=state, ended_at=timezone.now())


def removed(*arguments):
    result = run("purge", *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_pending_transaction_is_cancelled_without_a_callback(start, portal, device):
    started = start()
    result = run("cancel_transaction", str(started.pk))
    assert (result.code, result.lines) == (0, [f"The transaction {started.pk} is cancelled."])
    assert portal.result(started.pk).json()["status"] == "cancelled"
    assert device.pending() == []
    assert not CallbackDelivery.objects.exists()
    event = Event.objects.get(event_type="MOBILE_AUTH_TRANSACTION_CANCELLED")
    assert (event.user_id, event.transaction_id, event.details) == ("anna", started.pk, {"who": "cancel_transaction"})


@pytest.mark.parametrize(
    "transaction_id", ["", "nonsense", "00000000-0000-4000-8000-000000000000", "{ended}", "{expired}"]
)
def test_ended_transaction_cannot_be_cancelled(start, transaction_id):
    ended, expired = start(approve=True), start()
    Transaction.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    transaction_id = transaction_id.format(ended=ended.pk, expired=expired.pk)
    rejected = run("cancel_transaction", transaction_id)
    assert (rejected.code, rejected.out) == (1, "")
    assert rejected.problems == [f"No pending transaction has the id “{transaction_id}”."]
    assert not Transaction.objects.filter(status="cancelled").exists()


def test_concurrent_cancellations_cancel_once(start):
    started = start()
    assert [run("cancel_transaction", str(started.pk)).code for _ in range(2)] == [0, 1]
    assert Event.objects.filter(event_type="MOBILE_AUTH_TRANSACTION_CANCELLED").count() == 1


def test_old_ended_transaction_is_deleted_with_its_deliveries(start):
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


def test_days_option_sets_the_age(start):
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
def test_transaction_with_undelivered_callback_is_kept(start, state):
    started = age(start(approve=True), 400)
    settle()
    CallbackDelivery.objects.update(state=state)
    assert (removed()["transactions"], removed()["callbacks"]) == (0, 0)
    assert Transaction.objects.get() == started
    CallbackDelivery.objects.update(state="done")
    assert removed()["transactions"] == 1


def test_transaction_with_due_work_is_kept(start):
    age(start(approve=True), 400)
    settle()
    PushDelivery.objects.update(state="due")
    assert removed()["transactions"] == 0


def test_pending_transaction_is_never_deleted(start):
    age(start(), 400)
    settle()
    assert removed("--days", "0")["transactions"] == 0
    run("expire_transactions")
    assert removed("--days", "30")["transactions"] == 0
    assert removed("--days", "0")["transactions"] == 1


def test_age_is_measured_from_the_end_of_a_transaction(start):
    started = age(start(approve=True), 40)
    Transaction.objects.filter(pk=started.pk).update(ended_at=timezone.now() - timedelta(days=20))
    settle()
    assert removed()["transactions"] == 0


def test_purge_of_several_batches_skips_kept_rows(start):
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


def test_used_and_expired_rows_are_deleted(device, portal, version):
    now = timezone.now()
    device.register_pin(PIN) if version.application.pin_enabled else None
    # The enrolment code of the device is used.
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


def test_numbers_are_printed_as_text():
    lines = run("purge").lines
    assert lines[0].split() == ["transactions:", "0"]
    assert len(lines) == 12


@pytest.mark.parametrize("option", ["--days", "--failed-access-days", "--events-days"])
@pytest.mark.parametrize("days", ["-1", "36501", "999999999999999"])
def test_invalid_days_are_one_line(days, option):
    rejected = run("purge", f"{option}={days}")
    assert (rejected.code, rejected.out, rejected.problems) == (1, "", [f"{option} must be from 0 to 36500."])


@pytest.fixture
def old_events(db):
    """Create a failed-access event and another event of 401, 100 and 10 days ago each."""
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
    """Return a device whose user has a PIN."""
    version = factories.ApplicationVersionFactory(
        application__pin_enabled=True,
        application__fingerprint_enabled=True,
        application__custom_authenticators=["face"],
    )
    phone = enroll(version=version)
    register_all(phone)
    return phone


def test_pin_attempts_of_a_transaction_are_shown(portal, mobile_type, pin_phone):
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


def test_verified_signature_is_shown_without_the_signing_data(portal, mobile_type, pin_phone):
    mobile_type.transaction_signing = True
    mobile_type.save()
    started = portal.start(mobile_type, pin_phone, signing_data="Pay 5 euro to Eve").json()["transaction_id"]
    assert "signature_verified" not in json.loads(run("show_transaction", started, "--json").out)
    pin_phone.answer(pin_phone.fetch(started), approve=True)
    result = run("show_transaction", started, "--json")
    assert json.loads(result.out)["signature_verified"] is True
    assert "euro" not in result.out
    assert "used_authentication_attempts" not in json.loads(result.out)
