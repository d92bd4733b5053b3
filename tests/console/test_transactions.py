"""Transactions in the console and in support's commands: what is shown of them, and what staff can do with them."""

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
from tests.console.test_roles import browser_of

NUMBER = "+31612345678"
START = "/oauth/api/v4/authenticate/user"


@pytest.fixture
def texted(transactional_db, portal, settings):
    """A transaction whose code was texted, then mistyped once and sent again; the second text waits."""
    settings.SMS_GATEWAY = "memory"
    MemoryGateway.sent_messages.clear()
    mobile_type = factories.TypeFactory(method="sms", max_attempts=3, max_resends=2, sms_sender_id="Shop")
    fields = {"type": mobile_type.name, "user_id": "anna", "phone_number": NUMBER, "message": "Code {code}"}
    assert portal.post(START, fields).status_code == 200
    transaction = Transaction.objects.get(method="sms")
    [claimed] = claims.claim(SmsDelivery, [SmsDelivery.objects.get().pk])
    sms_delivery.deliver(claimed)
    given = {"transaction_id": str(transaction.pk), "sms_code": "nonsense"}
    assert portal.post(f"{START}/anna/sms", given).json()["error_code"] == "3003"
    again = portal.post(f"{START}/anna/sms/resend", {"transaction_id": str(transaction.pk)})
    assert again.status_code == 204
    return transaction


def page_of(console, transaction):
    return console.get(f"/admin/transactions/transaction/{transaction.pk}/change/")


def test_the_timeline_of_a_text_message_holds_its_attempts(console, texted):
    timeline = page_of(console, texted).context["timeline"]
    assert [(entry.title, entry.tone) for entry in timeline] == [
        ("SMS AUTH INITIALIZED", "plain"),
        ("Text message, attempt 1: accepted", "good"),
        ("SMS AUTH NOT AUTHENTICATED INVALID VERIFICATION CODE", "bad"),
        ("SMS RESEND SUCCEEDED", "plain"),
        ("Text message is due", "waiting"),
    ]
    assert timeline[1].facts[0] == "from Shop"


@pytest.mark.parametrize(("resends", "left_out"), [(0, []), (2, ["2 events in between are not shown"])])
def test_the_timeline_of_many_wrong_codes_begins_with_the_start_and_ends_with_the_right_one(
    console, portal, resends, left_out
):
    mobile_type = factories.TypeFactory(method="sms", max_attempts=0, max_resends=2)
    fields = {"type": mobile_type.name, "user_id": "anna", "phone_number": NUMBER, "message": "Code {code}"}
    assert portal.post(START, fields).status_code == 200
    transaction = Transaction.objects.get()

    def post(what, **fields):
        return portal.post(f"{START}/anna/sms{what}", {"transaction_id": str(transaction.pk), **fields}).status_code

    assert [post("/resend") for _number in range(resends)] == [204] * resends
    assert {post("", sms_code="nonsense") for _number in range(99)} == {404}
    assert post("", sms_code=transaction.code) == 200
    titles = [entry.title for entry in page_of(console, transaction).context["timeline"] if entry.tone != "waiting"]
    wrong = ["SMS AUTH NOT AUTHENTICATED INVALID VERIFICATION CODE"] * 99
    assert titles == ["SMS AUTH INITIALIZED", *left_out, *wrong, "SMS AUTH AUTHENTICATED"]


def test_every_failed_authentication_looks_like_a_failure_in_the_timeline(console, texted):
    bad = [event_type for event_type in EVENT_TYPES if "_NOT_AUTHENTICATED_" in event_type] + ["SMS_AUTH_USER_LOCKED"]
    assert "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_NUMBER" in bad
    now = timezone.now()
    Event.objects.all().delete()
    Event.objects.bulk_create(Event(event_type=one, transaction_id=texted.pk, occurred=now) for one in bad)
    shown = [entry for entry in page_of(console, texted).context["timeline"] if entry.at == now]
    assert [(entry.title, entry.tone) for entry in shown] == [(one.replace("_", " "), "bad") for one in bad]
    assert "info" not in {entry.icon for entry in shown}


def test_a_transaction_by_text_counts_attempts_and_resends_and_ends_the_number(console, texted):
    page = page_of(console, texted).content.decode()
    assert "1 of 3" in page
    assert "1 of 2" in page
    assert "…678" in page
    Transaction.objects.update(max_attempts=0)
    assert "1, no limit until it expires" in page_of(console, texted).content.decode()


def test_no_page_and_no_command_shows_a_number_or_a_code(console, texted):
    [(message, _sender)] = MemoryGateway.sent_messages
    texted.refresh_from_db()
    hidden = [NUMBER, NUMBER[1:], message.code, texted.code_hash]
    pages = ["/admin/transactions/transaction/", f"/admin/transactions/transaction/{texted.pk}/change/", "/admin/"]
    pages += ["/admin/transactions/transaction/?q=anna", "/admin/events/event/"]
    shown = [console.get(path).content.decode() for path in pages]
    shown += [run(*command).out for command in (("show_transaction", str(texted.pk)), ("list_transactions",))]
    for content in shown:
        assert [text for text in hidden if text in content] == []


def test_a_number_that_no_key_opens_is_no_error(console, texted, settings):
    settings.FIELD_ENCRYPTION_KEYS = [b"1" * 32]
    sign_in_again(console)
    assert page_of(console, texted).status_code == 200


def test_support_is_shown_the_text_messages_and_the_counts(texted):
    shown = json.loads(run("show_transaction", str(texted.pk), "--json").out)
    assert [(text["state"], text["outcome"]) for text in shown["text_messages"]] == [("done", "accepted"), ("due", "")]
    assert (shown["attempts_used"], shown["resends_used"]) == (1, 1)


def test_a_one_time_password_shows_who_scanned_it(console, portal, device):
    mobile_type = factories.TypeFactory(method="otp")
    fields = {"type": mobile_type.name, "callback_uri": "http://127.0.0.1:9/callback"}
    otp = portal.post(START, fields).json()["otp"]
    transaction = Transaction.objects.get()
    before = page_of(console, transaction)
    assert before.context["timeline"][0].title == "OTP AUTH INITIALIZED"
    device.claim_otp(otp)
    after = page_of(console, transaction).content.decode()
    assert device.device_id in after
    assert otp not in before.content.decode() + after


def test_events_of_text_messages_can_be_chosen_in_the_filter(console, texted):
    page = console.get("/admin/events/event/?event_type=SMS_AUTH_INIT_MESSAGE_SENT")
    assert [event.user_id for event in page.context["cl"].result_list] == ["anna"]
    assert '<option value="SMS_RESEND_SUCCEEDED"' in page.content.decode()


@pytest.fixture
def pushed(portal, device):
    """A pending push that may be sent again twice; its portal's texts include some for the device alone."""
    mobile_type = factories.TypeFactory(max_resends=2, transaction_signing=True)
    secret = {"secure_message": "Pay 12.50 to Bert", "signing_data": "12.50;NL91"}
    assert portal.start(mobile_type, device, **secret).status_code == 200
    return Transaction.objects.get()


def button(transaction, name):
    return f"/admin/transactions/transaction/{transaction.pk}/{name}/"


def said(answer):
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def press(console, path):
    """Read the question and answer it with its button."""
    fields = re.findall(r'name="(state_token)" value="([^"]*)"', console.get(path).content.decode())
    return console.post(path, dict(fields))


def test_a_pending_transaction_is_cancelled_once_and_the_portal_is_not_called(console, pushed, portal):
    path = button(pushed, "cancel")
    assert f'href="{path}"' in page_of(console, pushed).content.decode()
    assert "Cancel this transaction of “anna”?" in console.get(path).content.decode()
    assert Transaction.objects.get().status == "pending"
    assert "The transaction is cancelled." in said(console.post(path))
    assert portal.result(pushed.pk).json()["status"] == "cancelled"
    assert not CallbackDelivery.objects.exists()
    assert "has ended" in said(console.post(path))
    assert "has ended" in console.get(path).content.decode()
    [event] = Event.objects.filter(event_type="MOBILE_AUTH_TRANSACTION_CANCELLED")
    assert event.details["who"] == "olga"
    page = page_of(console, pushed)
    assert path not in page.content.decode()
    assert ("by olga",) in [entry.facts for entry in page.context["timeline"]]


def test_a_push_is_sent_again_up_to_the_limit_and_counts_with_the_portals(console, pushed, portal):
    path = button(pushed, "send-again")
    assert "0 of 2 resends are used." in console.get(path).content.decode()
    assert PushDelivery.objects.count() == 1
    assert "being resent" in said(press(console, path))
    assert PushDelivery.objects.count() == 2
    assert portal.post(f"/oauth/api/v4/authenticate/transaction/{pushed.pk}/resend", {}).status_code == 204
    assert "the resend limit is reached" in console.get(path).content.decode()
    assert path not in page_of(console, pushed).content.decode()
    assert "cannot be sent again: the limit is reached" in said(console.post(path, {"state_token": "2"}))
    assert PushDelivery.objects.count() == 3
    events = Event.objects.filter(event_type="PUSH_AUTH_RESEND_SUCCESS").order_by("id")
    assert [event.details.get("who") for event in events] == ["olga", None]
    assert Event.objects.get(event_type="PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED").details["who"] == "olga"


def test_the_same_form_twice_sends_once(console, pushed):
    path = button(pushed, "send-again")
    for state_token in ("0", "0", "1000", "-1", "²", "x", ""):
        console.post(path, {"state_token": state_token})
    assert PushDelivery.objects.count() == 2
    assert Transaction.objects.get().resends_used == 1


def test_a_text_message_is_sent_again_with_the_rest_of_its_resends(console, texted):
    path = button(texted, "send-again")
    assert "The message and the code stay the same." in console.get(path).content.decode()
    press(console, path)
    assert SmsDelivery.objects.count() == 3
    assert Event.objects.filter(event_type="SMS_RESEND_SUCCEEDED").latest("id").details["who"] == "olga"
    assert "the resend limit is reached" in console.get(path).content.decode()


@pytest.mark.parametrize("hindrance", ["feature", "sms", "push enrolment", "expired"])
def test_what_the_portal_could_not_send_again_the_console_cannot_either(console, pushed, texted, hindrance):
    if hindrance == "feature":
        Features.objects.update_or_create(defaults={"mobile_authentication": False})
    elif hindrance == "sms":
        GeneralConfiguration.objects.update_or_create(defaults={"sms_authentication_enabled": False})
    elif hindrance == "push enrolment":
        PushEnrollment.objects.all().delete()
    else:
        Transaction.objects.update(expires_at=timezone.now())
    transaction = texted if hindrance == "sms" else pushed
    transaction.refresh_from_db()
    before = PushDelivery.objects.count() + SmsDelivery.objects.count()
    answer = console.post(button(transaction, "send-again"), {"state_token": str(transaction.resends_used)})
    assert answer.status_code == 302
    assert said(answer)
    assert "being resent" not in said(answer)
    assert PushDelivery.objects.count() + SmsDelivery.objects.count() == before


def test_a_one_time_password_cannot_be_sent_again_but_cancelled(console, portal, db):
    mobile_type = factories.TypeFactory(method="otp")
    portal.post(START, {"type": mobile_type.name, "callback_uri": "http://127.0.0.1:9/callback"})
    transaction = Transaction.objects.get()
    page = page_of(console, transaction).content.decode()
    assert button(transaction, "send-again") not in page
    assert "Nothing was sent" in said(console.post(button(transaction, "send-again"), {"state_token": "0"}))
    assert "cancelled" in said(console.post(button(transaction, "cancel")))


def test_only_an_administrator_has_the_buttons(pushed, administrator):
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(administrator)
    for name in ("cancel", "send-again"):
        assert stranger.post(button(pushed, name), {"state_token": "0"}).status_code == 403
    for role in ("operator", "helpdesk"):
        browser = browser_of(role, role)
        for name in ("cancel", "send-again"):
            assert button(pushed, name) not in page_of(browser, pushed).content.decode()
            assert browser.post(button(pushed, name), {"state_token": "0"}).status_code == 403
    assert (Transaction.objects.get().status, PushDelivery.objects.count()) == ("pending", 1)


def test_an_unknown_transaction_has_no_buttons(console, db):
    for name in ("cancel", "send-again"):
        for number in ("00000000-0000-4000-8000-000000000000", "nonsense"):
            assert console.post(f"/admin/transactions/transaction/{number}/{name}/").status_code == 404


def test_the_timeline_tells_attempts_next_tries_and_look_ups_and_no_text_for_the_device(console, pushed, device):
    now = timezone.now()
    delivery = PushDelivery.objects.get()
    PushDelivery.objects.update(attempts_made=1)
    PushAttempt.objects.create(delivery=delivery, number=1, started_at=now, outcome="retry", status=503)
    lookup = ContextLookup.objects.create(transaction=pushed, concurrency_key="x", state="done", attempts_made=1)
    success = EventTypes.GEOLOCATION_CHECK_SUCCESS
    ContextAttempt.objects.create(delivery=lookup, number=1, started_at=now, outcome=success, duration_ms=5)
    device.answer(device.fetch(str(pushed.pk)), approve=False)
    callback = CallbackDelivery.objects.get()
    CallbackDelivery.objects.update(attempts_made=4)
    CallbackAttempt.objects.create(delivery=callback, number=4, started_at=timezone.now(), outcome="failed", status=500)
    page = page_of(console, pushed)
    entries = {entry.title: entry for entry in page.context["timeline"]}
    assert next(iter(entries)) == "PUSH AUTH INITIALIZED"
    assert entries["Location lookup, attempt 1: success"].tone == "good"
    assert entries["Push, attempt 1: retry"].facts == ("HTTP 503",)
    assert entries["Push is due"].facts == ("next: attempt 2",)
    assert entries["Callback, attempt 4: failed"].tone == "bad"
    assert entries["Callback is due"].facts == ("next: attempt 5",)
    assert {"MOBILE AUTH FETCH SECURED MESSAGE FETCHED", "MOBILE AUTH NOT AUTHENTICATED"} <= set(entries)
    content = page.content.decode()
    assert f'href="/admin/callbacks/callbackdelivery/?transaction_id={pushed.pk}"' in content
    assert [text for text in ("12.50", "NL91", pushed.token) if text in content] == []
    CallbackDelivery.objects.update(claim=uuid4())
    entries = {entry.title: entry for entry in page_of(console, pushed).context["timeline"]}
    assert entries["Callback is due"].facts == ("in flight",)
