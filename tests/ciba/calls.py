"""Client of the endpoints of CIBA for tests."""

import json
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import KeySet

from apps.ciba.models import AuthenticationRequest
from tests.api.calls import FORM
from tests.conftest import Portal

GRANT_TYPE = "urn:openid:params:grant-type:ciba"


class CibaApi(Portal):
    """Client of CIBA with the credentials of an API client, as Basic."""

    def start(self, path="/oauth/bc-authorize", **fields):
        """Send an authentication request for anna. Fields with the value None are omitted."""
        form = {"scope": "openid", "login_hint": "anna", **fields}
        return self.post(path, {name: value for name, value in form.items() if value is not None})

    def poll(self, auth_req_id, **fields):
        """Send a token request. Fields with the value None are omitted."""
        form = {"grant_type": GRANT_TYPE, "auth_req_id": auth_req_id, **fields}
        return self.post("/oauth/token", {name: value for name, value in form.items() if value is not None})

    def post_form(self, path, fields, *, as_json=False):
        """Send credentials and fields in the body."""
        members = {"client_id": self.api_client.client_id, "client_secret": self.secret, **fields}
        body, content_type = (json.dumps(members), "application/json") if as_json else (urlencode(members), FORM)
        return self.client.generic("POST", path, body, content_type=content_type)

    def userinfo(self, token):
        return self.client.get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"} if token else {})

    def claims(self, token):
        """Return header and claims of a token, verified with the published keys."""
        keys = KeySet.import_key_set(self.client.get("/oauth/jwks").json())
        decoded = jwt.decode(token, keys, ["ES256"])
        return decoded.header, decoded.claims


def challenge_of(device):
    """Return the challenge of the only request of a device."""
    request = AuthenticationRequest.objects.latest("created_at")
    return device.fetch(str(request.transaction_id))


def error_of(response):
    """Return status and error of a response, and check the format of OAuth errors (RFC 6749, 5.2)."""
    body = response.json()
    assert set(body) == {"error", "error_description"}, body
    assert "no-store" in response.headers["Cache-Control"]
    assert body["error_description"].isascii()
    assert not set('"\\') & set(body["error_description"])
    return response.status_code, body["error"]
