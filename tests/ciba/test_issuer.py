"""The issuer: discovery, key set, rotation of the signing keys, and userinfo."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.ciba import maintenance
from apps.ciba.models import SigningKey, UsedAssertion
from apps.common import short_cache
from tests.ciba.calls import challenge_of
from tests.commands.command_runner import run

pytestmark = pytest.mark.django_db
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def tokens(ciba, device):
    """Return a function that approves a request and returns its tokens."""

    def approve():
        auth_req_id = ciba.start().json()["auth_req_id"]
        device.answer(challenge_of(device), approve=True)
        return ciba.poll(auth_req_id).json()

    return approve


@pytest.fixture
def at():
    """Return a context in which a time has passed. The cache of the process is empty then."""

    def travel(**passed):
        short_cache.clear()
        return time_machine.travel(timezone.now() + timedelta(**passed), tick=True)

    return travel


def published(client):
    return [key["kid"] for key in client.get("/oauth/jwks").json()["keys"]]


def test_discovery_names_the_endpoints_that_work(ciba, client):
    response = client.get(DISCOVERY)
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert "Pragma" not in response.headers
    document, issuer = response.json(), "http://localhost:8000"
    assert document["issuer"] == issuer
    for name, path in document.items():
        if name.endswith(("_endpoint", "_uri")):
            status = client.get(path.removeprefix(issuer)).status_code
            assert status in {"jwks_uri": [200], "userinfo_endpoint": [401]}.get(name, [405]), name
    assert document["grant_types_supported"] == ["urn:openid:params:grant-type:ciba"]
    assert document["id_token_signing_alg_values_supported"] == ["ES256"]
    assert document["backchannel_user_code_parameter_supported"] is False


@pytest.mark.parametrize("path", [DISCOVERY, "/oauth/jwks"])
def test_server_without_clients_is_no_issuer(client, db, path):
    response = client.get(path)
    assert (response.status_code, response.json()["error"]) == (404, "not_found")
    assert not SigningKey.objects.exists()


def test_key_set_has_public_keys_only(ciba, client):
    response = client.get("/oauth/jwks")
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    [key] = response.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["crv"], key["use"], key["alg"]) == ("P-256", "sig", "ES256")


def test_rotated_key_is_published_before_it_signs_and_after_it_was_replaced(ciba, client, tokens, at):
    old = ciba.claims(tokens()["id_token"])[0]["kid"]
    result = run("rotate_ciba_key", "--json")
    new = json.loads(result.out)["kid"]
    assert json.loads(run("rotate_ciba_key", "--json").out)["kid"] == new
    assert published(client) == [old, new]
    assert ciba.claims(tokens()["id_token"])[0]["kid"] == old
    with at(hours=3):
        assert ciba.claims(tokens()["id_token"])[0]["kid"] == new
        assert set(published(client)) == {old, new}
    with at(hours=27):
        assert published(client) == [new]
        maintenance.run()
        assert not SigningKey.objects.get(kid=old).private_key
        assert ciba.claims(tokens()["id_token"])[0]["kid"] == new


def test_disclosed_key_is_withdrawn_at_once(ciba, client, tokens):
    before = tokens()
    assert ciba.start(login_hint=None, id_token_hint=before["id_token"]).status_code == 200
    run("rotate_ciba_key")
    assert run("rotate_ciba_key", "--now").code == 0
    short_cache.clear()
    assert len(published(client)) == SigningKey.objects.count() == 1
    assert ciba.userinfo(before["access_token"]).status_code == 401
    assert ciba.start(login_hint=None, id_token_hint=before["id_token"]).json()["error"] == "invalid_request"
    assert ciba.userinfo(tokens()["access_token"]).status_code == 200


def test_worker_rotates_an_old_key_and_deletes_expired_assertions(ciba, client, at):
    [old] = published(client)
    maintenance.run()
    UsedAssertion.objects.create(client=ciba.api_client, jti_hash="a", expires_at=timezone.now() + timedelta(hours=1))
    assert published(client) == [old]
    with at(days=91):
        maintenance.run()
        maintenance.run()
        assert len(published(client)) == 2
        assert not UsedAssertion.objects.exists()


def test_userinfo_accepts_access_tokens_only(ciba, tokens, at, settings):
    issued = tokens()
    assert ciba.userinfo(issued["access_token"]).json() == {"sub": "anna"}
    response = ciba.userinfo("")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Countersign"'
    tampered = issued["access_token"][:-4] + "AAAA"
    for token in (issued["id_token"], tampered, "a.b.c", "x" * 9000, "\u20ac"):
        response = ciba.userinfo(token.encode().decode("latin-1"))
        assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="Countersign", error="invalid_token"'
    with at(minutes=6):
        assert ciba.userinfo(issued["access_token"]).status_code == 401
    settings.PUBLIC_URL = "https://other.example"
    assert ciba.userinfo(issued["access_token"]).status_code == 401
