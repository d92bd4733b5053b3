"""Reading what Apple gives: a signing key (.p8), or the certificate of the older way."""

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def validate_signing_key(text: str) -> str:
    """Return the key as it is kept; ValidationError says what is wrong with it, never what it contains.

    Apple signs its provider tokens with ES256: an elliptic curve key on P-256, PKCS#8 in PEM.
    """
    key = _load_private_key(text, _("This is not a signing key. Upload the .p8 file as Apple gave it."))
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValidationError(_("This key is of another kind. Apple's signing keys are elliptic curve keys (P-256)."))
    return text.strip() + "\n"


def validate_certificate(text: str) -> tuple[str, datetime]:
    """Return certificate and key as they are kept, and when the certificate expires."""
    try:
        certificate = x509.load_pem_x509_certificates(text.encode())[0]
    except ValueError:
        raise ValidationError(_("This holds no certificate in PEM form.")) from None
    key = _load_private_key(text, _("This holds no private key in PEM form beside the certificate."))
    if key.public_key() != certificate.public_key():
        raise ValidationError(_("The private key does not belong to the certificate."))
    return text.strip() + "\n", certificate.not_valid_after_utc


def _load_private_key(text: str, error_message: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(text.encode(), None)
    except TypeError:
        raise ValidationError(_("The private key is protected by a password. Store it without one.")) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValidationError(error_message) from None
