"""From what a push service, a proxy or the network said to what mends it: one table for commands and the console.

Apple's words: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
Google's: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode, and those of OAuth 2 (RFC 6749, 5.2).
The rest are libcurl's and our own.
"""

import re
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from apps.outgoing.errors import NetworkErrorKind
from apps.push.providers.base import PushOutcome, PushResult

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_INVALID_TOKEN = _(
    "The phone cannot be reached under its push token. It has to open the app and enrol for push again. If this "
    "happens to every phone of a version, its push messaging configuration, bundle identifier or APNs environment is "
    "not the app's."
)
_KEY = _(
    "Apple does not know this signing key. Compare key ID and team ID with Apple's developer account (Keys and "
    "Membership), see whether the key was revoked there, and whether this server's clock is right."
)
_KEY_SCOPE = _(
    "The signing key was made for another APNs environment or for other apps. Use a key that covers both environments "
    "and this app, or correct the version's APNs environment."
)
_TOPIC = _(
    "Apple does not let this credential send to the bundle identifier. Compare the version's bundle identifier with "
    "the app's at Apple, and see that the credential belongs to the same team."
)
_CERTIFICATE = _(
    "Apple refuses the certificate. See whether it has expired or was revoked, and whether it was made for this app; "
    "better, use a configuration with a signing key (.p8), which does not expire."
)
_CERTIFICATE_ENVIRONMENT = _(
    "The certificate is not for this APNs environment. Correct the configuration's APNs environment, or use the "
    "certificate of the other one."
)
_PERMISSION = _(
    "The service account may not send messages in this project. Give it the role “Firebase Cloud Messaging API Admin”, "
    "and switch the Firebase Cloud Messaging API on for the project in Google's console."
)
_SERVICE_ACCOUNT = _(
    "Google does not accept the service account's key. Make a new key in Google's console and upload it; see also "
    "whether the account was disabled or deleted there, and whether this server's clock is right."
)
_CREDENTIAL = _(
    "The credential is refused. Enter it again, as Google or the operator of the gateway at the endpoint gave it."
)
_PROXY_CREDENTIALS = _(
    "The proxy wants other credentials. Correct user name and password of the proxy: for APNs under System, Proxy; for "
    "FCM in the environment variables TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_...."
)
_PROXY = _(
    "The proxy does not let this through, or cannot reach the push service itself. Let its administrator allow the "
    "host, or correct the proxy: for APNs under System, Proxy; for FCM in the environment variables "
    "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_...."
)
_DNS = _("The name of the host cannot be looked up. See this server's DNS, and whether the address is spelled right.")
_CLIENT_CERTIFICATE = _(
    "The other side does not accept our certificate. See whether the configuration's certificate has expired or was "
    "revoked."
)
_TLS = _(
    "The other side's certificate is not trusted. When a gateway or a proxy that opens TLS stands on the way, trust "
    "its certificate authority: for APNs with PUSH_APNS_CA_FILE, else in the system's certificates."
)
_TLS_PROTOCOL = _(
    "The two sides do not find a way to speak TLS with each other. See the port in the address; when a gateway or a "
    "proxy stands on the way, let it speak TLS 1.2 or later."
)
_CONNECTION = _(
    "The host that is named takes no connection. When it is a proxy or a gateway, see that it is up; otherwise see "
    "that a firewall lets this server out to it (APNs and FCM: port 443), or set a proxy."
)
_TIMEOUT = _(
    "There was no answer in time. See whether a firewall or a proxy holds the connection back; when it happens only "
    "now and then, the push service is slow and nothing is to be done."
)
_FOREIGN_RESPONSE = _("Something on the way answered instead of the push service. See the proxy and the address.")
_URL = _("The address is not one that takes messages. Correct the configuration's endpoint, or the project in it.")
_UNAVAILABLE = _("The push service has a fault of its own or is busy. Try again later.")
_RATE_LIMIT = _("The push service finds that too much is sent. Wait; if it lasts, ask it for a larger quota.")
_MESSAGE = _("The push service does not accept the message itself. Please report it with the reason that it gave.")
_APNS_KEY_AT_GOOGLE = _(
    "Google has no valid APNs key for this app. Upload one in Firebase's console, or use APNs here."
)
_PACKAGE = _(
    "The push token belongs to an app with another package name. Compare the version's push messaging configuration "
    "with the app's Firebase project."
)
_CANNOT_DECRYPT = _(
    "The credential in the database cannot be read. Give the process the key that it was stored under "
    "(FIELD_ENCRYPTION_KEYS), or enter the credential again."
)

KIND_REMEDIES: dict[NetworkErrorKind, "StrPromise"] = {
    NetworkErrorKind.NAME_NOT_FOUND: _DNS,
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
# The first line whose pattern is found in a reason holds.
REASON_REMEDIES: list[tuple[str, "StrPromise"]] = [
    (r"FIELD_ENCRYPTION_KEYS|stored credential", _CANNOT_DECRYPT),
    (r"not an answer of|no access token: HTTP (?!408|429|5)", _FOREIGN_RESPONSE),
    (r"InvalidProviderToken|ExpiredProviderToken|MissingProviderToken", _KEY),
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

# When the reason is one that nobody has met yet.
_OUTCOME_REMEDIES: dict[PushOutcome, "StrPromise"] = {
    PushOutcome.DEAD_TOKEN: _INVALID_TOKEN,
    PushOutcome.RETRY: _UNAVAILABLE,
    PushOutcome.REFUSED: _MESSAGE,
    PushOutcome.MISCONFIGURED: _(
        "The push service does not accept this configuration. Compare it with what Apple's or Google's console shows."
    ),
}


def remedy(result: PushResult) -> str:
    """Say in a sentence or two how to mend what a push came to; empty when it was accepted."""
    if result.outcome == PushOutcome.ACCEPTED:
        return ""
    if result.error_kind in KIND_REMEDIES:
        return str(KIND_REMEDIES[result.error_kind])
    return remedy_of(result.reason) or str(_OUTCOME_REMEDIES[result.outcome])


def remedy_of(reason: str) -> str:
    """Say how to mend what a push service or the network gave as its reason; empty when that is not known."""
    return next((str(text) for pattern, text in _PATTERNS if pattern.search(reason)), "")
