"""Verify offline that the owner of an agent has approved and signed the details of an action.

`python receipt.py FILE KEY` verifies a file of `agent.py` with the public key of the owner's device.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet


class InvalidReceipt(Exception):
    """The receipt does not prove the approval of the owner."""


def verify(receipt: dict[str, Any], device_key: str, *, issuer: str, client_id: str) -> dict[str, Any]:
    """Return the claims of a receipt. Raises InvalidReceipt.

    `receipt` has the ID token, the details of the action, and the public keys of the issuer. A receipt is still valid
    after the ID token has expired.
    """
    try:
        token = jwt.decode(receipt["id_token"], KeySet.import_key_set(receipt["keys"]), algorithms=["ES256"])
    except (JoseError, ValueError) as error:
        raise InvalidReceipt("the server has not signed it") from error
    claims = token.claims
    if (claims["iss"], claims["aud"]) != (issuer, client_id):
        raise InvalidReceipt("it is from another server or for another client")
    if claims.get("authorization_details") != receipt["details"]:
        raise InvalidReceipt("it is for another action")
    signature = base64.b64decode(claims.get("authorization_details_signature", ""))
    try:
        verify_signature(device_key, signature, rfc8785.dumps(receipt["details"]))
    except InvalidSignature as error:
        raise InvalidReceipt("the device of the owner has not signed it") from error
    return claims


def verify_signature(device_key: str, signature: bytes, data: bytes) -> None:
    """Verify the signature of a device. Raises InvalidSignature."""
    key = load_pem_public_key(device_key.encode())
    if isinstance(key, EllipticCurvePublicKey):
        key.verify(signature, data, ECDSA(SHA256()))
    elif isinstance(key, Ed25519PublicKey):
        key.verify(signature, data)
    else:
        raise InvalidSignature


if __name__ == "__main__":
    saved = json.loads(Path(sys.argv[1]).read_text())
    verify(saved, Path(sys.argv[2]).read_text(), issuer=saved["issuer"], client_id=saved["client_id"])
    print("The owner approved:", json.dumps(saved["details"]))
