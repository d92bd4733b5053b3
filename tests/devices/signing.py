"""Raw signatures of a device's signing key over signing data, without the code of the device."""

import base64
import json

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from pysequoia.packet import PacketPile, Tag

RSA, ED25519_LEGACY, ED25519 = 1, 22, 27


def sign(secret_key, data):
    """Return the base64 signature of a secret key over a text. A JOSE key signs in DER."""
    key = private_key(secret_key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return base64.b64encode(key.sign(data.encode(), ec.ECDSA(SHA256()))).decode()
    options = () if isinstance(key, Ed25519PrivateKey) else (PKCS1v15(), SHA256())
    return base64.b64encode(key.sign(data.encode(), *options)).decode()


def without_der(signature):
    """Return the two numbers of an ECDSA signature in base64, as WebCrypto writes them."""
    numbers = decode_dss_signature(base64.b64decode(signature))
    return base64.b64encode(b"".join(number.to_bytes(32, "big") for number in numbers)).decode()


def private_key(secret_key):
    if secret_key.startswith("{"):
        [signing] = [key for key in json.loads(secret_key)["keys"] if key["use"] == "sig"]
        return ec.derive_private_key(int.from_bytes(base64.urlsafe_b64decode(signing["d"] + "=")), ec.SECP256R1())
    body = next(each.body for each in PacketPile.from_bytes(secret_key.encode()) if each.tag == Tag.SecretKey)
    algorithm, material = body[5], body[6:]
    if algorithm == ED25519:
        # The public key, then a zero octet: the secret key that follows is not encrypted.
        return Ed25519PrivateKey.from_private_bytes(material[33:65])
    if algorithm == ED25519_LEGACY:
        _point, rest = _number(material[1 + material[0] :])
        seed, _rest = _number(rest[1:])
        return Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))
    n, rest = _number(material)
    e, rest = _number(rest)
    d, rest = _number(rest[1:])
    p, rest = _number(rest)
    q, _rest = _number(rest)
    numbers = RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), RSAPublicNumbers(e, n))
    return numbers.private_key()


def _number(data):
    """Return the integer at the start of the data, and the rest."""
    length = (int.from_bytes(data[:2], "big") + 7) // 8
    return int.from_bytes(data[2 : 2 + length], "big"), data[2 + length :]
