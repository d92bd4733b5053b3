"""Clients of other projects log in without any change: openid-client, @auth0/ai, auth0-python and auth0-ai."""

import json

import jwt
import pytest
from auth0 import Auth0Error
from auth0.authentication import GetToken
from auth0.authentication.back_channel_login import BackChannelLogin
from auth0_ai.interrupts.async_authorization_interrupts import AccessDeniedInterrupt

from tests.clients.ciba import sites
from tests.clients.ciba.runs import DETAILS

pytestmark = pytest.mark.processes


@pytest.fixture
def outcomes(running):
    """Return the outcomes of the logins in JavaScript."""
    return running["javascript"].result()


@pytest.mark.parametrize("login", ["basic", "post", "private key"])
def test_openid_client_logs_in(outcomes, ciba_site, login):
    outcome, client_id = outcomes[login], sites.SIGNED if login == "private key" else sites.POLL
    claims, user_id = outcome["claims"], outcome["userinfo"]["sub"]
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ciba_site["issuer"], client_id, user_id)
    assert (claims["acr"], claims["amr"][0]) == (sites.TYPE, "pop")
    assert outcome["userinfo"] == {"sub": user_id}


def test_openid_client_gets_approved_details(outcomes):
    claims = outcomes["details"]["claims"]
    assert claims["authorization_details"] == DETAILS
    assert claims["authorization_details_signature"]


# openid-client itself ends a login when the request expires.
@pytest.mark.parametrize(("login", "error"), [("denied", "access_denied"), ("expired", "OAUTH_TIMEOUT")])
def test_openid_client_gets_the_error(outcomes, login, error):
    assert outcomes[login]["error"] == error


def test_tool_of_auth0_in_javascript_runs_after_the_approval(outcomes):
    outcome = outcomes["tool approved"]
    assert (outcome["shares"], outcome["tokenType"]) == (3, "Bearer")
    assert outcome["accessToken"]
    assert outcomes["tool denied"] == {"interrupt": "ASYNC_AUTHORIZATION_ACCESS_DENIED"}


def test_tool_of_auth0_in_python_runs_after_the_approval(running):
    outcome = running["auth0-ai", "approve"].result()
    assert (outcome["shares"], outcome["token_type"], outcome["scope"]) == (3, "Bearer", ["openid"])
    assert claims_of(outcome["id_token"])["authorization_details"] == DETAILS
    assert isinstance(running["auth0-ai", "deny"].result(), AccessDeniedInterrupt)


@pytest.fixture
def auth0(portal_site, ciba_site, monkeypatch):
    """Return the requests of auth0-python."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(portal_site.tls.ca_file))
    options = {"domain": ciba_site["domain"], "client_id": sites.POLL, "client_secret": sites.SECRET}
    return BackChannelLogin(**options), GetToken(**options)


def test_auth0_python_logs_in(portal_site, ciba_site, auth0):
    login, tokens = auth0
    device_id = portal_site.phones.enroll("auth0-python")
    hint = json.dumps({"format": "iss_sub", "iss": f"{ciba_site['issuer']}/", "sub": "auth0-python"})
    started = login.back_channel_login("Sign in?", hint, "openid", authorization_details=DETAILS, requested_expiry=60)
    assert (started["expires_in"], started["interval"]) == (60, 5)
    with pytest.raises(Auth0Error) as pending:
        tokens.backchannel_login(started["auth_req_id"])
    assert (pending.value.status_code, pending.value.error_code) == (400, "authorization_pending")
    portal_site.phones.approve_next(device_id)
    response = tokens.backchannel_login(started["auth_req_id"])
    assert claims_of(response["id_token"])["sub"] == "auth0-python"
    with pytest.raises(Auth0Error) as used:
        tokens.backchannel_login(started["auth_req_id"])
    assert used.value.error_code == "invalid_grant"


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_auth0_python_authenticates_with_a_key(portal_site, ciba_site, auth0):
    key = {
        "client_assertion_signing_key": sites.KEY.as_pem(private=True).decode(),
        "client_assertion_signing_alg": "ES256",
    }
    options = {"domain": ciba_site["domain"], "client_id": sites.SIGNED, **key}
    device_id = portal_site.phones.enroll("auth0-python/key")
    started = BackChannelLogin(**options).back_channel_login("Sign in?", "auth0-python/key", "openid")
    portal_site.phones.approve_next(device_id)
    response = GetToken(**options).backchannel_login(started["auth_req_id"])
    assert claims_of(response["id_token"])["aud"] == sites.SIGNED


def test_auth0_python_gets_the_error_of_an_unknown_user(ciba_site, auth0):
    hint = json.dumps({"format": "iss_sub", "iss": f"{ciba_site['issuer']}/", "sub": "auth0-python/unknown"})
    with pytest.raises(Auth0Error) as unknown:
        auth0[0].back_channel_login("Sign in?", hint, "openid")
    assert unknown.value.error_code == "unknown_user_id"


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})
