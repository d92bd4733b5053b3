"""Validation of phone numbers (error 3001) and their normalisation to E.164."""

import pytest
from django.db import connection
from django.utils import timezone

from apps.events.models import Event
from apps.transactions.models import CodeFailures, SmsDelivery
from tests import factories
from tests.sms.conftest import NUMBER

pytestmark = pytest.mark.django_db

VALID = [
    ("+31612345678", NUMBER),
    ("+31 6 12345678", NUMBER),
    ("+31-6-1234-5678", NUMBER),
    ("+31.6.12.34.56.78", NUMBER),
    ("+31 (6) 12345678", NUMBER),
    ("+31 (0)6 12345678", NUMBER),
    ("+31 [6] 12345678", NUMBER),
    ("(+31) 612345678", NUMBER),
    ("  +31612345678  ", NUMBER),
    ("+31\u00a06\u00a012345678", NUMBER),
    ("+31\u20116\u201312345678", NUMBER),
    ("+31\t612345678", NUMBER),
    ("+3 1 6 1 2 3 4 5 6 7 8", NUMBER),
    ("+1 (415) 555-2671", "+14155552671"),
    ("+1-415-555-2671", "+14155552671"),
    ("+44 7911 123456", "+447911123456"),
    ("+49 1512 3456789", "+4915123456789"),
    ("+33 6 12 34 56 78", "+33612345678"),
    ("+39 312 345 6789", "+393123456789"),
    ("+32 470 12 34 56", "+32470123456"),
    ("+47 406 12 345", "+4740612345"),
    ("+91 98765 43210", "+919876543210"),
    ("+86 131 2345 6789", "+8613123456789"),
]
INVALID = [
    None,
    "",
    "0612345678",
    "31612345678",
    "0031612345678",
    "+",
    "+3161",
    "+316123456789012345",
    "+316123456789012345678901234567890",
    "++31612345678",
    "+31612345678+",
    "+31612345678;ext=5",
    "+31612345678 ext. 5",
    "+31 6 ABCDEFGH",
    "+31/612345678",
    "tel:+31612345678",
    "+\u0663\u0661\u0666\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
    "+\uff13\uff11612345678",
    "+999612345678",
    "+0612345678",
    "+31112",
    "+1 555 555 5555",
    "+1 911",
    "+31 900 1234567",
    "+31 906 1234567",
    "+1 900 234 5678",
    "+44 909 012 3456",
    "+31612345678\x00",
    "+31612345678, +31687654321",
    "<script>",
    "not a number",
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("submitted", "number"), VALID)
def test_number_is_normalized_to_e164(sms_flow, sms_type, sent_messages, submitted, number):
    sms_flow.send(sms_type, phone_number=submitted)
    [(message, _sender)] = sent_messages
    assert message.phone_number == number


@pytest.mark.parametrize("submitted", INVALID)
def test_invalid_number_returns_error_3001(sms_flow, sms_type, submitted):
    response = sms_flow.post(sms_type, phone_number=submitted)
    assert (response.status_code, response.json()["error_code"]) == (400, "3001")
    assert response.json()["error"] == "invalid_phone_number"
    assert not SmsDelivery.objects.exists()


def test_event_of_an_invalid_number_omits_the_number(sms_flow, sms_type):
    sms_flow.post(sms_type, phone_number="+31112")
    event = Event.objects.get(event_type="SMS_AUTH_INIT_FAILURE_INVALID_PHONE_NUMBER")
    assert (event.user_id, event.client_id) == ("anna", sms_flow.portal.api_client.client_id)
    assert "31112" not in str(event.details)


# An invalid value for each parameter of E3 with SMS, in the order of validation.
OTHER_PARAMETERS = {
    "user_id": ("u" * 256, "1003"),
    "message": ("m" * 156, "1005"),
    "signing_data": ("s" * 16_001, "1003"),
    "secure_message": ("s" * 4_001, "1003"),
    "phone_number": ("+31112", "3001"),
    "language_code": ("not a language", "1003"),
    "ip_address": ("1.2.3", "1003"),
}


@pytest.mark.parametrize("other", OTHER_PARAMETERS)
@pytest.mark.parametrize("invalid", ["+31112", "+32470123456", None])
def test_number_is_validated_in_the_documented_order(sms_flow, sms_type, switch, other, invalid):
    switch(sms_allowed_countries=["NL"])
    names = list(OTHER_PARAMETERS)
    is_later = names.index(other) >= names.index("phone_number")
    response = sms_flow.post(sms_type, **{other: OTHER_PARAMETERS[other][0], "phone_number": invalid})
    assert response.json()["error_code"] == ("3001" if is_later else OTHER_PARAMETERS[other][1])


def test_number_is_validated_before_the_user_lock(sms_flow, sms_type):
    CodeFailures.objects.create(user_id="anna", count=100, locked_at=timezone.now())
    assert sms_flow.post(sms_type).json()["error_code"] == "1429"
    assert sms_flow.post(sms_type, phone_number="+31112").json()["error_code"] == "3001"


def test_number_is_not_validated_while_sms_is_disabled(sms_flow, sms_type, switch):
    switch(sms_authentication_enabled=False)
    assert sms_flow.post(sms_type, phone_number="+31112").json()["error_code"] == "3000"


@pytest.fixture
def push_type(sms_type):
    return factories.TypeFactory(fallback=sms_type)


@pytest.mark.parametrize("submitted", [None, "+31112"])
def test_push_ignores_the_number(sms_flow, push_type, device, submitted):
    fields = {"phone_number": submitted} if submitted else {}
    response = sms_flow.portal.start(push_type, device, **fields)
    assert (response.status_code, response.json()["auth_method"]) == (200, "push")


@pytest.mark.parametrize("submitted", [None, "+31112"])
def test_fallback_validates_the_number(sms_flow, push_type, submitted):
    fields = {"callback_uri": "http://127.0.0.1:9/callback", "phone_number": submitted}
    response = sms_flow.post(push_type, **fields)
    assert (response.status_code, response.json()["error_code"]) == (400, "3001")


@pytest.mark.django_db(transaction=True)
def test_fallback_sends_to_the_number(sms_flow, push_type, sent_messages):
    response = sms_flow.post(push_type, callback_uri="http://127.0.0.1:9/callback")
    assert (response.status_code, response.json()["auth_method"]) == (200, "sms")
    sms_flow.work()
    assert sent_messages[0][0].phone_number == NUMBER


def test_number_is_stored_encrypted_only(sms_flow, sms_type):
    transaction_id = sms_flow.start(sms_type)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM transactions_transaction")
        assert NUMBER not in str(cursor.fetchall())
    assert NUMBER not in str([event.details for event in sms_flow.events(transaction_id)])
