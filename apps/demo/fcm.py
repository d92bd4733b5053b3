"""Fake of Google: exchanges the assertion of a service account for an access token, and accepts FCM messages.

It verifies signature, audience, times and access token as Google does.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

Response = tuple[int, dict[str, Any], dict[str, str]]
TOKEN_PATH = "/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCESS_TOKEN_SECONDS = 3600
# google-auth uses this audience even if the service account names another token endpoint.
GOOGLE_AUDIENCE = "https://oauth2.googleapis.com/token"


def send_path(project_id: str) -> str:
    return f"/v1/projects/{project_id}/messages:send"


def service_account(base_url: str, project_id: str = "countersign-demo") -> dict[str, str]:
    """Create a service account whose token endpoint is at `base_url`."""
    key: RSAPrivateKey = generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "type": "service_account",
        "project_id": project_id,
        "private_key_id": secrets.token_hex(20),
        "private_key": pem.decode(),
        "client_email": f"push@{project_id}.iam.example.com",
        "token_uri": base_url + TOKEN_PATH,
    }


def error_response(status: int, name: str, code: str = "") -> Response:
    """Build an error response in the format of FCM."""
    details = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
    return status, {"error": {"code": status, "status": name, "message": name, "details": details}}, {}


@dataclass
class FakeFcm:
    """Fake FCM project that accepts every push token.

    `deliver` is called with each accepted message. `responses` contains scripted errors by push token.
    """

    account: dict[str, str]
    deliver: Callable[[dict[str, Any]], None] = lambda _message: None
    responses: dict[str, list[Response]] = field(default_factory=dict)
    token_responses: list[Response] = field(default_factory=list)
    access_tokens: dict[str, float] = field(default_factory=dict)
    tokens_issued: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def exchange_token(self, form: dict[str, str]) -> Response:
        """Exchange a signed assertion (RFC 7523) for an access token."""
        with self._lock:
            if self.token_responses:
                return self.token_responses.pop(0)
        if form.get("grant_type") != GRANT or not self._is_valid_assertion(form.get("assertion", "")):
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, {}
        token = secrets.token_urlsafe(24)
        with self._lock:
            self.access_tokens[token] = time.time() + ACCESS_TOKEN_SECONDS
            self.tokens_issued += 1
        return 200, {"access_token": token, "expires_in": ACCESS_TOKEN_SECONDS, "token_type": "Bearer"}, {}

    def _is_valid_assertion(self, assertion: str) -> bool:
        try:
            header, claims, signature = assertion.split(".")
            self._public_key.verify(_decode(signature), f"{header}.{claims}".encode(), PKCS1v15(), SHA256())
            content = json.loads(_decode(claims))
        except (ValueError, InvalidSignature):
            return False
        return (
            json.loads(_decode(header)).get("alg") == "RS256"
            and content.get("iss") == self.account["client_email"]
            and content.get("aud") in (self.account["token_uri"], GOOGLE_AUDIENCE)
            and content.get("iat", 0) - 300 <= time.time() <= content.get("exp", 0)
        )

    @property
    def _public_key(self) -> RSAPublicKey:
        key = serialization.load_pem_private_key(self.account["private_key"].encode(), None)
        public = key.public_key()
        if not isinstance(public, RSAPublicKey):
            raise TypeError("a service account has an RSA key")
        return public

    def send(self, authorization: str, body: dict[str, Any]) -> Response:
        """Accept a message and return its name, or return an error."""
        token = authorization.removeprefix("Bearer ")
        if self.access_tokens.get(token, 0) < time.time():
            return error_response(401, "UNAUTHENTICATED")
        message = body.get("message")
        if not isinstance(message, dict) or not isinstance(message.get("token"), str):
            return error_response(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
        with self._lock:
            scripted_responses = self.responses.get(message["token"])
            if scripted_responses:
                return scripted_responses.pop(0)
        self.deliver(message)
        return 200, {"name": f"projects/{self.account['project_id']}/messages/{secrets.token_hex(8)}"}, {}


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
