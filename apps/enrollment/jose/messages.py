"""Sealed messages: a signed message (JWS, RFC 7515) in an encrypted one (JWE, RFC 7516), both in compact form.

The protected headers have exactly the documented members. Everything else is rejected before any cryptography, so that
a sender cannot choose an algorithm, a key or a compression.
"""

from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap
from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.util import to_bytes, urlsafe_b64decode

from apps.common import untrusted_json
from apps.enrollment.jose.public_keys import ALGORITHMS, CURVE, KeySet, public_key

CONTENT_ENCRYPTION = "A256GCM"
EPHEMERAL_KEY_MEMBERS = {"kty", "crv", "x", "y"}
JWS_PARTS, JWE_PARTS = 3, 5
JWS_ALGORITHMS = [ALGORITHMS["sig"]]
JWE_ALGORITHMS = [ALGORITHMS["enc"], CONTENT_ENCRYPTION]
# Exceptions of joserfc and of the cryptography that it uses.
JOSE_ERRORS = (JoseError, InvalidTag, InvalidUnwrap, ValueError, TypeError, KeyError)


def seal(content: bytes, message_type: str, sender: KeySet, receiver: KeySet) -> str:
    """Sign content and encrypt it."""
    signed = jws.serialize_compact(_jws_header(message_type, sender), content, sender.signing, JWS_ALGORITHMS)
    return jwe.encrypt_compact(_jwe_header(receiver), signed, receiver.encryption, JWE_ALGORITHMS)


def open_sealed(message: str, message_type: str, sender: KeySet, receiver: KeySet) -> bytes:
    """Decrypt a message, verify that the sender signed it, and return its content. Raises ValueError if it is invalid.

    `message_type` is the expected `typ`.
    """
    try:
        header = _read_header(message, JWE_PARTS)
        ephemeral = header.pop("epk", None)
        if header != _jwe_header(receiver) or not _is_public_key(ephemeral):
            raise ValueError("not encrypted as documented")
        signed = jwe.decrypt_compact(message, receiver.encryption, JWE_ALGORITHMS).plaintext or b""
        if _read_header(signed.decode("ascii"), JWS_PARTS) != _jws_header(message_type, sender):
            raise ValueError("not signed as documented")
        return bytes(jws.deserialize_compact(signed, sender.signing, JWS_ALGORITHMS).payload)
    except JOSE_ERRORS as error:
        raise ValueError(type(error).__name__) from None


def _jws_header(message_type: str, sender: KeySet) -> dict[str, Any]:
    return {"alg": ALGORITHMS["sig"], "kid": sender.signing.thumbprint(), "typ": message_type}


def _jwe_header(receiver: KeySet) -> dict[str, Any]:
    """Return the protected header of a message to the receiver, without the ephemeral key."""
    kid = receiver.encryption.thumbprint()
    return {"alg": ALGORITHMS["enc"], "enc": CONTENT_ENCRYPTION, "kid": kid, "cty": "JOSE"}


def _read_header(compact: str, parts: int) -> dict[str, Any]:
    """Return the protected header of a compact message with this number of parts."""
    if compact.count(".") != parts - 1:
        raise ValueError("another form")
    header = untrusted_json.loads(urlsafe_b64decode(to_bytes(compact.partition(".")[0])))
    if not isinstance(header, dict):
        raise ValueError("not a header")  # noqa: TRY004 - all errors of messages are ValueError
    return header


def _is_public_key(members: object) -> bool:
    """Return True if the members are exactly those of a public key on P-256."""
    if not isinstance(members, dict) or members.keys() != EPHEMERAL_KEY_MEMBERS:
        return False
    public_key(members)
    return bool((members["kty"], members["crv"]) == ("EC", CURVE))
