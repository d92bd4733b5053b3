"""Events of attempt limits, with the transaction and the API client."""

from uuid import UUID

import pytest

from apps.events.models import Event
from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import error_of


@pytest.fixture
def source(portal):
    """Return the transaction and client of the only event of a type, and their expected values."""

    def compare(event_type, transaction_id):
        event = Event.objects.get(event_type=event_type)
        return (event.transaction_id, event.client_id), (UUID(transaction_id), portal.api_client.client_id)

    return compare


@pytest.mark.parametrize(
    ("kind", "name", "event_type"),
    [
        ("pin", "pin", "PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED"),
        ("fingerprint", "fingerprint", "PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED"),
        ("custom", "face", "PUSH_AUTH_VALIDATION_CUSTOM_AUTHENTICATOR_LIMIT_EXCEEDED"),
    ],
)
def test_limit_event_names_transaction_and_client(
    start_challenge, respond, source, set_application, kind, name, event_type
):
    set_application(max_pin_attempts=1)
    challenge = start_challenge(kind)
    respond(challenge, name, token="wrong")
    events, expected = source(event_type, challenge["transaction_id"])
    assert events == expected


def test_pin_limit_outside_a_transaction_has_no_transaction(client, device, set_application):
    set_application(max_pin_attempts=1)
    response = device.send_registration(client, device.registration("fingerprint", pin_token="wrong"))
    assert error_of(response) == (410, "9003")
    event = Event.objects.get(event_type="PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED")
    assert (event.transaction_id, event.client_id, event.user_id) == (None, "", "anna")


@pytest.mark.parametrize("event_type", ["SMS_AUTH_VALIDATION_LIMIT_EXCEEDED", "SMS_AUTH_USER_LOCKED"])
def test_sms_limit_event_names_transaction_and_client(portal, source, switch, event_type):
    switch(max_consecutive_code_failures=1)
    sms_type = factories.TypeFactory(method="sms", max_attempts=1, default_messages={"en": "{code}"})
    form = {"type": sms_type.name, "user_id": "anna", "phone_number": "+31612345678"}
    started = portal.post("/oauth/api/v4/authenticate/user", form).json()["transaction_id"]
    fields = {"transaction_id": started, "sms_code": "wrong"}
    assert error_of(portal.post("/oauth/api/v4/authenticate/user/anna/sms", fields)) == (404, "3003")
    events, expected = source(event_type, started)
    assert events == expected
    assert Transaction.objects.get().reason == "invalid_answer"
