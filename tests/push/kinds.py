"""The four kinds of push messaging configurations as the tests see them: what is stored, and what the providers say."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from tests.fakes import apns, fcm

WAIT = {"Retry-After": "7"}
# Deeper than Python follows, and within what is read of an answer.
DEEP = "[" * 60_000
DEAD, RETRY, REFUSED, MISCONFIGURED = "dead_token", "retry", "refused", "misconfigured"


def push_token():
    """Return a push token that no other test has; Apple's are hexadecimal, Google takes any text."""
    return os.urandom(32).hex()


@dataclass(frozen=True)
class Kind:
    """`says` are the provider's answers with its own word for each; `words` are further ones, with their outcome.

    `fields` makes those of a configuration from what a stand-in gives out.
    """

    name: str
    stand_in: str
    fields: Callable
    dead: tuple
    later: tuple
    put_off: dict
    misconfigured: tuple
    refused: tuple
    garbage: tuple
    secrets: Callable
    # Text, transaction and profile in the body of a push.
    content: Callable
    # How an access token is refused, for those that have one.
    stale: tuple | None = None
    version: dict = field(default_factory=dict)
    # A version that the same configuration serves elsewhere; None where a configuration serves one app alone.
    elsewhere: dict | None = None
    words: tuple = ()

    def __str__(self):
        return self.name


def apple_word(status, reason, outcome, **more):
    return apns.rejection(status, reason, **more), reason, outcome


APPLE_WORDS = (
    apple_word(400, "BadDeviceToken", DEAD),
    apple_word(400, "DeviceTokenNotForTopic", DEAD),
    apple_word(410, "Unregistered", DEAD),
    apple_word(410, "ExpiredToken", DEAD),
    apple_word(400, "IdleTimeout", RETRY),
    apple_word(429, "TooManyProviderTokenUpdates", RETRY),
    apple_word(429, "TooManyRequests", RETRY),
    apple_word(500, "InternalServerError", RETRY),
    apple_word(503, "ServiceUnavailable", RETRY),
    apple_word(503, "Shutdown", RETRY),
    apple_word(504, "NeverHeardOf", RETRY),
    *[
        apple_word(status, reason, MISCONFIGURED)
        for status, reason in [
            (400, "BadTopic"),
            (400, "MissingTopic"),
            (400, "TopicDisallowed"),
            (403, "BadCertificate"),
            (403, "BadCertificateEnvironment"),
            (403, "BadEnvironmentKeyInToken"),
            (403, "Forbidden"),
            (403, "InvalidProviderToken"),
            (403, "MissingProviderToken"),
            (403, "NeverHeardOf"),
            (404, "BadPath"),
            (405, "MethodNotAllowed"),
        ]
    ],
    *[
        apple_word(400, reason, REFUSED)
        for reason in (
            "BadCollapseId",
            "BadExpirationDate",
            "BadMessageId",
            "BadPriority",
            "DuplicateHeaders",
            "InvalidPushType",
            "MissingDeviceToken",
            "PayloadEmpty",
            "NeverHeardOf",
        )
    ],
    apple_word(413, "PayloadTooLarge", REFUSED),
    ({"status": 400, "body": DEEP}, "HTTP 400", MISCONFIGURED),
    ({"status": 400, "body": json.dumps({"reason": ["BadDeviceToken"]})}, "HTTP 400", MISCONFIGURED),
)
BAD_GATEWAY = {"status": 502, "headers": {"content-type": "text/html"}, "body": "<html>Bad gateway</html>"}


def apple_content(body):
    return body["aps"]["alert"], body["og_transaction_id"], body["og_profile_id"]


APPLE = {
    "content": apple_content,
    "stand_in": "apple",
    "later": (apns.SERVICE_UNAVAILABLE, "ServiceUnavailable"),
    "put_off": apns.rejection(429, "TooManyRequests", {"retry-after": "7"}),
    "refused": (apns.PAYLOAD_TOO_LARGE, "PayloadTooLarge"),
    "garbage": (BAD_GATEWAY, "HTTP 502"),
    "words": APPLE_WORDS,
}


def signing_key_fields(described):
    return {"platform": "ios", **{name: described[name] for name in ("team_id", "key_id", "signing_key")}}


def certificate_fields(described):
    return {
        "platform": "ios",
        "certificate": described["certificate"],
        "certificate_expires_at": timezone.now() + timedelta(days=300),
        "apns_environment": "production",
    }


def secret_lines(text):
    """Return the inner lines of PEM, any of which would give a key away."""
    return [line for line in text.splitlines() if len(line) > 50]


APNS_TOKEN = Kind(
    "apns_token",
    fields=signing_key_fields,
    version={"platform": "ios", "bundle_identifier": apns.TOPIC},
    elsewhere={"platform": "ios", "bundle_identifier": "com.example.other"},
    dead=(apns.BAD_DEVICE_TOKEN, "BadDeviceToken"),
    stale=(apns.EXPIRED_PROVIDER_TOKEN, "ExpiredProviderToken"),
    misconfigured=(apns.TOPIC_DISALLOWED, "TopicDisallowed"),
    secrets=lambda described: [*secret_lines(described["signing_key"]), "bearer "],
    **APPLE,
)
APNS_CERTIFICATE = Kind(
    "apns_certificate",
    fields=certificate_fields,
    version={"platform": "ios"},
    elsewhere={"platform": "ios", "bundle_identifier": apns.TOPIC},
    dead=(apns.DEVICE_TOKEN_NOT_FOR_TOPIC, "DeviceTokenNotForTopic"),
    misconfigured=(apns.BAD_CERTIFICATE, "BadCertificate"),
    secrets=lambda described: secret_lines(described["certificate"]),
    **APPLE,
)


def service_account_fields(described):
    account = described["service_account"]
    return {
        "platform": "android",
        "fcm_api_version": "http_v1",
        "service_account": json.dumps(account),
        "project_id": account["project_id"],
        "endpoint": described["endpoint"],
    }


def google_content(body):
    content = json.loads(body.get("message", body)["data"]["content"])
    return content["og_message"], content["og_transaction_id"], content["og_profile_id"]


FCM_V1 = Kind(
    "fcm_http_v1",
    content=google_content,
    stale=(fcm.UNAUTHENTICATED, "UNAUTHENTICATED"),
    stand_in="google",
    fields=service_account_fields,
    dead=(fcm.UNREGISTERED, "UNREGISTERED"),
    later=(fcm.UNAVAILABLE, "UNAVAILABLE"),
    put_off=fcm.error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", WAIT),
    misconfigured=(fcm.PERMISSION_DENIED, "PERMISSION_DENIED"),
    refused=(fcm.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    garbage=(fcm.HTML, "not an answer of FCM"),
    secrets=lambda described: [*secret_lines(described["service_account"]["private_key"]), "Bearer "],
    words=(
        (fcm.SENDER_ID_MISMATCH, "SENDER_ID_MISMATCH", DEAD),
        (fcm.QUOTA_EXCEEDED, "QUOTA_EXCEEDED", RETRY),
        (fcm.INTERNAL, "INTERNAL", RETRY),
        (fcm.error(408, "NEVER_HEARD_OF"), "NEVER_HEARD_OF", RETRY),
        (BAD_GATEWAY, "HTTP 502", RETRY),
        ({"status": 200, "body": "[]"}, "not an answer of FCM", RETRY),
        ({"status": 200, "body": DEEP}, "not an answer of FCM", RETRY),
        ({"status": 403, "body": DEEP}, "HTTP 403", MISCONFIGURED),
        (fcm.THIRD_PARTY_AUTH_ERROR, "THIRD_PARTY_AUTH_ERROR", MISCONFIGURED),
        (fcm.error(404, "NOT_FOUND"), "NOT_FOUND", MISCONFIGURED),
        ({"status": 403, "body": "<html>"}, "HTTP 403", MISCONFIGURED),
        ({"status": 400, "body": json.dumps({"error": {"status": {}}})}, "HTTP 400", MISCONFIGURED),
        (fcm.error(400, "FAILED_PRECONDITION"), "FAILED_PRECONDITION", REFUSED),
    ),
)


def legacy_word(error, outcome):
    return fcm.legacy_response(failed=True, error=error), error, outcome


FCM_LEGACY = Kind(
    "fcm_legacy",
    content=google_content,
    stand_in="google",
    fields=lambda described: {
        "platform": "android",
        "fcm_api_version": "legacy",
        "server_key": described["server_key"],
        "endpoint": described["legacy_endpoint"],
    },
    dead=(fcm.LEGACY_NOT_REGISTERED, "NotRegistered"),
    later=(fcm.LEGACY_UNAVAILABLE, "Unavailable"),
    put_off={**fcm.LEGACY_UNAVAILABLE, "headers": {**fcm.JSON, **WAIT}},
    misconfigured=(fcm.LEGACY_UNAUTHORIZED, "HTTP 401"),
    refused=(fcm.legacy_response(failed=True, error="MessageTooBig"), "MessageTooBig"),
    garbage=(fcm.HTML, "not an answer of FCM"),
    secrets=lambda described: [described["server_key"], "key="],
    words=(
        legacy_word("InvalidRegistration", DEAD),
        legacy_word("MismatchSenderId", DEAD),
        legacy_word("InternalServerError", RETRY),
        legacy_word("DeviceMessageRateExceeded", RETRY),
        (BAD_GATEWAY, "HTTP 502", RETRY),
        ({"status": 200, "body": "{}"}, "not an answer of FCM", RETRY),
        ({"status": 200, "body": DEEP}, "not an answer of FCM", RETRY),
        legacy_word("InvalidPackageName", MISCONFIGURED),
        legacy_word("InvalidApnsCredential", MISCONFIGURED),
        ({"status": 404, "body": "<html>"}, "HTTP 404", MISCONFIGURED),
        legacy_word("InvalidTtl", REFUSED),
        legacy_word("InvalidDataKey", REFUSED),
        legacy_word("NeverHeardOf", REFUSED),
        ({"status": 400, "body": "no JSON"}, "HTTP 400", MISCONFIGURED),
        ({"status": 200, "body": json.dumps({"results": ["NotRegistered"]})}, "not an answer of FCM", RETRY),
    ),
)
KINDS = (FCM_V1, FCM_LEGACY, APNS_TOKEN, APNS_CERTIFICATE)
