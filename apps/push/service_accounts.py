"""Validation of Google service accounts."""

from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from google.auth import exceptions as google_exceptions
from google.oauth2.service_account import Credentials

from apps.common import untrusted_json
from apps.common.urls import is_http_url
from apps.push import wrong_files

REQUIRED_MEMBERS = ("project_id", "private_key", "client_email", "token_uri")
# The only universe of Google that offers FCM.
GOOGLE_UNIVERSE = "googleapis.com"


def parse(text: str) -> dict[str, Any]:
    """Parse and validate the JSON of a service account.

    Raises ValidationError if it is invalid. The error never contains the credential.
    """
    try:
        info = untrusted_json.loads(text)
    except ValueError:
        if found := wrong_files.recognize(text.encode()):
            raise ValidationError(f"{found} {wrong_files.UPLOAD_SERVICE_ACCOUNT}") from None
        raise ValidationError(_("The file is not JSON. Upload the service account's key file from Google.")) from None
    return validate(info)


def validate(info: Any) -> dict[str, Any]:
    """Validate that a service account can be used to request access tokens, and return it."""
    found = wrong_files.recognize_json(info)
    if found not in (None, wrong_files.SERVICE_ACCOUNT):
        raise ValidationError(f"{found} {wrong_files.UPLOAD_SERVICE_ACCOUNT}")
    if not isinstance(info, dict) or info.get("type", "service_account") != "service_account":
        raise ValidationError(
            _("The file is not the key file of a service account: its type must be “service_account”.")
        )
    for member in REQUIRED_MEMBERS:
        if not isinstance(info.get(member), str) or not info[member]:
            raise ValidationError(_("The service account has no “%(member)s”.") % {"member": member})
    if not is_http_url(info["token_uri"]):
        raise ValidationError(_("The service account's “token_uri” must be an http or https URL."))
    if info.get("universe_domain", GOOGLE_UNIVERSE) != GOOGLE_UNIVERSE:
        raise ValidationError(_("The service account's “universe_domain” must be “googleapis.com”."))
    _validate_private_key(info["private_key"])
    try:
        Credentials.from_service_account_info(info)
    except (ValueError, google_exceptions.GoogleAuthError):
        raise ValidationError(_("The service account's private key cannot be read.")) from None
    return info


def _validate_private_key(text: str) -> None:
    """Validate that the private key is an RSA key: Google requires assertions that are signed with RS256."""
    try:
        key = load_pem_private_key(text.encode(), None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise ValidationError(_("The service account's private key cannot be read.")) from None
    if not isinstance(key, RSAPrivateKey):
        raise ValidationError(
            _("The service account's private key has the wrong type. Google's private keys are RSA keys.")
        )
