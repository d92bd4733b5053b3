"""Requests of Keycloak's channel that are rejected: bearer tokens, permissions, bodies and limits."""

import base64
import hmac
import json

import pytest

from apps.events.models import Event
from apps.outgoing import key_sets
from apps.system.models import Features, GeneralConfiguration
from apps.transactions.models import Transaction
from tests.fakes import key_set
from tests.integrations.conftest import PATH

pytestmark = pytest.mark.django_db
BODY = {"login_hint": "anna"}


def base64url(content):
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def encoded(members):
    return base64url(json.dumps(members).encode())


def unsigned(keycloak):
    return f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(keycloak.claims())}."


def signed_with_the_public_key(keycloak):
    """Return a token signed by HMAC with the public key of the realm as the secret."""
    secret = keycloak.keys[0].as_pem(private=False)
    signed = f"{encoded({'alg': 'HS256', 'kid': keycloak.keys[0].kid})}.{encoded(keycloak.claims())}"
    return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"


def with_its_own_key(keycloak):
    signer = key_set.key(keycloak.keys[0].kid)
    return keycloak.sign(keycloak.claims(), signer, jwk=signer.as_dict(private=False))


def with_a_changed_payload(keycloak):
    header, _payload, signature = keycloak.sign(keycloak.claims()).split(".")
    payload = keycloak.sign(keycloak.claims(sub="other")).split(".")[1]
    return f"{header}.{payload}.{signature}"


def claims(**changes):
    return lambda keycloak: keycloak.sign(keycloak.claims(**changes))


def header(**members):
    return lambda keycloak: keycloak.sign(keycloak.claims(), **members)


REJECTED_TOKENS = {
    "no token": lambda _keycloak: "",
    "not a token": lambda _keycloak: "a.b",
    "too long": claims(more="x" * 20_000),
    "no signature": unsigned,
    "public key as secret": signed_with_the_public_key,
    "own key": with_its_own_key,
    "changed payload": with_a_changed_payload,
    "unknown key": lambda keycloak: keycloak.sign(keycloak.claims(), key_set.key("unknown")),
    "jku": header(jku="https://attacker.example.com/keys"),
    "expired": claims(exp=1_700_000_000),
    "no expiry": claims(exp=None),
    "expires too early": lambda keycloak: keycloak.sign(keycloak.claims(exp=keycloak.now() + 5)),
    "not valid yet": lambda keycloak: keycloak.sign(keycloak.claims(nbf=keycloak.now() + 300)),
    "another issuer": claims(iss="https://sso.example.com/realms/other"),
    "another audience": claims(aud="account"),
    "refresh token": claims(typ="Refresh"),
    "no id": claims(jti=None),
    "id is not text": claims(jti=7),
    "no client": claims(azp=None),
    "no subject": claims(sub=None),
}


def test_invalid_tokens_are_rejected(keycloak, post, device):
    responses = {name: post(BODY, token(keycloak)) for name, token in REJECTED_TOKENS.items()}
    outcomes = {name: (response.status_code, response.json()["error"]) for name, response in responses.items()}
    assert outcomes == dict.fromkeys(REJECTED_TOKENS, (401, "invalid_token"))
    assert all(response["WWW-Authenticate"].startswith("Bearer") for response in responses.values())
    assert not Transaction.objects.exists()


def test_rejected_token_is_an_event_with_the_reason_and_without_the_token(keycloak, post, api_client):
    for _number in range(2):
        post(BODY, claims(iss="https://sso.example.com/realms/other")(keycloak))
    event = Event.objects.get(event_type="API_AUTHENTICATION_FAILED")
    assert event.client_id == api_client.client_id
    assert event.details["reason"] == "invalid_token: another issuer"
    assert "eyJ" not in json.dumps(event.details)


def test_issuer_can_differ_from_the_realm_url(keycloak, post, device, integration):
    integration.issuer = "https://sso.example.com/realms/demo"
    integration.save()
    token = claims(iss=integration.issuer, aud=[integration.issuer])
    assert post(BODY, token(keycloak)).status_code == 201
    assert post(BODY, claims()(keycloak)).status_code == 401


def restrict_addresses(integration):
    integration.api_client.ip_allow_list = ["192.0.2.0/24"]
    integration.api_client.save()


def remove_api(integration):
    integration.api_client.apis = ["events"]
    integration.api_client.save()


def turn_off(_integration):
    features = Features.get_solo()
    features.mobile_authentication = False
    features.save()


def limit_pushes(_integration):
    general = GeneralConfiguration.get_solo()
    general.max_pending_transactions = 1
    general.save()


def rename(integration):
    integration.name = "other"
    integration.save()


@pytest.mark.parametrize(
    ("change", "requests", "status", "error"),
    [
        (restrict_addresses, 1, 403, "access_denied"),
        (remove_api, 1, 400, "unauthorized_client"),
        (turn_off, 1, 404, "feature_disabled"),
        (rename, 1, 404, "not_found"),
        (limit_pushes, 2, 429, "limit_reached"),
    ],
)
def test_limits_and_permissions_of_the_client_apply(
    keycloak, post, device, integration, change, requests, status, error
):
    change(integration)
    responses = [post(BODY, claims()(keycloak)) for _number in range(requests)]
    assert (responses[-1].status_code, responses[-1].json()["error"]) == (status, error)
    assert ("Retry-After" in responses[-1]) is (status == 429)


def test_request_waits_for_keys_of_the_realm(keycloak, post, integration, settings):
    keycloak.script["/realms/demo/protocol/openid-connect/certs"] = [{"status": 500}]
    response = post(BODY, claims()(keycloak))
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    key_sets.clear()
    assert post(BODY, claims()(keycloak)).status_code == 503
    assert len(keycloak.received) == 1


INVALID_BODIES = [
    ("{", 400, "invalid_request"),
    ([], 400, "invalid_request"),
    ({}, 400, "invalid_request"),
    ({"login_hint": None}, 400, "invalid_request"),
    ({"login_hint": 7}, 400, "invalid_request"),
    ({"login_hint": "anna", "binding_message": ["x"]}, 400, "invalid_request"),
    ('{"login_hint": "anna", "login_hint": "bob"}', 400, "invalid_request"),
    ({"login_hint": "anna", "binding_message": "x" * 156}, 400, "message_too_long"),
    ({"login_hint": "unknown"}, 404, "not_found"),
]


def test_invalid_bodies_start_nothing(keycloak, post, device):
    responses = [post(body, claims()(keycloak)) for body, _status, _error in INVALID_BODIES]
    outcomes = [(response.status_code, response.json()["error"]) for response in responses]
    assert outcomes == [(status, error) for _body, status, error in INVALID_BODIES]
    assert not Transaction.objects.exists()


def test_other_methods_and_content_types_are_rejected_as_json(client, keycloak, post, integration):
    assert client.get(PATH).json()["error"] == "method_not_allowed"
    response = post("login_hint=anna", claims()(keycloak), content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["error"]) == (415, "unsupported_media_type")
    assert client.get("/integrations/other").json()["error"] == "not_found"
