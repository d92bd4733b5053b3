"""Reading an uploaded Google service account."""

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

REQUIRED_MEMBERS = ("project_id", "private_key", "client_email", "token_uri")
# The one universe of Google's that FCM is in.
GOOGLE_UNIVERSE = "googleapis.com"


def parse(text: str) -> dict[str, Any]:
    """Return the members of a service account's JSON; ValidationError says what is wrong, never what it contains."""
    try:
        info = untrusted_json.loads(text)
    except ValueError:
        raise ValidationError(_("This is not JSON. Upload the service account's key file as Google gave it.")) from None
    return validate(info)


def validate(info: Any) -> dict[str, Any]:
    """Check that everything needed to ask for an access token is there and that the private key can be read."""
    if not isinstance(info, dict) or info.get("type", "service_account") != "service_account":
        raise ValidationError(_("This is not a service account's key file: its type must be “service_account”."))
    for member in REQUIRED_MEMBERS:
        if not isinstance(info.get(member), str) or not info[member]:
            raise ValidationError(_("The service account lacks “%(member)s”.") % {"member": member})
    if not is_http_url(info["token_uri"]):
        raise ValidationError(_("The service account's “token_uri” is not an http or https address."))
    if info.get("universe_domain", GOOGLE_UNIVERSE) != GOOGLE_UNIVERSE:
        raise ValidationError(_("The service account's “universe_domain” is not “googleapis.com”."))
    _validate_private_key(info["private_key"])
    try:
        Credentials.from_service_account_info(info)
    except (ValueError, google_exceptions.GoogleAuthError):
        raise ValidationError(_("The service account's private key cannot be read.")) from None
    return info


def _validate_private_key(text: str) -> None:
    """Google takes assertions that are signed with RSA (RS256)."""
    try:
        key = load_pem_private_key(text.encode(), None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise ValidationError(_("The service account's private key cannot be read.")) from None
    if not isinstance(key, RSAPrivateKey):
        raise ValidationError(_("The service account's private key is of another kind. Google's are RSA keys."))
