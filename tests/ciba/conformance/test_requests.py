"""Modules of the conformance suite of FAPI-CIBA about requests that must be rejected."""

import time

import pytest

from apps.transactions.models import Transaction
from tests.ciba.conformance.suite import MINUTE, assert_error, module, modules
from tests.fakes import key_set

pytestmark = pytest.mark.django_db


def later(minutes):
    return int(time.time()) + minutes * MINUTE


@pytest.mark.parametrize(
    "changes",
    [
        module("ensure-request-object-missing-aud-fails", lambda: {"aud": None}),
        module("ensure-request-object-bad-aud-fails", lambda: {"aud": "https://other.example.com/"}),
        module("ensure-request-object-missing-iss-fails", lambda: {"iss": None}),
        module("ensure-request-object-missing-exp-fails", lambda: {"exp": None}),
        module("ensure-request-object-expired-exp-fails", lambda: {"exp": later(-5)}),
        module("ensure-request-object-exp-is-70-minutes-in-future-fails", lambda: {"exp": later(70)}),
        module("ensure-request-object-missing-iat-fails", lambda: {"iat": None}),
        module("ensure-request-object-missing-nbf-fails", lambda: {"nbf": None}),
        module("ensure-request-object-nbf-is-10-minutes-in-future-fails", lambda: {"nbf": later(10)}),
        module("ensure-request-object-nbf-is-70-minutes-in-past-fails", lambda: {"nbf": later(-70)}),
        module("ensure-request-object-missing-jti-fails", lambda: {"jti": None}),
        module("ensure-authorization-request-with-multiple-hints-fails", lambda: {"id_token_hint": "a.b.c"}),
    ],
)
def test_request_object_is_rejected(first_client, changes):
    claims = {name: value for name, value in {**first_client.claims(), **changes()}.items() if value is not None}
    # `sign` adds an expiry to claims without one.
    claims.setdefault("exp", None)
    assert_error(first_client.authenticate(key_set.sign(claims, first_client.key)), "invalid_request")
    assert not Transaction.objects.exists()


@modules("ensure-request-object-bad-iss-fails")
def test_request_object_of_another_issuer_is_rejected(first_client, second_client, module):
    assert_error(first_client.authenticate(iss=second_client.client_id), "invalid_request")


def signed_by_other(own, other):
    return key_set.sign(own.claims(), other.key)


def with_bad_signature(own, _other):
    signed = key_set.sign(own.claims(), own.key)
    return signed[:-4] + ("AAAA" if not signed.endswith("AAAA") else "BBBB")


def without_signature(own, _other):
    header = "eyJhbGciOiJub25lIn0"
    return f"{header}.{key_set.sign(own.claims(), own.key).split('.')[1]}."


def with_rs256(own, _other):
    return key_set.sign(own.claims(), key_set.key(own.key.kid, "RSA"), "RS256")


@pytest.mark.parametrize(
    "request_object",
    [
        module("ensure-request-object-signature-algorithm-is-none-fails", without_signature),
        module("ensure-request-object-signature-algorithm-is-bad-fails", with_bad_signature),
        module("ensure-request-object-signature-algorithm-is-RS256-fails", with_rs256),
        module("ensure-request-object-signed-by-other-client-fails", signed_by_other),
    ],
)
def test_request_object_with_another_signature_is_rejected(first_client, second_client, request_object):
    assert_error(first_client.authenticate(request_object(first_client, second_client)), "invalid_request")


def by_rsa_key(own, _other):
    return own.credentials(signer=key_set.key(own.key.kid, "RSA"), algorithm="RS256")


def no_assertion(own, _other):
    return {"client_id": own.client_id}


def other_client_id(own, other):
    return {**own.credentials(), "client_id": other.client_id}


@pytest.mark.parametrize(
    "credentials",
    [
        module("ensure-without-client-assertion-in-backchannel-authorization-request", no_assertion),
        module(
            "ensure-client-assertion-signature-algorithm-in-backchannel-authorization-request-is-RS256-fails",
            by_rsa_key,
        ),
        module("ensure-wrong-client-id-in-backchannel-authorization-request", other_client_id),
    ],
)
def test_client_is_not_authenticated_at_the_authentication_endpoint(first_client, second_client, credentials):
    response = first_client.authenticate(credentials=credentials(first_client, second_client))
    assert_error(response, "invalid_client", status=401)


@modules("ensure-different-client-id-and-issuer-in-backchannel-authorization-request")
def test_request_object_of_another_client_is_rejected(first_client, second_client, module):
    request = key_set.sign(second_client.claims(), second_client.key)
    assert_error(first_client.authenticate(request), "invalid_request")


@pytest.mark.parametrize(
    "credentials",
    [
        module("ensure-without-client-assertion-in-token-endpoint-request", no_assertion),
        module("ensure-client-assertion-signature-algorithm-in-token-endpoint-request-is-RS256-fails", by_rsa_key),
        module("ensure-wrong-client-id-in-token-endpoint-request", other_client_id),
    ],
)
def test_client_is_not_authenticated_at_the_token_endpoint(suite_client, second_client, credentials):
    auth_req_id = suite_client.start()["auth_req_id"]
    suite_client.answer(approve=True)
    response = suite_client.token(auth_req_id, credentials(suite_client, second_client))
    assert_error(response, "invalid_client", status=401)
    assert suite_client.token(auth_req_id).status_code == 200


@modules("ensure-wrong-auth-req-id-in-token-endpoint-request")
def test_request_of_another_client_gets_no_tokens(suite_client, second_client, module):
    auth_req_id = suite_client.start()["auth_req_id"]
    suite_client.answer(approve=True)
    assert_error(second_client.token(auth_req_id), "invalid_grant")
