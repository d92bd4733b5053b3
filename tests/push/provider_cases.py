"""Test cases of the kinds of configurations: stored fields, and responses of the providers."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from apps.push.providers.web_push import vapid
from tests.fakes import apns, fcm, web_push

RETRY_AFTER = {"Retry-After": "7"}
# Exceeds the recursion limit of Python, within the size limit of responses.
DEEPLY_NESTED = "[" * 60_000
DEAD_TOKEN, RETRY, REFUSED, MISCONFIGURED = "dead_token", "retry", "refused", "misconfigured"


def push_token():
    """Return a unique push token of Apple or Google. Apple's tokens are hexadecimal; Google accepts any text."""
    return os.urandom(32).hex()


@dataclass(frozen=True)
class ProviderCase:
    """Provider with a configuration and responses.

    Responses are pairs with their reason; `reasons` are further responses, with reason and outcome. `build_fields`
    builds the fields of a configuration from the description of a fake.
    """

    name: str
    fake: str
    build_fields: Callable
    invalid_token: tuple
    unavailable: tuple
    rate_limited: dict
    misconfigured: tuple
    rejected: tuple
    unrecognized: tuple
    find_secrets: Callable
    # Returns message, transaction id and profile id of a request body.
    parse_content: Callable
    # Rejection of an access token, for providers with access tokens.
    expired_credential: tuple | None = None
    version_fields: dict = field(default_factory=dict)
    # Version of another app with the same configuration; None if a configuration is for one app only.
    other_app: dict | None = None
    reasons: tuple = ()
    # Limit of the message in bytes.
    max_payload: int = 4096
    # Status of a response that accepts a push, and statuses that are configuration errors without a reason.
    accepted_status: int = 200
    reason_prefix: str = ""
    wrong_url_statuses: tuple = (301, 302, 308, 400, 404, 405, 410, 415)

    def __str__(self):
        return self.name


def apns_reason(status, reason, outcome, **more):
    return apns.rejection(status, reason, **more), reason, outcome


APNS_REASONS = (
    apns_reason(400, "BadDeviceToken", DEAD_TOKEN),
    apns_reason(400, "DeviceTokenNotForTopic", DEAD_TOKEN),
    apns_reason(410, "Unregistered", DEAD_TOKEN),
    apns_reason(410, "ExpiredToken", DEAD_TOKEN),
    apns_reason(400, "IdleTimeout", RETRY),
    apns_reason(429, "TooManyProviderTokenUpdates", RETRY),
    apns_reason(429, "TooManyRequests", RETRY),
    apns_reason(500, "InternalServerError", RETRY),
    apns_reason(503, "ServiceUnavailable", RETRY),
    apns_reason(503, "Shutdown", RETRY),
    apns_reason(504, "UnknownReason", RETRY),
    *[
        apns_reason(status, reason, MISCONFIGURED)
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
            (403, "UnknownReason"),
            (404, "BadPath"),
            (405, "MethodNotAllowed"),
        ]
    ],
    *[
        apns_reason(400, reason, REFUSED)
        for reason in (
            "BadCollapseId",
            "BadExpirationDate",
            "BadMessageId",
            "BadPriority",
            "DuplicateHeaders",
            "InvalidPushType",
            "MissingDeviceToken",
            "PayloadEmpty",
            "UnknownReason",
        )
    ],
    apns_reason(413, "PayloadTooLarge", REFUSED),
    ({"status": 400, "body": DEEPLY_NESTED}, "HTTP 400", MISCONFIGURED),
    ({"status": 400, "body": json.dumps({"reason": ["BadDeviceToken"]})}, "HTTP 400", MISCONFIGURED),
)
BAD_GATEWAY = {"status": 502, "headers": {"content-type": "text/html"}, "body": "<html>Bad gateway</html>"}


def parse_apns_content(body):
    return body["aps"]["alert"], body["og_transaction_id"], body["og_profile_id"]


APNS_CASE = {
    "parse_content": parse_apns_content,
    "fake": "apple",
    "unavailable": (apns.SERVICE_UNAVAILABLE, "ServiceUnavailable"),
    "rate_limited": apns.rejection(429, "TooManyRequests", {"retry-after": "7"}),
    "rejected": (apns.PAYLOAD_TOO_LARGE, "PayloadTooLarge"),
    "unrecognized": (BAD_GATEWAY, "HTTP 502"),
    "reasons": APNS_REASONS,
}


def signing_key_fields(description):
    return {"platform": "ios", **{name: description[name] for name in ("team_id", "key_id", "signing_key")}}


def certificate_fields(description):
    return {
        "platform": "ios",
        "certificate": description["certificate"],
        "certificate_expires_at": timezone.now() + timedelta(days=300),
        "apns_environment": "production",
    }


def secret_lines(text):
    """Return the inner lines of PEM text, each of which contains a part of the key."""
    return [line for line in text.splitlines() if len(line) > 50]


APNS_TOKEN = ProviderCase(
    "apns_token",
    build_fields=signing_key_fields,
    version_fields={"platform": "ios", "bundle_identifier": apns.TOPIC},
    other_app={"platform": "ios", "bundle_identifier": "com.example.other"},
    invalid_token=(apns.BAD_DEVICE_TOKEN, "BadDeviceToken"),
    expired_credential=(apns.EXPIRED_PROVIDER_TOKEN, "ExpiredProviderToken"),
    misconfigured=(apns.TOPIC_DISALLOWED, "TopicDisallowed"),
    find_secrets=lambda description: [*secret_lines(description["signing_key"]), "bearer "],
    **APNS_CASE,
)
APNS_CERTIFICATE = ProviderCase(
    "apns_certificate",
    build_fields=certificate_fields,
    version_fields={"platform": "ios"},
    other_app={"platform": "ios", "bundle_identifier": apns.TOPIC},
    invalid_token=(apns.DEVICE_TOKEN_NOT_FOR_TOPIC, "DeviceTokenNotForTopic"),
    misconfigured=(apns.BAD_CERTIFICATE, "BadCertificate"),
    find_secrets=lambda description: secret_lines(description["certificate"]),
    **APNS_CASE,
)


def service_account_fields(description):
    account = description["service_account"]
    return {
        "platform": "android",
        "fcm_api_version": "http_v1",
        "service_account": json.dumps(account),
        "project_id": account["project_id"],
        "endpoint": description["endpoint"],
    }


def parse_fcm_content(body):
    content = json.loads(body.get("message", body)["data"]["content"])
    return content["og_message"], content["og_transaction_id"], content["og_profile_id"]


FCM_V1 = ProviderCase(
    "fcm_http_v1",
    parse_content=parse_fcm_content,
    expired_credential=(fcm.UNAUTHENTICATED, "UNAUTHENTICATED"),
    fake="google",
    build_fields=service_account_fields,
    invalid_token=(fcm.UNREGISTERED, "UNREGISTERED"),
    unavailable=(fcm.UNAVAILABLE, "UNAVAILABLE"),
    rate_limited=fcm.error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", RETRY_AFTER),
    misconfigured=(fcm.PERMISSION_DENIED, "PERMISSION_DENIED"),
    rejected=(fcm.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    unrecognized=(fcm.HTML, "not a response of FCM"),
    find_secrets=lambda description: [*secret_lines(description["service_account"]["private_key"]), "Bearer "],
    reasons=(
        (fcm.SENDER_ID_MISMATCH, "SENDER_ID_MISMATCH", DEAD_TOKEN),
        (fcm.QUOTA_EXCEEDED, "QUOTA_EXCEEDED", RETRY),
        (fcm.INTERNAL, "INTERNAL", RETRY),
        (fcm.error(408, "UNKNOWN_REASON"), "UNKNOWN_REASON", RETRY),
        (BAD_GATEWAY, "HTTP 502", RETRY),
        ({"status": 200, "body": "[]"}, "not a response of FCM", RETRY),
        ({"status": 200, "body": DEEPLY_NESTED}, "not a response of FCM", RETRY),
        ({"status": 403, "body": DEEPLY_NESTED}, "HTTP 403", MISCONFIGURED),
        (fcm.THIRD_PARTY_AUTH_ERROR, "THIRD_PARTY_AUTH_ERROR", MISCONFIGURED),
        (fcm.error(404, "NOT_FOUND"), "NOT_FOUND", MISCONFIGURED),
        ({"status": 403, "body": "<html>"}, "HTTP 403", MISCONFIGURED),
        ({"status": 400, "body": json.dumps({"error": {"status": {}}})}, "HTTP 400", MISCONFIGURED),
        (fcm.error(400, "FAILED_PRECONDITION"), "FAILED_PRECONDITION", REFUSED),
    ),
)


def legacy_reason(error, outcome):
    return fcm.legacy_response(failed=True, error=error), error, outcome


FCM_LEGACY = ProviderCase(
    "fcm_legacy",
    parse_content=parse_fcm_content,
    fake="google",
    build_fields=lambda description: {
        "platform": "android",
        "fcm_api_version": "legacy",
        "server_key": description["server_key"],
        "endpoint": description["legacy_endpoint"],
    },
    invalid_token=(fcm.LEGACY_NOT_REGISTERED, "NotRegistered"),
    unavailable=(fcm.LEGACY_UNAVAILABLE, "Unavailable"),
    rate_limited={**fcm.LEGACY_UNAVAILABLE, "headers": {**fcm.JSON, **RETRY_AFTER}},
    misconfigured=(fcm.LEGACY_UNAUTHORIZED, "HTTP 401"),
    rejected=(fcm.legacy_response(failed=True, error="MessageTooBig"), "MessageTooBig"),
    unrecognized=(fcm.HTML, "not a response of FCM"),
    find_secrets=lambda description: [description["server_key"], "key="],
    reasons=(
        legacy_reason("InvalidRegistration", DEAD_TOKEN),
        legacy_reason("MismatchSenderId", DEAD_TOKEN),
        legacy_reason("InternalServerError", RETRY),
        legacy_reason("DeviceMessageRateExceeded", RETRY),
        (BAD_GATEWAY, "HTTP 502", RETRY),
        ({"status": 200, "body": "{}"}, "not a response of FCM", RETRY),
        ({"status": 200, "body": DEEPLY_NESTED}, "not a response of FCM", RETRY),
        legacy_reason("InvalidPackageName", MISCONFIGURED),
        legacy_reason("InvalidApnsCredential", MISCONFIGURED),
        ({"status": 404, "body": "<html>"}, "HTTP 404", MISCONFIGURED),
        legacy_reason("InvalidTtl", REFUSED),
        legacy_reason("InvalidDataKey", REFUSED),
        legacy_reason("UnknownReason", REFUSED),
        ({"status": 400, "body": "no JSON"}, "HTTP 400", MISCONFIGURED),
        ({"status": 200, "body": json.dumps({"results": ["NotRegistered"]})}, "not a response of FCM", RETRY),
    ),
)


def web_push_fields(description):
    private_key = vapid.generate_private_key()
    return {
        "platform": "web",
        "contact": "mailto:operator@example.com",
        "vapid_private_key": private_key,
        "vapid_public_key": vapid.public_key(private_key),
    }


def parse_web_push_content(body):
    return body["og_message"], body["og_transaction_id"], body["og_profile_id"]


WEB_PUSH = ProviderCase(
    "web_push",
    parse_content=parse_web_push_content,
    fake="browser_service",
    build_fields=web_push_fields,
    version_fields={"platform": "web"},
    invalid_token=(web_push.rejection(410), "Web Push: HTTP 410"),
    unavailable=(web_push.rejection(503), "Web Push: HTTP 503"),
    rate_limited=web_push.rejection(429, headers=RETRY_AFTER),
    misconfigured=(web_push.rejection(403, "BadJwtToken"), "Web Push: HTTP 403 (BadJwtToken)"),
    rejected=(web_push.rejection(413), "Web Push: HTTP 413"),
    unrecognized=(BAD_GATEWAY, "Web Push: HTTP 502"),
    find_secrets=lambda description: ["vapid t=", description["origin"] + web_push.PATH],
    max_payload=4096 - 103,
    reason_prefix="Web Push: ",
    accepted_status=201,
    wrong_url_statuses=(400, 401, 403, 405, 415),
    reasons=(
        (web_push.rejection(404), "Web Push: HTTP 404", DEAD_TOKEN),
        (web_push.rejection(410, "Unregistered"), "Web Push: HTTP 410 (Unregistered)", DEAD_TOKEN),
        (web_push.rejection(301, headers={"location": "https://example.com/"}), "Web Push: HTTP 301", DEAD_TOKEN),
        (web_push.rejection(408), "Web Push: HTTP 408", RETRY),
        (web_push.rejection(429), "Web Push: HTTP 429", RETRY),
        (web_push.rejection(500), "Web Push: HTTP 500", RETRY),
        (BAD_GATEWAY, "Web Push: HTTP 502", RETRY),
        (web_push.rejection(400, "VapidPkHashMismatch"), "Web Push: HTTP 400 (VapidPkHashMismatch)", MISCONFIGURED),
        (
            {"status": 401, "body": json.dumps({"errno": 109, "message": "secret"})},
            "Web Push: HTTP 401 (errno 109)",
            MISCONFIGURED,
        ),
        ({"status": 403, "body": DEEPLY_NESTED}, "Web Push: HTTP 403", MISCONFIGURED),
        (
            {"status": 403, "body": json.dumps({"reason": "a text with https://push/endpoint"})},
            "Web Push: HTTP 403",
            MISCONFIGURED,
        ),
        (web_push.rejection(413), "Web Push: HTTP 413", REFUSED),
    ),
)
CONFIGURED_URLS = (FCM_V1, FCM_LEGACY, APNS_TOKEN, APNS_CERTIFICATE)
PROVIDER_CASES = (*CONFIGURED_URLS, WEB_PUSH)
