"""Checks of a push by the fake APNs, and Apple's rejections."""

import json
import re
import time
import uuid
from urllib.parse import unquote

import jwt

from tests.fakes.apns_certificates import topic_and_environments

PATH = "/3/device/"
MAX_PAYLOAD_BYTES = 4096
MAX_COLLAPSE_ID_BYTES = 64
MAX_TOKEN_AGE_SECONDS = 60 * 60
MAX_STORED_SECONDS = 30 * 24 * 60 * 60
# A push sent in its last second may arrive after its expiration.
TRANSIT_SECONDS = 5


def rejection(status, reason, headers=None, **more):
    """Return a response in the format of Apple's rejections."""
    return {"status": status, "headers": headers or {}, "body": json.dumps({"reason": reason, **more})}


def device_token(path):
    """Return the device token of a path, or the path itself if it contains none."""
    return unquote(path.removeprefix(PATH)) if path.startswith(PATH) else path


class Checks:
    """Checks for one team and its key; keeps the provider tokens received so far."""

    def __init__(self, team_id, key_id, signing_key):
        self.team_id, self.key_id, self.public_key = team_id, key_id, signing_key.public_key()
        # Issue times (Unix s) of valid tokens, so that each signature is verified only once.
        self.tokens = {}
        self.expired = set()

    def expire_tokens(self):
        """Expire all provider tokens received so far."""
        self.expired |= self.tokens.keys()

    def rejection(self, request):
        """Return Apple's first rejection of a request (tests.fakes.http2.Request), or None."""
        if request.method != "POST":
            return rejection(405, "MethodNotAllowed")
        if not request.path.startswith(PATH):
            return rejection(404, "BadPath")
        return self._authentication_error(request) or header_rejection(request.headers) or payload_rejection(request)

    def _authentication_error(self, request):
        """Return the rejection of a request without valid credentials for its topic, or None."""
        scheme, _space, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            if reason := self._token_error(token.strip()):
                return rejection(403, reason)
            return None if request.headers.get("apns-topic") else rejection(400, "MissingTopic")
        if request.certificate:
            return certificate_rejection(request)
        return rejection(403, "MissingProviderToken")

    def _token_error(self, token):
        if token not in self.tokens:
            try:
                self.tokens[token] = self._issued_at(token)
            except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
                return "InvalidProviderToken"
        age = time.time() - self.tokens[token]
        return None if token not in self.expired and 0 <= age <= MAX_TOKEN_AGE_SECONDS else "ExpiredProviderToken"

    def _issued_at(self, token):
        if jwt.get_unverified_header(token)["kid"] != self.key_id:
            raise jwt.InvalidTokenError("another key")
        options = {"require": ["iss", "iat"], "verify_iat": False, "verify_exp": False}
        return int(jwt.decode(token, self.public_key, ["ES256"], options, issuer=self.team_id)["iat"])


def certificate_rejection(request):
    topic, environments = topic_and_environments(request.certificate)
    if request.environment not in environments:
        return rejection(403, "BadCertificateEnvironment")
    if request.headers.get("apns-topic", topic) != topic:
        return rejection(400, "TopicDisallowed")
    return None


def header_rejection(headers):
    checks = {
        "InvalidPushType": headers.get("apns-push-type") == "alert",
        "BadPriority": headers.get("apns-priority", "10") in ("10", "5", "1"),
        "BadExpirationDate": is_expiration(headers.get("apns-expiration", "0")),
        "BadCollapseId": len(headers.get("apns-collapse-id", "").encode()) <= MAX_COLLAPSE_ID_BYTES,
        "BadMessageId": is_uuid(headers.get("apns-id")),
    }
    return next((rejection(400, reason) for reason, is_valid in checks.items() if not is_valid), None)


def is_expiration(text):
    """Return True if this is a time (Unix s) within Apple's storage period; 0 means that the push is not stored."""
    if not re.fullmatch("[0-9]{1,15}", text):
        return False
    return int(text) == 0 or -TRANSIT_SECONDS <= int(text) - time.time() <= MAX_STORED_SECONDS


def is_uuid(text):
    try:
        return text is None or str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def payload_rejection(request):
    if len(request.body) > MAX_PAYLOAD_BYTES:
        return rejection(413, "PayloadTooLarge")
    if not has_aps(request.body):
        # Apple uses the same reason for a body without `aps`.
        return rejection(400, "PayloadEmpty")
    token = device_token(request.path)
    if not token:
        return rejection(400, "MissingDeviceToken")
    return None if re.fullmatch("[0-9a-fA-F]+", token) else rejection(400, "BadDeviceToken")


def has_aps(body):
    try:
        content = json.loads(body)
    except ValueError:
        return False
    return isinstance(content, dict) and isinstance(content.get("aps"), dict)
