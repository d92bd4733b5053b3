"""Authorization details from the request to the ID token: shown on the phone, signed by the device, returned."""

import json
from base64 import b64decode

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.ciba.calls import challenge_of, error_of

pytestmark = pytest.mark.django_db

DETAILS = [{"type": "payment", "amount": {"currency": "EUR", "value": "12.50"}, "creditor": "Bob"}]
SIGNING = {"name": "pay", "transaction_signing": True}


def _start(ciba, **fields):
    return ciba.start(authorization_details=json.dumps(DETAILS), **fields)


@pytest.fixture
def signer(new_client):
    return new_client(SIGNING, {"name": "login"}, authorization_details_types=["payment"])


def test_details_are_shown_signed_and_returned(signer, device):
    auth_req_id = _start(signer, binding_message="Order 7").json()["auth_req_id"]
    challenge = challenge_of(device)
    assert challenge["message"].splitlines() == [
        *("Order 7", "", "Payment", "Amount / Currency: EUR", "Amount / Value: 12.50", "Creditor: Bob")
    ]
    assert challenge["signing_data"].encode() == rfc8785.dumps(DETAILS)
    device.answer(challenge, approve=True)

    tokens = signer.poll(auth_req_id).json()
    assert tokens["authorization_details"] == DETAILS
    claims = signer.claims(tokens["id_token"])[1]
    assert claims["authorization_details"] == DETAILS
    key = load_pem_public_key(claims["user_public_key"].encode())
    key.verify(b64decode(claims["authorization_details_signature"]), rfc8785.dumps(DETAILS), ECDSA(SHA256()))
    discovery = signer.client.get("/.well-known/openid-configuration").json()
    assert discovery["authorization_details_types_supported"] == ["payment"]


def test_type_that_does_not_sign_shows_the_details(signer, device):
    auth_req_id = _start(signer, acr_values="login").json()["auth_req_id"]
    challenge = challenge_of(device)
    assert challenge["message"].startswith("Payment\nAmount / Currency: EUR\n")
    assert "signing_data" not in challenge
    device.answer(challenge, approve=True)
    claims = signer.claims(signer.poll(auth_req_id).json()["id_token"])[1]
    assert claims["authorization_details"] == DETAILS
    assert not {"authorization_details_signature", "user_public_key"} & set(claims)


def test_details_of_another_type_are_rejected(new_client, device):
    ciba = new_client(SIGNING, authorization_details_types=["account"])
    assert error_of(_start(ciba)) == (400, "invalid_authorization_details")
