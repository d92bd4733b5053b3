"""What clients sign beyond the cases of the conformance suite: single use, keys by URL, and hints about the user."""

import json
import time
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.ciba import keys
from apps.outgoing import key_sets
from apps.transactions.models import Transaction
from tests import factories
from tests.ciba.calls import challenge_of, error_of
from tests.ciba.conformance import suite
from tests.fakes import key_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def signing(client, mobile_type, device):
    """Return a client that authenticates with a signed JWT, with the device of anna."""
    signing = suite.register(client, mobile_type, key_set.key("client-1"))
    signing.device = device
    return signing


def _start(signing, **form):
    """Send an authentication request without a request object."""
    form = {"scope": "openid", "login_hint": "anna", **form, **signing.credentials()}
    return signing.post(suite.AUTHENTICATION, {name: value for name, value in form.items() if value})


def test_assertion_and_request_object_are_used_once(signing):
    credentials = signing.credentials()
    request = key_set.sign(signing.claims(), signing.key)
    assert signing.authenticate(request, credentials).status_code == 200
    assert error_of(signing.authenticate(request, credentials)) == (401, "invalid_client")
    assert error_of(signing.authenticate(request)) == (400, "invalid_request")
    assert Transaction.objects.count() == 1


def test_invalid_assertion_authenticates_no_client(signing):
    for changes in (
        {"sub": "other"},
        {"jti": None},
        {"aud": "https://other.example.com"},
        {"exp": int(time.time()) + 2 * 3600},
        {"iss": "unknown", "sub": "unknown"},
        {"iss": ["x"]},
        {"iss": "\ud800", "sub": "\ud800"},
    ):
        response = signing.authenticate(credentials=signing.credentials(**changes))
        assert error_of(response) == (401, "invalid_client"), changes
    assert not Transaction.objects.exists()


def test_each_client_uses_its_own_methods(signing, ciba):
    secret = {"client_id": signing.client_id, "client_secret": factories.CLIENT_SECRET}
    form = {"scope": "openid", "login_hint": "anna"}
    assert error_of(signing.post(suite.AUTHENTICATION, {**form, **secret})) == (401, "invalid_client")
    both = {**form, **secret, **signing.credentials()}
    assert error_of(signing.post(suite.AUTHENTICATION, both)) == (400, "invalid_request")
    other = {**signing.credentials(), "client_id": ciba.api_client.client_id}
    assert error_of(signing.post(suite.AUTHENTICATION, {**form, **other})) == (401, "invalid_client")
    # A client with a secret signs nothing.
    claims = {"iss": ciba.api_client.client_id, "sub": ciba.api_client.client_id}
    assert error_of(signing.authenticate(credentials=signing.credentials(**claims))) == (401, "invalid_client")


def test_parameters_beside_the_signed_request_are_rejected(signing):
    request = key_set.sign(signing.claims(), signing.key)
    for form in ({"request": request, "login_hint": "bob"}, {"request_uri": "https://other.example.com/request"}):
        response = signing.post(suite.AUTHENTICATION, {**form, **signing.credentials()})
        assert error_of(response) == (400, "invalid_request")
    assert not Transaction.objects.exists()


def test_text_that_cannot_be_stored_is_rejected(signing, settings, ciba):
    for changes in ({"binding_message": "Pay \ud800"}, {"scope": "openid \ud800"}, {"login_hint": "\ud800"}):
        response = signing.authenticate(**changes)
        assert error_of(response) == (400, "invalid_request"), changes
    hint = json.dumps({"format": "iss_sub", "iss": settings.PUBLIC_URL, "sub": "\ud800"})
    assert error_of(_start(signing, login_hint=hint)) == (400, "unknown_user_id")
    members = {"client_id": ciba.api_client.client_id, "client_secret": ciba.secret, "scope": "openid"}
    for name, error in (("binding_message", (400, "invalid_request")), ("client_id", (401, "invalid_client"))):
        body = json.dumps({**members, "login_hint": "anna", name: "Pay \ud800"})
        response = signing.http.generic("POST", suite.AUTHENTICATION, body, content_type="application/json")
        assert error_of(response) == error


def test_client_replaces_its_keys_at_their_url(signing):
    key_sets.clear()
    with key_set.KeySetServer(signing.key) as server:
        signing.row.jwks, signing.row.jwks_uri = {}, f"{server.url}/keys"
        signing.row.save()
        assert signing.authenticate().status_code == 200
        signing.key = key_set.key("client-1-new")
        assert error_of(signing.authenticate()) == (401, "invalid_client")
        server.keys = [signing.key]
        key_sets.clear()
        assert signing.authenticate().status_code == 200


def test_server_of_the_keys_fails(signing):
    key_sets.clear()
    with key_set.KeySetServer() as server:
        signing.row.jwks, signing.row.jwks_uri = {}, f"{server.url}/keys"
        signing.row.save()
        assert error_of(signing.authenticate()) == (401, "invalid_client")


def test_subject_identifier_names_the_user(signing, settings):
    hint = '{"format": "%s", "iss": "%s", "sub": "anna"}'
    assert _start(signing, login_hint=hint % ("iss_sub", settings.PUBLIC_URL)).status_code == 200
    for wrong in (hint % ("iss_sub", "https://other.example.com"), hint % ("email", settings.PUBLIC_URL)):
        assert error_of(_start(signing, login_hint=wrong)) == (400, "unknown_user_id")


def test_id_token_of_the_client_names_the_user(signing, device, ciba):
    started = signing.start()
    device.answer(challenge_of(device), approve=True)
    tokens = signing.token(started["auth_req_id"]).json()
    assert _start(signing, login_hint="", id_token_hint=tokens["id_token"]).status_code == 200
    for wrong in (tokens["access_token"], tokens["id_token"] + "x", "x", key_set.sign({"sub": "anna"}, signing.key)):
        assert error_of(_start(signing, login_hint="", id_token_hint=wrong)) == (400, "invalid_request")
    # An ID token of another client is not a hint, and an expired one is.
    response = ciba.start(login_hint=None, id_token_hint=tokens["id_token"])
    assert error_of(response) == (400, "invalid_request")
    with time_machine.travel(timezone.now() + timedelta(days=100)):
        assert _start(signing, login_hint="", id_token_hint=tokens["id_token"]).status_code == 200
        keys.rotate_by_age()
    # Its key was replaced, and is no longer published.
    with time_machine.travel(timezone.now() + timedelta(days=102)):
        assert len(keys.key_set()["keys"]) == 1
        assert _start(signing, login_hint="", id_token_hint=tokens["id_token"]).status_code == 200


def test_login_hint_token_must_be_signed_by_the_client(signing, settings, ciba):
    claims = {"iss": signing.client_id, "aud": settings.PUBLIC_URL, "sub": "anna"}
    subject = {"format": "iss_sub", "iss": settings.PUBLIC_URL, "sub": "anna"}

    def send(changes, signer=signing.key):
        token = key_set.sign({**claims, **changes}, signer)
        return _start(signing, login_hint="", login_hint_token=token)

    assert send({}).status_code == 200
    assert send({"sub": None, "sub_id": subject}).status_code == 200
    assert error_of(send({"exp": int(time.time()) - 3600})) == (400, "expired_login_hint_token")
    for changes, signer in (({}, key_set.key("other")), ({"aud": "other"}, signing.key), ({"sub": 1}, signing.key)):
        assert error_of(send(changes, signer)) == (400, "unknown_user_id")
    token = key_set.sign(claims, signing.key)
    # A client without keys cannot use such a hint.
    assert error_of(ciba.start(login_hint=None, login_hint_token=token)) == (400, "unknown_user_id")
