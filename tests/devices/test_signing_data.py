"""Signing data of a portal: its limits, and the types that require it."""

import pytest

from apps.applications.models import Application
from apps.system.models import Features
from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import error_of
from tests.devices.test_signing import DATA


def test_signing_data_is_limited_to_16000_characters(portal, device, signing_type):
    response = portal.start(signing_type(), device, signing_data="x" * 16_001)
    assert error_of(response) == (400, "1003")
    assert "signing_data" in response.json()["description"]


@pytest.mark.parametrize("character", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", ids=ascii)
def test_signing_data_with_a_bidirectional_override_is_rejected(portal, device, signing_type, character):
    response = portal.start(signing_type(), device, signing_data=f"Pay 10{character}00 EUR")
    assert error_of(response) == (400, "1003")
    assert "signing_data" in response.json()["description"]
    assert not Transaction.objects.exists()


# Invalid values of the parameters before and after signing_data in the documented order.
@pytest.mark.parametrize(("other", "value"), [("message", "m" * 156), ("secure_message", "s" * 4_001)])
@pytest.mark.parametrize("data", ["\u202e", None])
def test_invalid_signing_data_is_reported_in_parameter_order(portal, device, other, value, data):
    paying = factories.TypeFactory(transaction_signing=True, signing_data_required=True)
    response = portal.start(paying, device, signing_data=data, **{other: value}).json()
    if other == "message":
        assert response["error_code"] == "1005"
    else:
        assert "signing_data" in response["description"]


@pytest.mark.parametrize("method", ["push", "push_with_pin", "otp"])
def test_type_that_requires_signing_data_rejects_a_request_without(portal, device, event_types, method):
    paying = factories.TypeFactory(method=method, transaction_signing=True, signing_data_required=True)
    user = {"user_id": None} if method == "otp" else {}
    response = portal.start(paying, device, **user)
    assert error_of(response) == (400, "1003")
    assert response.json()["description"] == "The parameter signing_data is missing."
    assert event_types()[-1] == "MOBILE_AUTH_INIT_FAILURE_INVALID_REQ"
    assert method == "push_with_pin" or portal.start(paying, device, signing_data=DATA, **user).status_code == 200


def test_signing_type_without_data_is_approved_unsigned(portal, device, signing_type, respond, result):
    challenge = device.fetch(portal.start(signing_type(), device).json()["transaction_id"])
    assert (challenge["type"]["transaction_signing"], "signing_data" in challenge) == (False, False)
    assert respond(challenge).json() == {"status": "authenticated"}
    assert "signature" not in result(challenge)


def test_signing_data_is_not_required_without_the_feature(portal, device):
    Features.objects.update_or_create(pk=1, defaults={"transaction_signing": False})
    paying = factories.TypeFactory(transaction_signing=True, signing_data_required=True)
    assert portal.start(paying, device).status_code == 200


def test_fallback_that_requires_signing_data_rejects_a_request_without(portal, device, event_types):
    paying = factories.TypeFactory(transaction_signing=True, signing_data_required=True)
    with_pin = factories.TypeFactory(method="push_with_pin", fallback=paying)
    Application.objects.update(pin_enabled=False)
    for user_id in ("anna", "unknown"):
        response = portal.start(with_pin, device, user_id=user_id)
        assert error_of(response) == (400, "1003")
        assert "signing_data" in response.json()["description"]
        assert event_types()[-1] == "MOBILE_AUTH_INIT_FAILURE_INVALID_REQ"
    assert portal.start(with_pin, device, signing_data=DATA).status_code == 200
