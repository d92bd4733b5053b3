"""Clients of other projects log in without any change: openid-client, @auth0/ai, auth0-python and auth0-ai.

They wait for the interval before they poll, so all of them run at the same time.
"""

import asyncio
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from auth0 import Auth0Error
from auth0.authentication import GetToken
from auth0.authentication.back_channel_login import BackChannelLogin
from auth0_ai.authorizers.async_authorization.async_authorizer_base import (
    AsyncAuthorizerBase,
    get_async_authorization_credentials,
)
from auth0_ai.interrupts.async_authorization_interrupts import AccessDeniedInterrupt

from tests.clients.ciba import sites

pytestmark = pytest.mark.processes
DETAILS = [{"type": "transfer", "payee": "Bob", "amount": "20.00"}]


class Tool:
    """Tool of auth0-ai that runs when the user has approved."""

    def __init__(self, site, phones, user_id):
        self.phones, self.device_id = phones, phones.enroll(user_id)
        authorizer = AsyncAuthorizerBase(
            {
                "scopes": ["stock:trade"],
                "user_id": user_id,
                "binding_message": "Buy 3 shares?",
                "authorization_details": DETAILS,
                "on_authorization_request": "block",
            },
            {"domain": site["domain"], "client_id": sites.POLL, "client_secret": sites.SECRET},
        )
        context = {"thread_id": user_id, "tool_call_id": "1", "tool_name": "buy"}
        self.run = authorizer.protect(lambda **_arguments: context, self.buy)

    def buy(self, shares):
        return {"shares": shares, **get_async_authorization_credentials()}

    def call(self, answer):
        """Call the tool. `answer` is what the user does on the device. Return the result or the interrupt."""
        with ThreadPoolExecutor() as executor:
            answered = executor.submit(answer, self.device_id)
            try:
                return asyncio.run(self.run(shares=3))
            except AccessDeniedInterrupt as interrupt:
                return interrupt
            finally:
                answered.result()


@pytest.fixture(scope="module")
def outcomes(portal_site, ciba_package, ciba_site):
    """Run all logins at once. Return the outcome of each login."""
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(portal_site.tls.ca_file), "SITE": json.dumps(ciba_site)}
    process = subprocess.Popen(
        [ciba_package.node, "--no-warnings", "logins.js"],
        cwd=ciba_package.path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor() as executor:
        patch.setenv("REQUESTS_CA_BUNDLE", str(portal_site.tls.ca_file))
        phones = portal_site.phones
        approved = executor.submit(Tool(ciba_site, phones, "auth0-ai/approved").call, phones.approve_next)
        denied = executor.submit(Tool(ciba_site, phones, "auth0-ai/denied").call, phones.deny_next)
        results = {"auth0-ai approved": approved.result(), "auth0-ai denied": denied.result()}
    output, _errors = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return {**json.loads(output), **results}


@pytest.mark.parametrize("login", ["basic", "post", "private key"])
def test_openid_client_logs_in(outcomes, ciba_site, login):
    outcome, client_id = outcomes[login], sites.SIGNED if login == "private key" else sites.POLL
    user_id = outcome["userinfo"]["sub"]
    claims = outcome["claims"]
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ciba_site["issuer"], client_id, user_id)
    assert (claims["acr"], claims["amr"][0]) == (sites.TYPE, "pop")
    assert outcome["userinfo"] == {"sub": user_id}


# openid-client itself ends a login when the request expires.
@pytest.mark.parametrize(("login", "error"), [("denied", "access_denied"), ("expired", "OAUTH_TIMEOUT")])
def test_openid_client_gets_the_error(outcomes, login, error):
    assert outcomes[login]["error"] == error


def test_tool_of_auth0_in_javascript_runs_after_the_approval(outcomes):
    outcome = outcomes["tool approved"]
    assert (outcome["shares"], outcome["tokenType"]) == (3, "Bearer")
    assert outcome["accessToken"]
    assert outcomes["tool denied"] == {"interrupt": "ASYNC_AUTHORIZATION_ACCESS_DENIED"}


def test_tool_of_auth0_in_python_runs_after_the_approval(outcomes):
    outcome = outcomes["auth0-ai approved"]
    assert (outcome["shares"], outcome["token_type"], outcome["scope"]) == (3, "Bearer", ["openid"])
    assert claims_of(outcome["id_token"])["sub"] == "auth0-ai/approved"
    assert isinstance(outcomes["auth0-ai denied"], AccessDeniedInterrupt)


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


def test_auth0_python_gets_the_error_of_an_unknown_user(ciba_site, auth0):
    hint = json.dumps({"format": "iss_sub", "iss": f"{ciba_site['issuer']}/", "sub": "auth0-python/unknown"})
    with pytest.raises(Auth0Error) as unknown:
        auth0[0].back_channel_login("Sign in?", hint, "openid")
    assert unknown.value.error_code == "unknown_user_id"


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})
