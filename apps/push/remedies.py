"""Remedies for the reasons of failed pushes, for commands and the console.

Reasons of Apple: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
Reasons of Google: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode, and OAuth 2 (RFC 6749, 5.2).
Other reasons come from libcurl and this server.
"""

import re
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from apps.outgoing.errors import NetworkErrorKind
from apps.push.providers.base import PushOutcome, PushResult

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_INVALID_TOKEN = _(
    "The push token is invalid. The app must enrol for push again. If this happens on all devices of a version, "
    "compare the push messaging configuration, the bundle identifier and the APNs environment of the version with the "
    "app."
)
_KEY = _(
    "Apple does not accept this signing key. Compare key ID and team ID with Apple's developer account (Keys and "
    "Membership). Check that the key was not revoked, and that the clock of this server is correct."
)
_EXPIRED_PROVIDER_TOKEN = _(
    "Apple considers the provider tokens of this server expired: its clock is probably wrong. Correct the clock, and "
    "synchronise it with NTP. If the clock is correct, compare key ID and team ID with Apple's developer account."
)
_KEY_SCOPE = _(
    "The signing key is limited to another APNs environment or to other apps. Use a key for both environments and this "
    "app, or correct the APNs environment of the version."
)
_TOPIC = _(
    "The credential is not allowed to send to the bundle identifier. Compare the bundle identifier of the version with "
    "the app at Apple. Check that the credential belongs to the same team."
)
_CERTIFICATE = _(
    "Apple rejects the certificate. Check that it is issued for this app, has not expired and was not revoked. "
    "Preferably, use a configuration with a signing key (.p8), which does not expire."
)
_CERTIFICATE_ENVIRONMENT = _(
    "The certificate is not valid for this APNs environment. Correct the configuration's APNs environment, or use a "
    "certificate for this environment."
)
_PERMISSION = _(
    "The service account is not allowed to send messages in this project. Grant it the role “Firebase Cloud Messaging "
    "API Admin”, and enable the Firebase Cloud Messaging API of the project in Google's console."
)
_SERVICE_ACCOUNT = _(
    "Google does not accept the key of the service account. Create a new key in Google's console and upload it. Check "
    "that the account was not disabled or deleted, and that the clock of this server is correct."
)
_CREDENTIAL = _(
    "The credential is rejected. Enter the credential from Google, or from the operator of the gateway at the "
    "endpoint, again."
)
_PROXY_CREDENTIALS = _(
    "The proxy rejects the credentials. Correct user name and password of the proxy: for APNs under System, Proxy; for "
    "FCM in the environment variables TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_...."
)
_PROXY = _(
    "The proxy does not allow the connection, or cannot reach the provider. Allow the host in the proxy, or "
    "correct the proxy: for APNs under System, Proxy; for FCM in the environment variables "
    "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_...."
)
_DNS = _("The host name cannot be resolved. Check the DNS of this server, and the spelling of the URL.")
_CLIENT_CERTIFICATE = _(
    "The server does not accept the client certificate. Check that the certificate of the configuration has not "
    "expired and was not revoked."
)
_TLS = _(
    "The certificate of the server is not trusted. If a gateway or an intercepting proxy is used, trust its "
    "certificate authority: for APNs with PUSH_APNS_CA_FILE, otherwise in the certificates of the system."
)
_TLS_PROTOCOL = _(
    "The server does not support a common TLS version. Check the port in the URL. If a gateway or a proxy is used, "
    "enable TLS 1.2 or later on it."
)
_CONNECTION = _(
    "The host does not accept connections. If it is a proxy or a gateway, check that it is running. Otherwise, allow "
    "outgoing connections in the firewall (APNs and FCM: port 443), or configure a proxy."
)
_TIMEOUT = _(
    "There was no response in time. Check that no firewall or proxy blocks the connection. If this happens only "
    "occasionally, the provider is slow and no action is needed."
)
_FOREIGN_RESPONSE = _("Another server responded instead of the provider. Check the proxy and the URL.")
_URL = _("The URL does not accept messages. Correct the configuration's endpoint, or the project in it.")
_UNAVAILABLE = _("The provider is busy or unavailable. Try again later.")
_RATE_LIMIT = _("The rate limit of the provider was reached. Wait. If this persists, request a larger quota.")
_MESSAGE = _("The provider does not accept the message. Report this problem with the reason.")
_APNS_KEY_AT_GOOGLE = _(
    "Google has no valid APNs key for this app. Upload one in Firebase's console, or use a configuration for APNs."
)
_PACKAGE = _(
    "The push token belongs to an app with another package name. Compare the version's push messaging configuration "
    "with the app's Firebase project."
)
_CANNOT_DECRYPT = _(
    "The stored credential cannot be decrypted. Add its encryption key to FIELD_ENCRYPTION_KEYS of this process, or "
    "enter the credential again."
)

_SUBSCRIPTION = _(
    "The push subscription is invalid or expired. The app must subscribe again. If this happens on all devices of a "
    "push service, check WEB_PUSH_HOSTS."
)
_KEY_PAIR = _(
    "The push service rejects the key pair or the contact. Compare the public key in the app with that of the "
    "configuration: after a change, devices must subscribe again. Check that the clock of this server is correct."
)
_ADDRESS = _(
    "The host of the push subscription has an address that is not public. For a push service in a private network, set "
    "CALLBACKS_ALLOW_PRIVATE_ADDRESSES."
)

KIND_REMEDIES: dict[NetworkErrorKind, "StrPromise"] = {
    NetworkErrorKind.NAME_NOT_FOUND: _DNS,
    NetworkErrorKind.ADDRESS_NOT_PUBLIC: _ADDRESS,
    NetworkErrorKind.CONNECTION_REFUSED: _CONNECTION,
    NetworkErrorKind.HOST_UNREACHABLE: _CONNECTION,
    NetworkErrorKind.TIMED_OUT: _TIMEOUT,
    NetworkErrorKind.TLS_FAILED: _TLS_PROTOCOL,
    NetworkErrorKind.TLS_UNTRUSTED: _TLS,
    NetworkErrorKind.TLS_EXPIRED: _TLS,
    NetworkErrorKind.TLS_WRONG_NAME: _TLS,
    NetworkErrorKind.TLS_CLIENT_CERTIFICATE: _CLIENT_CERTIFICATE,
    NetworkErrorKind.CONNECTION_CLOSED: _UNAVAILABLE,
    NetworkErrorKind.CONNECTION_RESET: _UNAVAILABLE,
    NetworkErrorKind.NOT_HTTP: _FOREIGN_RESPONSE,
    NetworkErrorKind.PROXY_UNREACHABLE: _CONNECTION,
    NetworkErrorKind.PROXY_CREDENTIALS: _PROXY_CREDENTIALS,
    NetworkErrorKind.PROXY_REJECTED: _PROXY,
}
# The first pattern that matches a reason determines the remedy.
REASON_REMEDIES: list[tuple[str, "StrPromise"]] = [
    (r"FIELD_ENCRYPTION_KEYS|stored credential", _CANNOT_DECRYPT),
    (r"invalid push subscription|^Web Push: HTTP (3\d\d|404|410)", _SUBSCRIPTION),
    (r"^Web Push: HTTP 40[013]", _KEY_PAIR),
    (r"not a response of|no access token: HTTP (?!408|429|5)", _FOREIGN_RESPONSE),
    (r"ExpiredProviderToken", _EXPIRED_PROVIDER_TOKEN),
    (r"InvalidProviderToken|MissingProviderToken", _KEY),
    (r"BadEnvironmentKey(Id)?InToken|UnrelatedKeyIdInToken", _KEY_SCOPE),
    (r"TopicDisallowed|MissingTopic|BadTopic", _TOPIC),
    (r"BadCertificateEnvironment", _CERTIFICATE_ENVIRONMENT),
    (r"BadCertificate|^Forbidden$", _CERTIFICATE),
    (r"BadDeviceToken|DeviceTokenNotForTopic|Unregistered|ExpiredToken", _INVALID_TOKEN),
    (r"UNREGISTERED|SENDER_ID_MISMATCH|NotRegistered|MismatchSenderId|InvalidRegistration", _INVALID_TOKEN),
    (r"TooManyProviderTokenUpdates|TooManyRequests|QUOTA_EXCEEDED|RateExceeded|HTTP 429", _RATE_LIMIT),
    (r"PERMISSION_DENIED", _PERMISSION),
    (r"invalid_grant|invalid_client|unauthorized_client|disabled_client|UNAUTHENTICATED", _SERVICE_ACCOUNT),
    (r"InvalidPackageName", _PACKAGE),
    (r"THIRD_PARTY_AUTH_ERROR|InvalidApnsCredential", _APNS_KEY_AT_GOOGLE),
    (r"server_error|temporarily_unavailable|internal_failure", _UNAVAILABLE),
    (r"HTTP 40[13]", _CREDENTIAL),
    (r"NOT_FOUND|BadPath|HTTP 404|HTTP 405|MethodNotAllowed", _URL),
    (
        r"UNAVAILABLE|INTERNAL|InternalServerError|ServiceUnavailable|Unavailable|Shutdown|HTTP 408|HTTP 5\d\d",
        _UNAVAILABLE,
    ),
    (r"HTTP [234]\d\d", _URL),
]
_PATTERNS = [(re.compile(pattern), text) for pattern, text in REASON_REMEDIES]

# Remedies for unknown reasons.
_OUTCOME_REMEDIES: dict[PushOutcome, "StrPromise"] = {
    PushOutcome.DEAD_TOKEN: _INVALID_TOKEN,
    PushOutcome.RETRY: _UNAVAILABLE,
    PushOutcome.REFUSED: _MESSAGE,
    PushOutcome.MISCONFIGURED: _(
        "The provider does not accept this configuration. Compare it with Apple's or Google's console."
    ),
}


def remedy(result: PushResult) -> str:
    """Return the remedy for the result of a push; empty if the push was accepted."""
    if result.outcome == PushOutcome.ACCEPTED:
        return ""
    if result.error_kind in KIND_REMEDIES:
        return str(KIND_REMEDIES[result.error_kind])
    return remedy_of(result.reason) or str(_OUTCOME_REMEDIES[result.outcome])


def remedy_of(reason: str) -> str:
    """Return the remedy for a reason; empty if the reason is unknown."""
    return next((str(text) for pattern, text in _PATTERNS if pattern.search(reason)), "")
