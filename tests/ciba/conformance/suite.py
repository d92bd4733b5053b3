"""Clients as the conformance suite of FAPI-CIBA registers them: private_key_jwt and signed requests, with ES256."""

import time
import uuid
from urllib.parse import urlencode

import pytest
from django.conf import settings
from joserfc import jwt
from joserfc.jwk import KeySet

from apps.ciba.models import CibaClient
from tests import factories
from tests.fakes import key_set

PREFIX = "fapi-ciba-id1"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT_TYPE = "urn:openid:params:grant-type:ciba"
AUTHENTICATION, TOKEN = "/oauth/bc-authorize", "/oauth/token"
MINUTE = 60
NOTIFICATION_TOKEN = "token-of-the-suite"
# Names of the modules that tests of this package cover.
covered = set()


def module(name, *values):
    """Return a parameter of a test that is named like a module of the suite. `name` is without the prefix."""
    name = f"{PREFIX}-{name}".rstrip("-")
    covered.add(name)
    return pytest.param(*values, id=name)


def modules(*names):
    """Return the decorator of a test that covers modules of the suite."""
    return pytest.mark.parametrize("module", [module(name, name) for name in names])


class SuiteClient:
    """Client of the suite. `device` is the reference device of the user, which a test sets."""

    device = None

    def __init__(self, http, ciba_client, key):
        self.http, self.row, self.key = http, ciba_client, key
        self.client_id = ciba_client.client.client_id

    def claims(self, **changes):
        """Return the claims of a request object, which a change replaces, or removes with None."""
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "aud": settings.PUBLIC_URL,
            "iat": now,
            "nbf": now,
            "exp": now + 5 * MINUTE,
            "jti": str(uuid.uuid4()),
            "scope": "openid",
            "login_hint": "anna",
            "binding_message": "1234",
            **({} if self.row.delivery_mode == "poll" else {"client_notification_token": NOTIFICATION_TOKEN}),
        }
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    def assertion(self, signer=None, algorithm="ES256", **changes):
        now = int(time.time())
        claims = {"iss": self.client_id, "sub": self.client_id, "aud": settings.PUBLIC_URL, "iat": now}
        claims |= {"jti": str(uuid.uuid4()), "exp": now + MINUTE, **changes}
        return key_set.sign(claims, signer or self.key, algorithm)

    def credentials(self, **options):
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(**options)}

    def post(self, path, form):
        return self.http.post(path, urlencode(form), content_type="application/x-www-form-urlencoded")

    def authenticate(self, request="", credentials=None, **changes):
        """Send an authentication request with a request object, whose claims can be changed."""
        request = request or key_set.sign(self.claims(**changes), self.key)
        return self.post(AUTHENTICATION, {"request": request, **(credentials or self.credentials())})

    def start(self, **changes):
        response = self.authenticate(**changes)
        assert response.status_code == 200, response.content
        return response.json()

    def token(self, auth_req_id, credentials=None):
        form = {"grant_type": GRANT_TYPE, "auth_req_id": auth_req_id}
        return self.post(TOKEN, {**form, **(self.credentials() if credentials is None else credentials)})

    def answer(self, *, approve):
        """Answer the pending request on the device."""
        [waiting] = self.device.pending()
        challenge = self.device.fetch(waiting["transaction_id"])
        if approve:
            return self.device.answer(challenge, approve=True)
        answer = {"transaction_id": waiting["transaction_id"], "token": challenge["token"], "authenticated": False}
        return self.device.send_answer(waiting["transaction_id"], self.device.seal(answer))


def assert_error(response, *errors, status=400):
    """Check an error response as the suite does."""
    body = response.json()
    assert (response.status_code, body["error"] in errors) == (status, True), body
    assert response["Content-Type"].partition(";")[0] == "application/json"
    # RFC 6749, 5.2
    assert all(" " <= character <= "~" and character not in '"\\' for character in body["error_description"])


def verify(token, keys):
    """Return the claims of a token that one of the keys has signed."""
    return jwt.decode(token, KeySet.import_key_set(keys), algorithms=["ES256"]).claims


def register(http, mobile_type, key, **fields):
    """Register a client that authenticates with a key."""
    client = factories.ApiClientFactory(apis=["ciba"])
    keys = key_set.public(key, alg="ES256", use="sig")
    row = CibaClient.objects.create(
        client=client,
        authentication_methods=["private_key_jwt"],
        jwks=keys,
        default_type=mobile_type,
        authorization_details_types=["transfer"],
        **fields,
    )
    row.types.add(mobile_type)
    return SuiteClient(http, row, key)
