"""Transactions in the console and in support commands."""

import json
import re
from uuid import uuid4

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from apps.callbacks.models import CallbackAttempt, CallbackDelivery
from apps.enrollment.models import PushEnrollment
from apps.events.models import Event
from apps.events.names import NAMES
from apps.events.types import EVENT_TYPES, EventTypes
from apps.outbox import claims
from apps.sms.gateways.memory import MemoryGateway
from apps.system.models import Features, GeneralConfiguration
from apps.transactions.methods.sms import delivery as sms_delivery
from apps.transactions.models import (
    ContextAttempt,
    ContextLookup,
    PushAttempt,
    PushDelivery,
    SmsDelivery,
    Transaction,
)
from tests import factories
from tests.commands.command_runner import run
from tests.console.conftest import sign_in_again
from tests.console.test_roles import sign_in_as

NUMBER = "+31612345678"
START = "/oauth/api/v4/authenticate/user"


@pytest.fixture
def sms_transaction(transactional_db, portal, settings):
    """SMS transaction with a sent code, a wrong code and a pending resend."""
    settings.SMS_GATEWAY = "memory"
    MemoryGateway.sent_messages.clear()
    mobile_type = factories.TypeFactory(method="sms", max_attempts=3, max_resends=2, sms_sender_id="Shop")
    fields = {"type": mobile_type.name, "user_id": "anna", "phone_number": NUMBER, "message": "Code {code}"}
    assert portal.post(START, fields).status_code == 200
    transaction = Transaction.objects.get(method="sms")
    [claimed] = claims.claim(SmsDelivery, [SmsDelivery.objects.get().pk])
    sms_delivery.deliver(claimed)
    data = {"transaction_id": str(transaction.pk), "sms_code": "nonsense"}
    assert portal.post(f"{START}/anna/sms", data).json()["error_code"] == "3003"
    again = portal.post(f"{START}/anna/sms/resend", {"transaction_id": str(transaction.pk)})
    assert again.status_code == 204
    return transaction


def detail_page(console, transaction):
    return console.get(f"/admin/transactions/transaction/{transaction.pk}/change/")


def test_sms_timeline_contains_attempts(console, sms_transaction):
    timeline = detail_page(console, sms_transaction).context["timeline"]
    assert [(entry.title, entry.tone) for entry in timeline] == [
        ("SMS started", "plain"),
        ("Text message, attempt 1: accepted", "good"),
        ("Wrong SMS code", "bad"),
        ("SMS resent", "plain"),
        ("Text message is due", "waiting"),
    ]
    assert timeline[1].facts[0] == "from Shop"


@pytest.mark.parametrize(("resends", "omitted"), [(0, []), (2, ["2 events in between are not shown"])])
def test_long_timeline_keeps_first_and_last_entries(console, portal, resends, omitted):
    mobile_type = factories.TypeFactory(method="sms", max_attempts=0, max_resends=2)
    fields = {"type": mobile_type.name, "user_id": "anna", "phone_number": NUMBER, "message": "Code {code}"}
    assert portal.post(START, fields).status_code == 200
    transaction = Transaction.objects.get()

    def post(outcome, **fields):
        return portal.post(f"{START}/anna/sms{outcome}", {"transaction_id": str(transaction.pk), **fields}).status_code

    assert [post("/resend") for _number in range(resends)] == [204] * resends
    assert {post("", sms_code="nonsense") for _number in range(99)} == {404}
    assert post("", sms_code=transaction.code) == 200
    page = detail_page(console, transaction)
    titles = [entry.title for entry in page.context["timeline"] if entry.tone != "waiting"]
    wrong = ["Wrong SMS code"] * 99
    assert titles == ["SMS started", *omitted, *wrong, "User authenticated by SMS"]
    # Repeated failures have one link.
    assert page.content.count(b'href="/docs/errors/3003.html"') == 1


def test_failed_authentications_are_marked_in_timeline(console, sms_transaction):
    failures = [event_type for event_type in EVENT_TYPES if "_NOT_AUTHENTICATED_" in event_type] + [
        "SMS_AUTH_USER_LOCKED"
    ]
    assert "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_NUMBER" in failures
    now = timezone.now()
    Event.objects.all().delete()
    Event.objects.bulk_create(
        Event(event_type=event_type, transaction_id=sms_transaction.pk, occurred=now) for event_type in failures
    )
    shown = [entry for entry in detail_page(console, sms_transaction).context["timeline"] if entry.at == now]
    assert [(entry.title, entry.tone) for entry in shown] == [
        (str(NAMES[event_type]), "bad") for event_type in failures
    ]
    assert "info" not in {entry.icon for entry in shown}


def test_sms_transaction_shows_counts_and_masked_number(console, sms_transaction):
    page = detail_page(console, sms_transaction).content.decode()
    assert "1 of 3" in page
    assert "1 of 2" in page
    assert "…678" in page
    Transaction.objects.update(max_attempts=0)
    assert "1, no limit until it expires" in detail_page(console, sms_transaction).content.decode()


def test_phone_number_and_code_are_not_shown(console, sms_transaction):
    [(message, _sender)] = MemoryGateway.sent_messages
    sms_transaction.refresh_from_db()
    hidden = [NUMBER, NUMBER[1:], message.code, sms_transaction.code_hash]
    pages = [
        "/admin/transactions/transaction/",
        f"/admin/transactions/transaction/{sms_transaction.pk}/change/",
        "/admin/",
    ]
    pages += ["/admin/transactions/transaction/?q=anna", "/admin/events/event/"]
    shown = [console.get(path).content.decode() for path in pages]
    shown += [run(*command).out for command in (("show_transaction", str(sms_transaction.pk)), ("list_transactions",))]
    for content in shown:
        assert [text for text in hidden if text in content] == []


def test_undecryptable_number_is_not_an_error(console, sms_transaction, settings):
    settings.FIELD_ENCRYPTION_KEYS = [b"1" * 32]
    sign_in_again(console)
    assert detail_page(console, sms_transaction).status_code == 200


def test_show_transaction_shows_sms_deliveries(sms_transaction):
    shown = json.loads(run("show_transaction", str(sms_transaction.pk), "--json").out)
    assert [(text["state"], text["outcome"]) for text in shown["text_messages"]] == [("done", "accepted"), ("due", "")]
    assert (shown["attempts_used"], shown["resends_used"]) == (1, 1)


def test_otp_transaction_shows_user(console, portal, device):
    mobile_type = factories.TypeFactory(method="otp")
    fields = {"type": mobile_type.name, "callback_uri": "http://127.0.0.1:9/callback"}
    otp = portal.post(START, fields).json()["otp"]
    transaction = Transaction.objects.get()
    before = detail_page(console, transaction)
    assert before.context["timeline"][0].title == "One-time password started"
    device.claim_otp(otp)
    after = detail_page(console, transaction).content.decode()
    assert device.device_id in after
    assert otp not in before.content.decode() + after


def test_sms_events_can_be_filtered(console, sms_transaction):
    page = console.get("/admin/events/event/?event_type=SMS_AUTH_INIT_MESSAGE_SENT")
    assert [event.user_id for event in page.context["cl"].result_list] == ["anna"]
    assert '<option value="SMS_RESEND_SUCCEEDED"' in page.content.decode()


@pytest.fixture
def push_transaction(portal, device):
    """Pending push transaction with two resends and content for the device only."""
    mobile_type = factories.TypeFactory(max_resends=2, transaction_signing=True)
    secret = {"secure_message": "Pay 12.50 to Bert", "signing_data": "12.50;NL91"}
    assert portal.start(mobile_type, device, **secret).status_code == 200
    return Transaction.objects.get()


def button(transaction, name):
    return f"/admin/transactions/transaction/{transaction.pk}/{name}/"


def message_text(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def press(console, path):
    """Open the confirmation page and submit it."""
    fields = re.findall(r'name="(state_token)" value="([^"]*)"', console.get(path).content.decode())
    return console.post(path, dict(fields))


def test_cancellation_sends_no_callback(console, push_transaction, portal):
    path = button(push_transaction, "cancel")
    assert f'href="{path}"' in detail_page(console, push_transaction).content.decode()
    assert "Cancel this transaction of “anna”?" in console.get(path).content.decode()
    assert Transaction.objects.get().status == "pending"
    assert "The transaction is cancelled." in message_text(console.post(path))
    assert portal.result(push_transaction.pk).json()["status"] == "cancelled"
    assert not CallbackDelivery.objects.exists()
    assert "has ended" in message_text(console.post(path))
    assert "has ended" in console.get(path).content.decode()
    [event] = Event.objects.filter(event_type="MOBILE_AUTH_TRANSACTION_CANCELLED")
    assert event.details["who"] == "olga"
    page = detail_page(console, push_transaction)
    assert path not in page.content.decode()
    assert ("by olga",) in [entry.facts for entry in page.context["timeline"]]


def test_push_resends_share_limit_with_portal(console, push_transaction, portal):
    path = button(push_transaction, "send-again")
    assert "0 of 2 resends are used." in console.get(path).content.decode()
    assert PushDelivery.objects.count() == 1
    assert "being resent" in message_text(press(console, path))
    assert PushDelivery.objects.count() == 2
    assert portal.post(f"/oauth/api/v4/authenticate/transaction/{push_transaction.pk}/resend", {}).status_code == 204
    assert "the resend limit is reached" in console.get(path).content.decode()
    assert path not in detail_page(console, push_transaction).content.decode()
    assert "The resend limit of this transaction is reached." in message_text(console.post(path, {"state_token": "2"}))
    assert PushDelivery.objects.count() == 3
    events = Event.objects.filter(event_type="PUSH_AUTH_RESEND_SUCCESS").order_by("id")
    assert [event.details.get("who") for event in events] == ["olga", None]
    assert Event.objects.get(event_type="PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED").details["who"] == "olga"


def test_repeated_form_resends_once(console, push_transaction):
    path = button(push_transaction, "send-again")
    for state_token in ("0", "0", "1000", "-1", "²", "x", ""):
        console.post(path, {"state_token": state_token})
    assert PushDelivery.objects.count() == 2
    assert Transaction.objects.get().resends_used == 1


def test_sms_is_resent_within_limit(console, sms_transaction):
    path = button(sms_transaction, "send-again")
    assert "The message and the code stay the same." in console.get(path).content.decode()
    press(console, path)
    assert SmsDelivery.objects.count() == 3
    assert Event.objects.filter(event_type="SMS_RESEND_SUCCEEDED").latest("id").details["who"] == "olga"
    assert "the resend limit is reached" in console.get(path).content.decode()


@pytest.mark.parametrize("obstacle", ["feature", "sms", "push enrolment", "expired"])
def test_console_resend_has_same_conditions_as_portal(console, push_transaction, sms_transaction, obstacle):
    if obstacle == "feature":
        Features.objects.update_or_create(defaults={"mobile_authentication": False})
    elif obstacle == "sms":
        GeneralConfiguration.objects.update_or_create(defaults={"sms_authentication_enabled": False})
    elif obstacle == "push enrolment":
        PushEnrollment.objects.all().delete()
    else:
        Transaction.objects.update(expires_at=timezone.now())
    transaction = sms_transaction if obstacle == "sms" else push_transaction
    transaction.refresh_from_db()
    before = PushDelivery.objects.count() + SmsDelivery.objects.count()
    response = console.post(button(transaction, "send-again"), {"state_token": str(transaction.resends_used)})
    assert response.status_code == 302
    assert message_text(response)
    assert "being resent" not in message_text(response)
    assert PushDelivery.objects.count() + SmsDelivery.objects.count() == before


def test_otp_can_be_cancelled_but_not_resent(console, portal, db):
    mobile_type = factories.TypeFactory(method="otp")
    portal.post(START, {"type": mobile_type.name, "callback_uri": "http://127.0.0.1:9/callback"})
    transaction = Transaction.objects.get()
    page = detail_page(console, transaction).content.decode()
    assert button(transaction, "send-again") not in page
    assert "Nothing was sent" in message_text(console.post(button(transaction, "send-again"), {"state_token": "0"}))
    assert "cancelled" in message_text(console.post(button(transaction, "cancel")))


def test_transaction_buttons_require_administrator(push_transaction, administrator):
    anonymous = Client(enforce_csrf_checks=True)
    anonymous.force_login(administrator)
    for name in ("cancel", "send-again"):
        assert anonymous.post(button(push_transaction, name), {"state_token": "0"}).status_code == 403
    for role in ("operator", "helpdesk"):
        browser = sign_in_as(role, role)
        for name in ("cancel", "send-again"):
            assert button(push_transaction, name) not in detail_page(browser, push_transaction).content.decode()
            assert browser.post(button(push_transaction, name), {"state_token": "0"}).status_code == 403
    assert (Transaction.objects.get().status, PushDelivery.objects.count()) == ("pending", 1)


def test_code_to_phone_shows_attempts_and_no_code(console, portal, device):
    mobile_type = factories.TypeFactory(code_to_phone=True)
    transaction = Transaction.objects.get(pk=portal.start(mobile_type, device).json()["transaction_id"])
    code = device.fetch(str(transaction.pk))["code"]
    form = {"transaction_id": str(transaction.pk), "code": f"{(int(code) + 1) % 1_000_000:06d}"}
    assert portal.post("/oauth/api/v4/authenticate/user/anna/code", form).status_code == 404
    transaction.refresh_from_db()
    page = detail_page(console, transaction)
    content = page.content.decode()
    assert "Code to phone" in content
    assert "1 of 3" in content
    entries = {entry.title: entry for entry in page.context["timeline"]}
    assert entries["Code shown on the device"].tone == "plain"
    wrong = entries["Wrong code of the device"]
    assert (wrong.tone, wrong.facts) == ("bad", ("1 of 3",))
    shown = [content, run("show_transaction", str(transaction.pk), "--json").out]
    assert '"code_attempts_used": 1' in shown[1]
    assert not any(text in each for text in (code, transaction.code_hash) for each in shown)


def test_unknown_transaction_returns_404(console, db):
    for name in ("cancel", "send-again"):
        for number in ("00000000-0000-4000-8000-000000000000", "nonsense"):
            assert console.post(f"/admin/transactions/transaction/{number}/{name}/").status_code == 404


def test_timeline_shows_attempts_without_device_content(console, push_transaction, device):
    now = timezone.now()
    delivery = PushDelivery.objects.get()
    PushDelivery.objects.update(attempts_made=1)
    PushAttempt.objects.create(delivery=delivery, number=1, started_at=now, outcome="retry", status=503)
    lookup = ContextLookup.objects.create(
        transaction=push_transaction, concurrency_key="x", state="done", attempts_made=1
    )
    success = EventTypes.GEOLOCATION_CHECK_SUCCESS
    ContextAttempt.objects.create(delivery=lookup, number=1, started_at=now, outcome=success, duration_ms=5)
    device.answer(device.fetch(str(push_transaction.pk)), approve=False)
    callback = CallbackDelivery.objects.get()
    CallbackDelivery.objects.update(attempts_made=4)
    CallbackAttempt.objects.create(delivery=callback, number=4, started_at=timezone.now(), outcome="failed", status=500)
    page = detail_page(console, push_transaction)
    entries = {entry.title: entry for entry in page.context["timeline"]}
    assert next(iter(entries)) == "Push started"
    assert entries["Location lookup, attempt 1: success"].tone == "good"
    assert entries["Push, attempt 1: retry"].facts == ("HTTP 503",)
    assert entries["Push is due"].facts == ("next: attempt 2",)
    assert entries["Callback, attempt 4: failed"].tone == "bad"
    assert entries["Callback is due"].facts == ("next: attempt 5",)
    assert {"Request fetched by the device", "User not authenticated"} <= set(entries)
    content = page.content.decode()
    assert f'href="/admin/callbacks/callbackdelivery/?transaction_id={push_transaction.pk}"' in content
    assert [text for text in ("12.50", "NL91", push_transaction.token) if text in content] == []
    CallbackDelivery.objects.update(claim=uuid4())
    entries = {entry.title: entry for entry in detail_page(console, push_transaction).context["timeline"]}
    assert entries["Callback is due"].facts == ("in flight",)
