"""Codes, phone numbers and one-time passwords are not readable after the flows of SMS and OTP."""

import json
from base64 import b64decode

import pytest

from apps.events.models import Event
from apps.outbox.dispatcher import deliver_individually
from apps.sms.gateways.memory import MemoryGateway
from apps.transactions.methods.sms import delivery as sms_delivery
from apps.transactions.models import SmsDelivery, Transaction
from tests import factories
from tests.security.secret_search import all_places, assert_hidden, deliver_all

pytestmark = pytest.mark.django_db(transaction=True)
PHONE_NUMBER = "+31612345678"
SECURE_MESSAGE = "scan me for 815 euros to NL91ABNA0417164300"
USER = "/oauth/api/v4/authenticate/user"


@pytest.fixture(autouse=True)
def gateway(settings):
    settings.SMS_GATEWAY = "memory"
    MemoryGateway.sent_messages.clear()


def start(portal, mobile_type, **fields):
    response = portal.post(USER, {"type": mobile_type.name, **fields}, **{"Idempotency-Key": f"key {mobile_type.name}"})
    assert response.status_code == 200
    return response.json()


def test_codes_and_phone_numbers_are_never_stored_readably(portal, device, caplog, capfd):
    caplog.set_level(0)
    sms_type = factories.TypeFactory(method="sms", max_resends=1, default_messages={"en": "Your code: {code}"})
    started = start(portal, sms_type, user_id="bert", phone_number=PHONE_NUMBER)["transaction_id"]
    deliver_all(SmsDelivery, deliver_individually(sms_delivery.deliver))
    code = MemoryGateway.sent_messages[0][0].code
    pending = all_places("")
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for path, fields in (
        ("sms", {"sms_code": wrong}),
        ("sms/resend", {}),
        ("sms/resend", {}),
        ("sms", {"sms_code": code}),
        ("sms", {"sms_code": code}),
    ):
        portal.post(f"{USER}/bert/{path}", {"transaction_id": started, **fields})
    assert portal.result(started).json()["is_authenticated"] is True
    start(
        portal,
        factories.TypeFactory(fallback=sms_type),
        user_id="x",
        phone_number=PHONE_NUMBER,
        callback_uri="http://a/",
    )
    portal.post(USER, {"type": sms_type.name, "user_id": "bert", "phone_number": PHONE_NUMBER + "99"})

    scanned = start(
        portal, factories.TypeFactory(method="otp"), callback_uri="http://a/", secure_message=SECURE_MESSAGE
    )["otp"]
    challenge = device.claim_otp(scanned)
    device.answer(challenge, approve=True)
    assert Transaction.objects.get(pk=challenge["transaction_id"]).status == "authenticated"

    code_type = factories.TypeFactory(code_to_phone=True)
    started_code = start(
        portal, code_type, user_id="anna", device_id=device.device_id, callback_uri="http://a/", message="Sign in?"
    )
    phone_code = device.fetch(started_code["transaction_id"])["code"]
    shown = all_places("")
    fields = {"transaction_id": started_code["transaction_id"]}
    for given in (f"{(int(phone_code) + 1) % 1_000_000:06d}", phone_code, phone_code):
        portal.post(f"{USER}/anna/code", {**fields, "code": given})
    assert portal.result(fields["transaction_id"]).json()["is_authenticated"] is True
    assert_hidden({"code of the device": phone_code}, shown)

    secrets = {
        "code": code,
        "code of the device": phone_code,
        "wrong code": wrong,
        "phone number": PHONE_NUMBER,
        "national number": PHONE_NUMBER.removeprefix("+31"),
        "one-time password": json.loads(b64decode(scanned))["otp"],
        "scanned string": scanned,
        "secure message": SECURE_MESSAGE,
    }
    assert_hidden(secrets, pending)
    places = all_places("".join(capfd.readouterr()) + caplog.text)
    assert started in places["log"]
    assert Event.objects.filter(event_type="SMS_AUTH_AUTHENTICATED").exists()
    assert_hidden(secrets, places)
