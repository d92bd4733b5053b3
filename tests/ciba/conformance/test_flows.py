"""Modules of the conformance suite of FAPI-CIBA about complete flows."""

import time
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from tests.ciba.conformance.suite import assert_error, module, modules, verify

pytestmark = pytest.mark.django_db
# An emoji of two code points, and Chinese.
UNUSUAL = "1234 \U0001f44d\U0001f3ff 品川"
LONG = " Please confirm that you start this on your own account." * 10
SIGNING_ALGORITHMS = {"PS256", "ES256"}


@modules("discovery-end-point-verification")
def test_discovery_has_what_the_suite_requires(first_client, client, module):
    document = client.get("/.well-known/openid-configuration").json()
    assert document["issuer"] == settings.PUBLIC_URL
    for name in ("token_endpoint", "jwks_uri", "userinfo_endpoint", "backchannel_authentication_endpoint"):
        assert document[name].startswith(f"{settings.PUBLIC_URL}/")
    assert "urn:openid:params:grant-type:ciba" in document["grant_types_supported"]
    assert {"poll", "ping"} <= set(document["backchannel_token_delivery_modes_supported"])
    assert set(document["backchannel_authentication_request_signing_alg_values_supported"]) >= SIGNING_ALGORITHMS
    assert set(document["token_endpoint_auth_signing_alg_values_supported"]) >= SIGNING_ALGORITHMS
    assert set(document["id_token_signing_alg_values_supported"]) & SIGNING_ALGORITHMS
    assert "private_key_jwt" in document["token_endpoint_auth_methods_supported"]
    assert document["backchannel_user_code_parameter_supported"] is False
    assert document["scopes_supported"] == ["openid"]


@modules("")
def test_flow_returns_tokens_once(suite_client, client, module):
    before = int(time.time())
    started = suite_client.start()
    # At least 128 bits in base64url.
    assert len(started["auth_req_id"]) >= 22
    assert started["expires_in"] > 0
    assert started["interval"] > 0
    pending = suite_client.token(started["auth_req_id"])
    assert_error(pending, "authorization_pending")
    with time_machine.travel(timezone.now() + timedelta(seconds=started["interval"] + 1)):
        suite_client.answer(approve=True)
        response = suite_client.token(started["auth_req_id"])
        assert response.status_code == 200, response.content
        authorization = {"Authorization": f"Bearer {response.json()['access_token']}"}
        assert client.get("/oauth/userinfo", headers=authorization).json() == {"sub": "anna"}
    assert "no-store" in response["Cache-Control"]
    tokens = response.json()
    assert tokens["token_type"] == "Bearer"
    verified = verify(tokens["id_token"], client.get("/oauth/jwks").json())
    assert verified["iss"] == settings.PUBLIC_URL
    assert verified["aud"] == suite_client.client_id
    assert verified["sub"] == "anna"
    assert before <= verified["iat"] <= verified["exp"]
    assert verified["auth_time"] >= before
    assert_error(suite_client.token(started["auth_req_id"]), "invalid_grant")


@modules("user-rejects-authentication")
def test_denied_request_gets_access_denied(suite_client, module):
    auth_req_id = suite_client.start()["auth_req_id"]
    suite_client.answer(approve=False)
    assert_error(suite_client.token(auth_req_id), "access_denied")


@modules("multiple-call-to-token-endpoint")
def test_early_token_requests_are_slowed_down(suite_client, module):
    auth_req_id = suite_client.start()["auth_req_id"]
    assert_error(suite_client.token(auth_req_id), "authorization_pending")
    for _request in range(3):
        assert_error(suite_client.token(auth_req_id), "authorization_pending", "slow_down")


@modules("auth-req-id-expired")
def test_expired_request_gets_expired_token(suite_client, module):
    started = suite_client.start(requested_expiry=10)
    assert started["expires_in"] == 10
    with time_machine.travel(timezone.now() + timedelta(seconds=11)):
        assert_error(suite_client.token(started["auth_req_id"]), "expired_token")


@pytest.mark.parametrize(
    "changes",
    [
        module("ensure-requested-expiry-as-string-succeeds", {"requested_expiry": "30"}),
        module("ensure-authorization-request-with-binding-message-succeeds", {"binding_message": "1234"}),
        module("connectid-ensure-authorization-request-with-purpose-succeeds", {"binding_message": "Confirm your age"}),
        module("ensure-other-scope-order-succeeds", {"scope": "profile openid"}),
    ],
)
def test_request_succeeds(suite_client, changes):
    started = suite_client.start(**changes)
    [waiting] = suite_client.device.pending()
    assert suite_client.device.fetch(waiting["transaction_id"])["message"] == changes.get("binding_message", "1234")
    if "requested_expiry" in changes:
        assert started["expires_in"] == int(changes["requested_expiry"])
    suite_client.answer(approve=True)
    assert suite_client.token(started["auth_req_id"]).status_code == 200


@modules("ensure-client-assertion-with-iss-aud-to-token-endpoint-succeeds")
def test_assertion_can_be_for_the_issuer_or_an_endpoint(suite_client, module):
    for path in ("", "/", "/oauth/token", "/oauth/bc-authorize"):
        auth_req_id = suite_client.start()["auth_req_id"]
        suite_client.answer(approve=True)
        credentials = suite_client.credentials(aud=settings.PUBLIC_URL + path)
        assert suite_client.token(auth_req_id, credentials).status_code == 200, path


@modules("ensure-authorization-request-with-potentially-bad-binding-message")
def test_long_message_is_rejected_and_unusual_characters_are_shown(suite_client, module):
    assert_error(suite_client.authenticate(binding_message=UNUSUAL + LONG), "invalid_binding_message")
    suite_client.start(binding_message=UNUSUAL)
    [waiting] = suite_client.device.pending()
    assert suite_client.device.fetch(waiting["transaction_id"])["message"] == UNUSUAL


@modules("connectid-ensure-txn-returned-when-not-requested")
def test_id_token_has_the_transaction_id(suite_client, client, module):
    auth_req_id = suite_client.start()["auth_req_id"]
    [waiting] = suite_client.device.pending()
    suite_client.answer(approve=True)
    id_token = suite_client.token(auth_req_id).json()["id_token"]
    assert verify(id_token, client.get("/oauth/jwks").json())["txn"] == waiting["transaction_id"]
