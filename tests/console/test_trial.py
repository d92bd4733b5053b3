"""Page “Try an authentication”: start, codes, result, code of portals, and permissions."""

import re
from html import unescape

import countersign
import pytest
from countersign.testing import FakeServer
from django.core.cache import cache

from apps.callbacks.models import CallbackDelivery
from apps.events.models import Event
from apps.system.models import Features, GeneralConfiguration
from apps.transactions.models import Transaction
from tests import factories
from tests.console.test_roles import sign_in_as

PATH = "/admin/try-authentication/"
CALLBACK = "http://127.0.0.1:9/callback"


@pytest.fixture
def start(console, portal, mobile_type):
    """Return a function that submits the form, with the type and the client of the fixtures."""

    def run(browser=console, **fields):
        form = {"type": mobile_type.name, "user_id": "anna", "callback_uri": CALLBACK, "client": portal.api_client.pk}
        return browser.post(PATH, {**form, **fields})

    return run


def shown_code(page, key):
    return unescape(re.search(rf'id="example-{key}">(.*?)</code>', page, re.DOTALL)[1])


def started_event():
    return Event.objects.filter(event_type__endswith="_AUTH_INITIALIZED").latest("id")


def test_push_is_started_followed_and_approved(console, start, device, portal):
    factories.CallbackEndpointFactory(url=CALLBACK)
    form = console.get(PATH).context["form"]
    assert form.initial == {"user_id": "anna", "callback_uri": CALLBACK}

    response = start()
    transaction = Transaction.objects.get()
    assert response.url == f"{PATH}{transaction.pk}/"
    assert (transaction.client, transaction.device_id) == (portal.api_client, device.device_id)
    event = started_event()
    assert (event.details["who"], event.client_id) == ("olga", portal.api_client.client_id)

    page = console.get(response.url)
    assert (page.context["status"], page.context["is_final"]) == ("pending", False)
    assert "The callback is sent when the user has answered." in page.content.decode()
    assert device.answer(device.fetch(str(transaction.pk)), approve=True) == "authenticated"
    state = console.get(f"{response.url}state/")
    assert state.context["status"] == "authenticated"
    assert "The callback is being sent." in state.content.decode()
    assert 'data-final="no"' in state.content.decode()
    CallbackDelivery.objects.update(state="done")
    state = console.get(f"{response.url}state/").content.decode()
    assert "The portal received the callback." in state
    assert 'data-final="yes"' in state
    # The client can read the result, as if it had made the request.
    assert portal.result(transaction.pk).json()["is_authenticated"]


def test_one_of_several_devices_must_be_chosen(console, start, enroll):
    GeneralConfiguration.objects.update_or_create(defaults={"push_enrollment_mode": "multiple_devices"})
    devices = [enroll(push_token=token) for token in ("one", "two")]
    page = start(device_id="of another user")
    assert page.context["form"].errors == {"device_id": ["The user has several devices. Choose one."]}
    assert {value for value, _label in page.context["form"].fields["device_id"].widget.choices} == {
        "",
        *(device.device_id for device in devices),
    }
    assert start(device_id=devices[1].device_id).status_code == 302
    assert Transaction.objects.get().device_id == devices[1].device_id


def test_limits_and_errors_of_the_api_apply(start, device):
    assert "The parameter callback_uri is missing." in start(callback_uri="").content.decode()
    assert "No authentication possibilities" in start(user_id="nemo").content.decode()
    GeneralConfiguration.objects.update_or_create(defaults={"max_pending_transactions": 1})
    assert start().status_code == 302
    assert start().context["form"].non_field_errors()
    failures = Event.objects.filter(event_type__contains="INIT_FAILURE")
    assert {event.event_type: event.details["who"] for event in failures} == {
        "MOBILE_AUTH_INIT_FAILURE_INVALID_REQ": "olga",
        "PUSH_AUTH_INIT_FAILURE_NO_PUSH_ENROLLMENT": "olga",
        "PUSH_AUTH_INIT_FAILURE_LIMIT_REACHED": "olga",
    }
    assert Transaction.objects.count() == 1


def test_sms_code_of_fallback_is_verified_in_the_console(console, start, settings, mobile_type):
    settings.SMS_GATEWAY = "memory"
    text = factories.TypeFactory(name="text", method="sms", default_messages={"en": "Your code: {code}"})
    mobile_type.fallback = text
    mobile_type.save()
    response = start(phone_number="+31 6 12345678")
    example = shown_code(console.get(response.url).content.decode(), "python")
    assert "portal.start_push(" in example
    assert 'callback_uri="https://portal.example.com/callback"' in example
    assert 'phone_number="+31612345678"' in example
    assert "portal.verify_sms(" in example
    transaction = Transaction.objects.get()
    wrong = f"{(int(transaction.code) + 1) % 1_000_000:06}"
    page = console.post(response.url, {"code": wrong}, follow=True)
    assert "verification code invalid" in page.content.decode()
    console.post(response.url, {"code": f" {transaction.code} "})
    page = console.get(response.url)
    assert (page.context["status"], page.context["is_final"]) == ("authenticated", True)
    assert transaction.code not in page.content.decode()


def test_otp_is_shown_once_and_scanned(console, start, device):
    factories.TypeFactory(name="scan", method="otp")
    # Without a script, the browser also submits the fields of other methods.
    page = start(type="scan", device_id=device.device_id)
    otp = page.context["otp"]
    assert f'<code id="trial-otp">{otp}</code>' in page.content.decode()
    challenge = device.claim_otp(otp)
    page = console.get(page.context["result_url"]).content.decode()
    assert otp not in page
    assert device.answer(challenge, approve=True) == "authenticated"
    assert "start_otp" in shown_code(page, "python")


@pytest.mark.parametrize(("digits", "code_to_phone"), [(2, False), (0, True)])
def test_number_and_code_of_device(console, start, device, mobile_type, digits, code_to_phone):
    mobile_type.number_matching_digits, mobile_type.code_to_phone = digits, code_to_phone
    mobile_type.save()
    response = start()
    page = console.get(response.url).content.decode()
    transaction = Transaction.objects.get()
    challenge = device.fetch(str(transaction.pk))
    if code_to_phone:
        console.post(response.url, {"code": challenge["code"]})
    else:
        assert f'id="trial-number">{transaction.verification_number}</strong>' in page
        device.answer(challenge, approve=True, number=transaction.verification_number)
    assert console.get(response.url).context["status"] == "authenticated"


def test_examples_start_the_same_authentication(console, start, device, mobile_type, monkeypatch):
    page = console.get(start(message='Sign in to "Shop"\u2028?').url).content.decode()
    server = FakeServer({mobile_type.name: "push"})
    device_id = server.add_device("anna")
    server.plan("approve")
    credentials = []
    monkeypatch.setattr(countersign, "Client", lambda *values: credentials.extend(values) or server.client())
    monkeypatch.setenv("COUNTERSIGN_CLIENT_SECRET", "the secret")
    exec(shown_code(page, "python").replace(device.device_id, device_id), {})
    assert credentials[1:] == [Transaction.objects.get().client.client_id, "the secret"]

    for key in ("curl", "typescript"):
        assert device.device_id in shown_code(page, key)
        assert CALLBACK in shown_code(page, key)
    assert "portal.startPush({" in shown_code(page, "typescript")


def test_more_parameters_are_sent_and_shown_in_the_examples(console, start, device, mobile_type):
    assert '<details class="console-details">' in console.get(PATH).content.decode()
    page = start(ip_address="no address", secure_message="Pay 5 EUR").content.decode()
    assert '<details class="console-details" open>' in page
    assert "The parameter ip_address" in page
    mobile_type.default_messages = {"en": "Sign in?", "nl": "Inloggen?"}
    mobile_type.save()
    more = {"secure_message": "Pay 5 EUR", "language_code": "nl", "ip_address": "192.0.2.1", "user_agent": "Firefox"}
    started = start(**more)
    transaction = Transaction.objects.get()
    assert device.fetch(str(transaction.pk))["message"].startswith("Pay 5 EUR")
    assert transaction.message == "Inloggen?"
    assert not any("Pay 5 EUR" in str(value) for value in console.session.values())
    page = console.get(started.url).content.decode()
    for key, separator in (("curl", "="), ("python", '="'), ("typescript", ': "')):
        example = shown_code(page, key)
        names = [re.sub("_(.)", lambda part: part[1].upper(), name) if key == "typescript" else name for name in more]
        for name, value in zip(names, more.values(), strict=True):
            assert f"{name}{separator}{value}" in example
        assert "Inloggen?" not in example
    # The session keeps those of the newest one.
    start()
    assert "Pay 5 EUR" not in shown_code(console.get(started.url).content.decode(), "curl")


@pytest.mark.parametrize("role", ["operator", "helpdesk"])
def test_other_roles_cannot_start(start, device, role):
    browser = sign_in_as(role)
    assert browser.get(PATH).status_code == 403
    assert start(browser).status_code == 403
    assert not Transaction.objects.exists()
    assert PATH not in browser.get("/admin/").content.decode()


def test_authentications_of_others_are_not_shown(console, start, device, portal, mobile_type):
    of_portal = portal.start(mobile_type, device).json()["transaction_id"]
    own = start().url
    assert console.get(f"{PATH}{of_portal}/").status_code == 404
    other = sign_in_as("admin")
    for path in (own, f"{own}state/"):
        assert other.get(path).status_code == 404
    assert other.post(own, {"code": "123456"}).status_code == 404


def test_page_requires_feature_type_and_client(console, db):
    page = console.get(PATH).content.decode()
    assert "Add a mobile authentication type first." in page
    assert "Add an API client with the API" in page
    factories.TypeFactory()
    factories.ApiClientFactory(apis=["events"])
    assert not console.get(PATH).context["is_possible"]
    Features.objects.update_or_create(defaults={"mobile_authentication": False})
    cache.clear()
    assert console.get(PATH).status_code == 404
