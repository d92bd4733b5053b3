"""Transactions by text message and by one-time password in the console and in support's commands."""

import json

import pytest

from apps.common import outbox
from apps.sms.gateways.memory import MemoryGateway
from apps.transactions import sms_delivery
from apps.transactions.models import SmsDelivery, Transaction
from tests import factories
from tests.commands.running import run

NUMBER = "+31612345678"
START = "/oauth/api/v4/authenticate/user"


@pytest.fixture
def texted(transactional_db, portal, settings):
    """A transaction whose code was texted, then mistyped once and sent again; the second text waits."""
    settings.SMS_GATEWAY = "memory"
    MemoryGateway.sent.clear()
    mobile_type = factories.TypeFactory(method="sms", max_attempts=3, max_resends=2, sms_sender_id="Shop")
    fields = {"type": mobile_type.name, "user_id": "anna", "phone_number": NUMBER, "message": "Code {code}"}
    assert portal.post(START, fields).status_code == 200
    transaction = Transaction.objects.get()
    [claimed] = outbox.claim(SmsDelivery, [SmsDelivery.objects.get().pk])
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
        ("Text message waits to be sent", "waiting"),
    ]
    assert timeline[1].facts[0] == "from Shop"


def test_a_transaction_by_text_counts_attempts_and_resends_and_ends_the_number(console, texted):
    page = page_of(console, texted).content.decode()
    assert "1 of 3" in page
    assert "1 of 2" in page
    assert "…678" in page
    Transaction.objects.update(max_attempts=0)
    assert "1, no limit until it expires" in page_of(console, texted).content.decode()


def test_no_page_and_no_command_shows_a_number_or_a_code(console, texted):
    [(message, _sender)] = MemoryGateway.sent
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
