"""Validation of Apple's credentials: signing keys (.p8) and the deprecated certificates."""

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.push import wrong_files


def validate_signing_key(text: str) -> str:
    """Validate a signing key and return it in the form in which it is stored.

    Provider tokens are signed with ES256: the key is an elliptic curve key on P-256, as PKCS#8 in PEM.
    Raises ValidationError if the key is invalid. The error never contains the key.
    """
    found = wrong_files.recognize(text.encode())
    if found not in (None, wrong_files.PRIVATE_KEY):
        raise ValidationError(f"{found} {wrong_files.UPLOAD_SIGNING_KEY}")
    key = _load_private_key(text, _("The file is not a signing key. Upload the .p8 file from Apple."))
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValidationError(_("The key has the wrong type. Apple's signing keys are elliptic curve keys (P-256)."))
    return text.strip() + "\n"


def validate_certificate(text: str) -> tuple[str, datetime]:
    """Validate a certificate with its key; returns both as stored, and the expiry of the certificate."""
    try:
        certificate = x509.load_pem_x509_certificates(text.encode())[0]
    except ValueError:
        raise ValidationError(_("The PEM text does not contain a certificate.")) from None
    key = _load_private_key(text, _("The PEM text does not contain a private key in addition to the certificate."))
    if key.public_key() != certificate.public_key():
        raise ValidationError(_("The private key does not belong to the certificate."))
    return text.strip() + "\n", certificate.not_valid_after_utc


def _load_private_key(text: str, error_message: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(text.encode(), None)
    except TypeError:
        raise ValidationError(_("The private key is protected by a password. Remove the password.")) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValidationError(error_message) from None
