"""“Send test SMS”."""

import html

import pytest

from apps.events.models import Event
from apps.sms.gateways.base import Gateway
from apps.sms.gateways.memory import MemoryGateway
from tests import factories
from tests.console.test_roles import browser_of
from tests.fakes import sms_service
from tests.fakes import twilio as fake
from tests.sms.conftest import NUMBER, bodies, configure, forms

PATH = "/admin/sms/send-test/"


@pytest.fixture(autouse=True)
def memory(settings):
    settings.SMS_GATEWAY = "memory"
    MemoryGateway.sent_messages.clear()
    return MemoryGateway.sent_messages


@pytest.fixture
def twilio(settings):
    with fake.Twilio() as server:
        configure(settings, server.describe()["environment"])
        yield server


class BrokenGateway(Gateway):
    def submit(self, message, sender):
        raise RuntimeError(f"it does not like {message.phone_number}")


def told(console, number=NUMBER):
    page = console.post(PATH, {"phone_number": number}, follow=True)
    assert page.redirect_chain == [(PATH, 302)]
    return " ".join(str(message) for message in page.context["messages"])


def test_it_sends_what_the_command_sends_and_says_what_was_answered(console, settings):
    console.save("/admin/system/generalconfiguration/", sms_sender_id="Shop")
    with sms_service.SmsService() as service:
        configure(settings, service.describe()["environment"])
        assert "rest" in console.get(PATH).content.decode()
        assert told(console, "+31 (6) 1234-5678") == "The gateway “rest” took the message to +31…78. Sender: Shop."
        [body] = bodies(service)
    assert body == {
        "phone_number": NUMBER,
        "message": "This is a test message.",
        "verification_code": "000000",
        "sender_id": "Shop",
    }


def test_the_event_says_who_and_how_it_went_without_the_number(console, changes, twilio):
    twilio.script[NUMBER] = [fake.error(21408)]
    told(console)
    details = changes("ADMIN_TEST_SMS_SENT")
    wanted = {"gateway": "twilio", "outcome": "refused", "reason": "error 21408", "phone_number": "+31…78"}
    assert {name: details[name] for name in wanted} == wanted
    assert "123456" not in str(details)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (fake.error(20003, 401), "Reason: error 20003. The gateway does not accept the credentials."),
        (fake.error(21608), "Reason: error 21608. A trial account sends to verified numbers only."),
        (fake.error(21606), "Reason: error 21606. No sender was accepted."),
        (fake.error(21211), "Reason: error 21211. The gateway says that this number gets no text messages."),
        (fake.error(99999, 503), "Reason: error 99999. The gateway is busy or out of order."),
        (fake.error(88888), "Reason: error 88888. See what the gateway's own log says"),
        ({"reset": True}, "did not say whether it took the message."),
    ],
    ids=str,
)
def test_a_refusal_comes_with_its_reason_and_what_to_do(console, twilio, answer, words):
    twilio.script[NUMBER] = [answer] * 3
    assert words in told(console)
    assert len(forms(twilio)) >= 1


def test_a_gateway_that_fails_or_does_not_exist_is_told(console, settings):
    settings.SMS_GATEWAY = "tests.console.test_sms.BrokenGateway"
    text = told(console)
    assert "Reason: RuntimeError. The message may have arrived" in text
    assert "1234" not in text
    settings.SMS_GATEWAY = "nowhere.Gateway"
    assert "The SMS gateway “nowhere.Gateway” cannot be loaded:" in told(console)
    settings.SMS_GATEWAY = "tests.fakes.twilio.error"
    assert "cannot be loaded" in told(console)


@pytest.mark.parametrize("number", ["", "0612345678", "+31112", "+31 900 1234567", "x" * 41])
def test_a_wrong_number_is_an_error_beside_its_field_and_nothing_is_sent(console, memory, number):
    page = console.post(PATH, {"phone_number": number})
    assert page.status_code == 200
    assert page.context["form"].errors["phone_number"]
    assert 'role="alert"' in page.content.decode()
    assert memory == []
    assert not Event.objects.filter(event_type="ADMIN_TEST_SMS_SENT").exists()


def test_looking_at_the_page_sends_nothing(console, memory):
    assert console.get(PATH).status_code == 200
    assert memory == []


def test_the_button_stands_where_text_messages_are_configured(console):
    text, push = factories.TypeFactory(name="text", method="sms"), factories.TypeFactory(name="login")
    types = "/admin/transactions/mobileauthenticationtype"
    assert console.get(f"{types}/{text.pk}/send-test-sms/")["Location"] == PATH
    general = console.get("/admin/system/generalconfiguration/").content.decode()
    [link] = {html.unescape(part) for part in general.split('"') if part.endswith("/send-test-sms/")}
    assert console.get(link)["Location"] == PATH
    assert f"/{text.pk}/send-test-sms/" in console.get(f"{types}/{text.pk}/change/").content.decode()
    assert "/send-test-sms/" not in console.get(f"{types}/{push.pk}/change/").content.decode()


@pytest.mark.parametrize("role", ["operator", "helpdesk"])
def test_who_may_not_change_the_configuration_sends_nothing(db, memory, role):
    browser = browser_of(role)
    assert browser.get(PATH).status_code == 403
    assert browser.post(PATH, {"phone_number": NUMBER}).status_code == 403
    assert memory == []
