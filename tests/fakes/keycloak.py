"""Fake Keycloak with one realm, after its HTTP authentication channel of CIBA (`ciba-http-auth-channel`).

It signs the bearer token of a request as the realm does, publishes the keys, and has the callback endpoint: a result is
accepted once, and a second one discards the request. Tokens are issued to the client that polls after a success.
"""

import json
import time
import uuid

from joserfc import jws
from joserfc.errors import JoseError

from tests.fakes import fake_server, key_set

REALM = "/realms/demo"
CERTS = REALM + "/protocol/openid-connect/certs"
CALLBACK = REALM + "/protocol/openid-connect/ext/ciba/auth/callback"
# Making an RSA key takes a while, so that the fakes share it.
FIRST_KEY = key_set.key("first", "RSA")
PENDING, DENIED, APPROVED = "authorization_pending", "access_denied", "tokens"


class Keycloak(fake_server.FakeServer):
    """Fake of the server. `requests` has the state of each request by the id of its bearer token (`jti`)."""

    def __init__(self, port=0):
        super().__init__(port)
        self.keys = [FIRST_KEY]
        self.requests = {}
        self.lifetime_seconds = 120
        # Clock relative to that of the tests.
        self.seconds_passed = 0

    @property
    def realm_url(self):
        return self.url + REALM

    def now(self):
        return int(time.time()) + self.seconds_passed

    def claims(self, **changes):
        """Return the claims of a bearer token. Claims set to None are omitted."""
        issued_at = self.now()
        claims = {
            "exp": issued_at + self.lifetime_seconds,
            "iat": issued_at,
            "jti": str(uuid.uuid4()),
            "iss": self.realm_url,
            "aud": self.realm_url,
            "sub": "0f7d2c7e-3b1c-4d0e-9c5c-6f0f6a1f5d11",
            "typ": "Bearer",
            "azp": "shop",
        }
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    def sign(self, claims, signer=None, algorithm="", **header):
        signer = signer or self.keys[0]
        algorithm = algorithm or {"RSA": "RS256", "EC": "ES256"}.get(signer.key_type, "HS256")
        protected = {"alg": algorithm, "typ": "JWT", "kid": signer.kid, **header}
        return jws.serialize_compact(protected, json.dumps(claims).encode(), signer, algorithms=[algorithm])

    def authenticate(self, post, login_hint="anna", **members):
        """Delegate an authentication: `post` sends a body and a bearer token, and returns the response.

        Return the response and the id of the request.
        """
        claims = self.claims()
        body = {"binding_message": None, "acr_values": None, "scope": "openid", "is_consent_required": False}
        response = post({"login_hint": login_hint, **body, **members}, self.sign(claims))
        if response.status_code == 201:
            self.requests[claims["jti"]] = PENDING
        return response, claims["jti"]

    def poll(self, jti):
        """Return the response to a client that polls the token endpoint. Tokens are issued once."""
        if self.requests.get(jti) == APPROVED:
            return self.requests.pop(jti)
        return self.requests.get(jti, "invalid_grant")

    def default_response(self, _key, path, headers, body):
        if path == CERTS:
            return {"status": 200, "body": json.dumps(key_set.public(*self.keys, use="sig"))}
        return {"status": self._receive_result(headers, body) if path == CALLBACK else 404}

    def _receive_result(self, headers, body):
        """Return the HTTP status for a result, as BackchannelAuthenticationCallbackEndpoint does."""
        scheme, _space, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            return 401
        jti = self._verified_id(token)
        if jti not in self.requests:
            return 403
        if self.requests[jti] != PENDING:
            del self.requests[jti]
            return 403
        status = json.loads(body)["status"]
        self.requests[jti] = {"SUCCEED": APPROVED, "UNAUTHORIZED": DENIED, "CANCELLED": DENIED}[status]
        return 200

    def _verified_id(self, token):
        for signer in self.keys:
            try:
                claims = json.loads(jws.deserialize_compact(token, signer, algorithms=["RS256", "ES256"]).payload)
            except JoseError:
                continue
            return claims["jti"] if claims["exp"] > self.now() and claims["iss"] == self.realm_url else None
        return None
