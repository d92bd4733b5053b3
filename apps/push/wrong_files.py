"""Recognition of files that are mistaken for a credential, for errors that name what was uploaded."""

import re
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12
from django.utils.translation import gettext_lazy as _

from apps.common import untrusted_json

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_ANDROID_APP = _("This is google-services.json, the public configuration of an Android app.")
_IOS_APP = _("This is GoogleService-Info.plist, the public configuration of an iOS app.")
_WEB_APP = _("This is the public configuration of a web app of Firebase.")
_OAUTH_CLIENT = _("This is the file of an OAuth client.")
_USER_CREDENTIALS = _("These are the Google credentials of a person.")
SERVICE_ACCOUNT = _("This is the key file of a Google service account.")
PRIVATE_KEY = _("This is a private key, as in Apple's .p8 files.")
_CERTIFICATE = _("This is a certificate.")
_CERTIFICATE_REQUEST = _("This is a certificate signing request.")
_PKCS12 = _("This is a certificate with its key (.p12).")
_PUBLIC_KEY = _("This is a public key.")
_PROVISIONING_PROFILE = _("This is a provisioning profile.")

UPLOAD_SERVICE_ACCOUNT = _(
    "Upload the key file (.json) of a service account. It is created in Firebase's console under Project settings, "
    "Service accounts, “Generate new private key”."
)
UPLOAD_SIGNING_KEY = _(
    "Upload a signing key (.p8). It is created in Apple's developer account under Certificates, Identifiers & "
    "Profiles, Keys."
)

# The first pattern that a text contains determines what it is.
_TEXTS: list[tuple[re.Pattern[str], "StrPromise"]] = [
    (re.compile(pattern), found)
    for pattern, found in (
        (r"(?m)^-----BEGIN (NEW )?CERTIFICATE REQUEST-----", _CERTIFICATE_REQUEST),
        (r"(?m)^-----BEGIN (TRUSTED )?CERTIFICATE-----", _CERTIFICATE),
        (r"(?m)^-----BEGIN (RSA |EC )?PUBLIC KEY-----", _PUBLIC_KEY),
        (r"(?m)^-----BEGIN (RSA |EC |ENCRYPTED )?PRIVATE KEY-----", PRIVATE_KEY),
        (r"<key>(GOOGLE_APP_ID|GCM_SENDER_ID)</key>", _IOS_APP),
        (r"\bapiKey\b", _WEB_APP),
    )
]


def recognize(content: bytes) -> "StrPromise | None":
    """Return a sentence that names the kind of a file, or None if it is unknown."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _recognize_binary(content)
    try:
        return recognize_json(untrusted_json.loads(text))
    except ValueError:
        return next((found for pattern, found in _TEXTS if pattern.search(text)), None)


def recognize_json(value: Any) -> "StrPromise | None":
    """Return a sentence that names the kind of a JSON file, or None if it is unknown."""
    if not isinstance(value, dict):
        return None
    kinds = (
        ("project_info" in value and "client" in value, _ANDROID_APP),
        ("apiKey" in value and "appId" in value, _WEB_APP),
        ("installed" in value or "web" in value, _OAUTH_CLIENT),
        (value.get("type") == "authorized_user", _USER_CREDENTIALS),
        (value.get("type") == "service_account", SERVICE_ACCOUNT),
    )
    return next((found for is_kind, found in kinds if is_kind), None)


def _recognize_binary(content: bytes) -> "StrPromise | None":
    # The contents of a provisioning profile are signed, but not encrypted.
    if b"<key>ProvisionedDevices</key>" in content or b"<key>TeamIdentifier</key>" in content:
        return _PROVISIONING_PROFILE
    try:
        x509.load_der_x509_certificate(content)
    except ValueError:
        return _PKCS12 if _is_pkcs12(content) else None
    return _CERTIFICATE


def _is_pkcs12(content: bytes) -> bool:
    """Return True if the file is a PKCS#12 file, also if it has a password."""
    try:
        pkcs12.load_pkcs12(content, None)
    except ValueError as error:
        return "password" in str(error).lower()
    return True
