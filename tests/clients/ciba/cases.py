"""Requests that both servers get. Each is a name, an endpoint, a form and the headers."""

import json
from dataclasses import dataclass, field

from tests.clients.ciba.servers import GRANT_TYPE, USERS, basic
from tests.clients.ciba.sites import OTHER, PING, POLL, POST, SECRET

ANNA = USERS[0]
CLIENT = basic(POLL)
GOOD = {"scope": "openid", "login_hint": ANNA}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Case:
    name: str
    endpoint: str
    fields: object
    headers: dict = field(default_factory=lambda: CLIENT)
    method: str = "POST"

    def send(self, server):
        return server.request(self.endpoint, self.fields, self.headers, self.method)


def authentication(name, fields, headers=CLIENT, method="POST"):
    return Case(name, "authentication", fields, headers, method)


def token(name, fields, headers=CLIENT):
    return Case(name, "token", fields, headers)


def without(name):
    return {key: value for key, value in GOOD.items() if key != name}


AUTHENTICATION = [
    authentication("request", GOOD),
    authentication("secret in the form", {**GOOD, "client_id": POST, "client_secret": SECRET}, {}),
    authentication("unknown parameter", {**GOOD, "audience": "", "custom": "1"}),
    authentication("binding_message", {**GOOD, "binding_message": "Pay 20 € to Bob?"}),
    authentication("binding_message with a line break", {**GOOD, "binding_message": "a\nb\u0000"}),
    authentication("requested_expiry", {**GOOD, "requested_expiry": "60"}),
    authentication("requested_expiry 0", {**GOOD, "requested_expiry": "0"}),
    authentication("requested_expiry negative", {**GOOD, "requested_expiry": "-5"}),
    authentication("requested_expiry not a number", {**GOOD, "requested_expiry": "soon"}),
    authentication("acr_values of an unknown type", {**GOOD, "acr_values": "gold"}),
    authentication("no scope", without("scope")),
    authentication("scope without openid", {**GOOD, "scope": "profile"}),
    authentication("scope with an unknown value", {**GOOD, "scope": "openid unknown"}),
    authentication("no hint", without("login_hint")),
    authentication("empty hint", {**GOOD, "login_hint": ""}),
    authentication("two hints", {**GOOD, "id_token_hint": "a.b.c"}),
    authentication("unknown user", {**GOOD, "login_hint": "compared/unknown"}),
    authentication("id_token_hint that is no token", {"scope": "openid", "id_token_hint": "a.b.c"}),
    authentication("login_hint_token that is no token", {"scope": "openid", "login_hint_token": "a.b.c"}),
    authentication("request object that is no token", {"request": "a.b.c"}),
    authentication("parameter twice", [*GOOD.items(), ("scope", "openid")]),
    authentication("body in JSON", json.dumps(GOOD), {**CLIENT, **JSON}),
    authentication("empty body", ""),
    authentication("ping client without a token", GOOD, basic(PING)),
    authentication("ping client with an invalid token", {**GOOD, "client_notification_token": "a b"}, basic(PING)),
    authentication("ping client with a long token", {**GOOD, "client_notification_token": "a" * 1025}, basic(PING)),
    authentication("poll client with a token", {**GOOD, "client_notification_token": "a b"}),
    authentication("client without the grant", GOOD, basic(OTHER)),
    authentication("no client", GOOD, {}),
    authentication("unknown client", GOOD, basic("unknown")),
    authentication("wrong secret", GOOD, basic(POLL, "wrong")),
    authentication("wrong secret in the form", {**GOOD, "client_id": POST, "client_secret": "wrong"}, {}),
    authentication("Basic that cannot be decoded", GOOD, {"Authorization": "Basic ~"}),
    authentication("two ways to authenticate", {**GOOD, "client_id": POLL, "client_secret": SECRET}),
    authentication("GET", GOOD, method="GET"),
]
TOKEN = [
    token("unknown auth_req_id", {"grant_type": GRANT_TYPE, "auth_req_id": "unknown"}),
    token("no auth_req_id", {"grant_type": GRANT_TYPE}),
    token("no grant_type", {"auth_req_id": "unknown"}),
    token("unknown grant_type", {"grant_type": "magic", "auth_req_id": "unknown"}),
    token("grant_type of a password", {"grant_type": "password", "username": ANNA, "password": "x"}),
    token("auth_req_id twice", [("grant_type", GRANT_TYPE), ("auth_req_id", "a"), ("auth_req_id", "a")]),
    token("wrong secret at the token endpoint", {"grant_type": GRANT_TYPE, "auth_req_id": "a"}, basic(POLL, "wrong")),
    token("no client at the token endpoint", {"grant_type": GRANT_TYPE, "auth_req_id": "a"}, {}),
    token("other client without the grant", {"grant_type": GRANT_TYPE, "auth_req_id": "a"}, basic(OTHER)),
]
USERINFO = [
    Case("userinfo without a token", "userinfo", "", {}, "GET"),
    Case("userinfo with an unknown token", "userinfo", "", {"Authorization": "Bearer unknown"}, "GET"),
]
CASES = [*AUTHENTICATION, *TOKEN, *USERINFO]
# Requests in the course of a flow, which the test of the comparison makes.
FLOWS = ["pending", "polled too early", "approved", "used", "denied", "expired", "other client's", "userinfo"]
