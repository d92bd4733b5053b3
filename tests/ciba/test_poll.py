"""Poll mode: a request, its states at the token endpoint, and the tokens."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.ciba.models import AuthenticationRequest
from apps.transactions import lifecycle
from apps.transactions.models import Transaction
from clients.python.countersign_device.store import FINGERPRINT
from tests.ciba.calls import challenge_of, error_of
from tests.ciba.conftest import PIN

pytestmark = pytest.mark.django_db


@pytest.fixture
def started(ciba, device):
    """Return the id of a pending request of anna with the type login."""
    return ciba.start().json()["auth_req_id"]


def test_request_is_approved_and_redeemed_for_tokens(ciba, pin_device, event_types):
    response = ciba.start(acr_values="login-pin", binding_message="Pay 5 euro to Bob", requested_expiry="120")
    assert response.status_code == 200
    assert response.json() == {"auth_req_id": response.json()["auth_req_id"], "expires_in": 120, "interval": 5}
    auth_req_id = response.json()["auth_req_id"]
    assert auth_req_id not in AuthenticationRequest.objects.get().auth_req_id_hash
    assert error_of(ciba.poll(auth_req_id)) == (400, "authorization_pending")

    challenge = challenge_of(pin_device)
    assert challenge["message"] == "Pay 5 euro to Bob"
    pin_device.answer(challenge, approve=True, pin=PIN)
    response = ciba.poll(auth_req_id)
    assert response.status_code == 200
    tokens = response.json()
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 300, "openid")
    assert set(tokens) == {"access_token", "token_type", "expires_in", "id_token", "scope"}
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Pragma"] == "no-cache"
    assert ciba.userinfo(tokens["access_token"]).json() == {"sub": "anna"}
    assert error_of(ciba.poll(auth_req_id)) == (400, "invalid_grant")
    kinds = event_types()
    assert kinds.count("CIBA_REQUEST_ACCEPTED") == kinds.count("CIBA_TOKENS_ISSUED") == 1


APPROVALS = [
    ("push", {}, ["pop", "swk"]),
    ("push_with_pin", {"pin": PIN}, ["pop", "swk", "pin", "mfa"]),
    ("push_with_fingerprint", {"authenticator": FINGERPRINT}, ["pop", "swk", "fpt", "mfa"]),
    ("push_with_fingerprint", {"pin": PIN}, ["pop", "swk", "pin", "mfa"]),
    ("push_with_custom_authenticator", {"authenticator": "face"}, ["pop", "swk", "mfa"]),
]


def test_claims_describe_what_unlocked_the_approval(new_client, pin_device):
    ciba = new_client(
        *({"name": method, "method": method} for method in dict.fromkeys(approval[0] for approval in APPROVALS))
    )
    pin_device.register_fingerprint(pin=PIN)
    pin_device.register_custom("face", pin=PIN)
    for method, unlock, references in APPROVALS:
        auth_req_id = ciba.start(acr_values=method).json()["auth_req_id"]
        assert pin_device.answer(challenge_of(pin_device), approve=True, **unlock) == "authenticated"
        _header, claims = ciba.claims(ciba.poll(auth_req_id).json()["id_token"])
        assert (claims["acr"], claims["amr"]) == (method, references)


def test_tokens_have_the_claims_of_their_standards(ciba, started, device):
    before = int(time.time()) - 1
    device.answer(challenge_of(device), approve=True)
    tokens, transaction = ciba.poll(started).json(), Transaction.objects.get()
    header, claims = ciba.claims(tokens["id_token"])
    assert (header["alg"], header["typ"]) == ("ES256", "JWT")
    issuer, client_id = "http://localhost:8000", ciba.api_client.client_id
    about_user = {"iss": issuer, "sub": "anna", "acr": "login", "amr": ["pop", "swk"]}
    assert claims | about_user | {"aud": client_id, "txn": str(transaction.pk)} == claims
    assert before <= claims["auth_time"] <= claims["iat"] == claims["exp"] - 300
    header, access = ciba.claims(tokens["access_token"])
    assert header["typ"] == "at+jwt"
    assert access | about_user | {"aud": issuer, "client_id": client_id, "scope": "openid"} == access
    assert access["jti"]


def test_early_poll_lengthens_the_interval(ciba, started):
    assert error_of(ciba.poll(started)) == (400, "authorization_pending")
    response = ciba.poll(started)
    assert error_of(response) == (400, "slow_down")
    assert response.headers["Retry-After"] == "10"
    assert AuthenticationRequest.objects.get().interval == 10
    for seconds, interval, error in ((6, 15, "slow_down"), (15, 15, "authorization_pending")):
        AuthenticationRequest.objects.update(last_polled_at=timezone.now() - timedelta(seconds=seconds))
        assert error_of(ciba.poll(started)) == (400, error)
        assert AuthenticationRequest.objects.get().interval == interval


def test_approval_is_redeemed_without_waiting_for_the_interval(ciba, started, device):
    assert error_of(ciba.poll(started)) == (400, "authorization_pending")
    device.answer(challenge_of(device), approve=True)
    assert ciba.poll(started).status_code == 200


@pytest.mark.parametrize("is_fraud", [False, True])
def test_denial_is_access_denied(ciba, started, device, is_fraud):
    challenge = challenge_of(device)
    content = {"transaction_id": challenge["transaction_id"], "token": challenge["token"], "authenticated": False}
    device.send_answer(challenge["transaction_id"], device.seal({**content, "fraud": is_fraud}))
    for _repeat in range(2):
        assert error_of(ciba.poll(started)) == (400, "access_denied")


def test_cancelled_request_is_access_denied(ciba, started):
    assert lifecycle.cancel(Transaction.objects.select_related("client").get())
    assert error_of(ciba.poll(started)) == (400, "access_denied")


def test_expired_request_is_expired_before_and_after_the_sweep(ciba, started):
    Transaction.objects.update(expires_at=timezone.now())
    assert error_of(ciba.poll(started)) == (400, "expired_token")
    assert lifecycle.expire_due() == 1
    assert error_of(ciba.poll(started)) == (400, "expired_token")


def test_approval_can_be_redeemed_shortly_after_the_expiry(ciba, started, device):
    device.answer(challenge_of(device), approve=True)
    request = AuthenticationRequest.objects.get()
    assert request.expires_at - request.transaction.expires_at == timedelta(seconds=60)
    AuthenticationRequest.objects.update(expires_at=timezone.now())
    assert error_of(ciba.poll(started)) == (400, "expired_token")


def test_request_of_another_client_is_an_invalid_grant(ciba, started, new_client, device, event_types):
    other = new_client({"name": "other"})
    device.answer(challenge_of(device), approve=True)
    for auth_req_id in (started, "unknown", "\x00", "\u20ac" * 5000):
        assert error_of(other.poll(auth_req_id)) == (400, "invalid_grant")
    assert event_types().count("CIBA_TOKEN_REQUEST_REJECTED") == 1
    assert ciba.poll(started).status_code == 200
