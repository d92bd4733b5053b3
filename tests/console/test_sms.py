"""Page “Send test SMS”."""

import html

import pytest

from apps.events.models import Event
from apps.sms.gateways.base import Gateway
from apps.sms.gateways.memory import MemoryGateway
from tests import factories
from tests.console.test_roles import sign_in_as
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


def send_test(console, number=NUMBER):
    page = console.post(PATH, {"phone_number": number}, follow=True)
    assert page.redirect_chain == [(PATH, 302)]
    return " ".join(str(message) for message in page.context["messages"])


def test_test_sms_is_sent_and_response_shown(console, settings):
    console.save("/admin/system/generalconfiguration/", sms_sender_id="Shop")
    with sms_service.SmsService() as service:
        configure(settings, service.describe()["environment"])
        assert "rest" in console.get(PATH).content.decode()
        assert (
            send_test(console, "+31 (6) 1234-5678")
            == "The gateway “rest” accepted the message to +31…78. Sender: Shop."
        )
        [body] = bodies(service)
    assert body == {
        "phone_number": NUMBER,
        "message": "This is a test message.",
        "verification_code": "000000",
        "sender_id": "Shop",
    }


def test_test_sms_event_has_actor_and_outcome(console, changes, twilio):
    twilio.script[NUMBER] = [fake.error(21408)]
    send_test(console)
    details = changes("ADMIN_TEST_SMS_SENT")
    expected = {"gateway": "twilio", "outcome": "refused", "reason": "error 21408", "phone_number": "+31…78"}
    assert {name: details[name] for name in expected} == expected
    assert "123456" not in str(details)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (fake.error(20003, 401), "Reason: error 20003. The gateway rejects the credentials."),
        (fake.error(21608), "Reason: error 21608. Trial accounts can send to verified numbers only."),
        (fake.error(21606), "Reason: error 21606. The gateway accepts no sender."),
        (fake.error(21211), "Reason: error 21211. The gateway reports that this number cannot receive text messages."),
        (fake.error(99999, 503), "Reason: error 99999. The gateway is busy or unavailable."),
        (fake.error(88888), "Reason: error 88888. Check the log of the gateway"),
        ({"reset": True}, "may have accepted the message."),
    ],
    ids=str,
)
def test_rejection_is_shown_with_reason_and_remedy(console, twilio, response, message):
    twilio.script[NUMBER] = [response] * 3
    assert message in send_test(console)
    assert len(forms(twilio)) >= 1


def test_broken_gateway_is_reported(console, settings):
    settings.SMS_GATEWAY = "tests.console.test_sms.BrokenGateway"
    text = send_test(console)
    assert "Reason: RuntimeError. The message may have been delivered" in text
    assert "1234" not in text
    settings.SMS_GATEWAY = "nowhere.Gateway"
    assert "The SMS gateway “nowhere.Gateway” cannot be loaded:" in send_test(console)
    settings.SMS_GATEWAY = "tests.fakes.twilio.error"
    assert "cannot be loaded" in send_test(console)


@pytest.mark.parametrize("number", ["", "0612345678", "+31112", "+31 900 1234567", "x" * 41])
def test_invalid_number_is_a_form_error(console, memory, number):
    page = console.post(PATH, {"phone_number": number})
    assert page.status_code == 200
    assert page.context["form"].errors["phone_number"]
    assert 'role="alert"' in page.content.decode()
    assert memory == []
    assert not Event.objects.filter(event_type="ADMIN_TEST_SMS_SENT").exists()


def test_test_sms_get_sends_nothing(console, memory):
    assert console.get(PATH).status_code == 200
    assert memory == []


def test_test_sms_button_is_on_sms_pages(console):
    text, push = factories.TypeFactory(name="text", method="sms"), factories.TypeFactory(name="login")
    types = "/admin/transactions/mobileauthenticationtype"
    assert console.get(f"{types}/{text.pk}/send-test-sms/")["Location"] == PATH
    general = console.get("/admin/system/generalconfiguration/").content.decode()
    [link] = {html.unescape(part) for part in general.split('"') if part.endswith("/send-test-sms/")}
    assert console.get(link)["Location"] == PATH
    assert f"/{text.pk}/send-test-sms/" in console.get(f"{types}/{text.pk}/change/").content.decode()
    assert "/send-test-sms/" not in console.get(f"{types}/{push.pk}/change/").content.decode()


@pytest.mark.parametrize("role", ["operator", "helpdesk"])
def test_test_sms_requires_permission(db, memory, role):
    browser = sign_in_as(role)
    assert browser.get(PATH).status_code == 403
    assert browser.post(PATH, {"phone_number": NUMBER}).status_code == 403
    assert memory == []
