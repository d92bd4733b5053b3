"""What Apple checks before it takes a push, and how it says no."""

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
MAX_KEPT_SECONDS = 30 * 24 * 60 * 60
# A push that leaves in its last second may arrive after it.
ON_THE_WAY_SECONDS = 5


def refusal(status, reason, headers=None, **more):
    """Return an answer in the shape of Apple's refusals."""
    return {"status": status, "headers": headers or {}, "body": json.dumps({"reason": reason, **more})}


def device_token(path):
    """Return the device token of a path; the path itself when it has none."""
    return unquote(path.removeprefix(PATH)) if path.startswith(PATH) else path


class Checks:
    """Knows the team and its key, and the provider tokens that came so far."""

    def __init__(self, team_id, key_id, signing_key):
        self.team_id, self.key_id, self.public_key = team_id, key_id, signing_key.public_key()
        # Good tokens with the time they were issued at (Unix s): a signature is verified once.
        self.tokens = {}
        self.expired = set()

    def expire_tokens(self):
        """Take every provider token that came so far for expired."""
        self.expired |= self.tokens.keys()

    def refusal(self, request):
        """Return Apple's refusal of a request (tests.fakes.http2.Request), or None: the first that applies."""
        if request.method != "POST":
            return refusal(405, "MethodNotAllowed")
        if not request.path.startswith(PATH):
            return refusal(404, "BadPath")
        return self._stranger(request) or bad_header(request.headers) or bad_payload(request)

    def _stranger(self, request):
        """Refuse who does not show that he may push to this topic."""
        scheme, _space, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            if reason := self._bad_token(token.strip()):
                return refusal(403, reason)
            return None if request.headers.get("apns-topic") else refusal(400, "MissingTopic")
        if request.certificate:
            return bad_certificate(request)
        return refusal(403, "MissingProviderToken")

    def _bad_token(self, token):
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
        wanted = {"require": ["iss", "iat"], "verify_iat": False, "verify_exp": False}
        return int(jwt.decode(token, self.public_key, ["ES256"], wanted, issuer=self.team_id)["iat"])


def bad_certificate(request):
    topic, environments = topic_and_environments(request.certificate)
    if request.environment not in environments:
        return refusal(403, "BadCertificateEnvironment")
    if request.headers.get("apns-topic", topic) != topic:
        return refusal(400, "TopicDisallowed")
    return None


def bad_header(headers):
    good = {
        "InvalidPushType": headers.get("apns-push-type") == "alert",
        "BadPriority": headers.get("apns-priority", "10") in ("10", "5", "1"),
        "BadExpirationDate": is_expiration(headers.get("apns-expiration", "0")),
        "BadCollapseId": len(headers.get("apns-collapse-id", "").encode()) <= MAX_COLLAPSE_ID_BYTES,
        "BadMessageId": is_uuid(headers.get("apns-id")),
    }
    return next((refusal(400, reason) for reason, is_good in good.items() if not is_good), None)


def is_expiration(text):
    """Say whether this is a time (Unix s) between now and the end of what Apple keeps; 0 is none."""
    if not re.fullmatch("[0-9]{1,15}", text):
        return False
    return int(text) == 0 or -ON_THE_WAY_SECONDS <= int(text) - time.time() <= MAX_KEPT_SECONDS


def is_uuid(text):
    try:
        return text is None or str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def bad_payload(request):
    if len(request.body) > MAX_PAYLOAD_BYTES:
        return refusal(413, "PayloadTooLarge")
    if not has_aps(request.body):
        # Apple has no reason of its own for a body that says nothing.
        return refusal(400, "PayloadEmpty")
    token = device_token(request.path)
    if not token:
        return refusal(400, "MissingDeviceToken")
    return None if re.fullmatch("[0-9a-fA-F]+", token) else refusal(400, "BadDeviceToken")


def has_aps(body):
    try:
        content = json.loads(body)
    except ValueError:
        return False
    return isinstance(content, dict) and isinstance(content.get("aps"), dict)
