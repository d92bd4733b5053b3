"""Builder of JOSE messages with any header, algorithm and structure, without a JOSE library."""

import hmac
import json
import os
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePrivateNumbers,
    EllipticCurvePublicNumbers,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.padding import PKCS7

BYTES = 32
# Value of a header member that is replaced by a deeply nested one, which the JSON module cannot write.
NESTED, NESTED_DEPTH = "nested", 2_000
ENCRYPTION_KEY_BYTES = {"A256GCM": 32, "A128GCM": 16, "A128CBC-HS256": 32}
WRAPPING_KEY_BYTES = {"ECDH-ES+A256KW": 32, "ECDH-ES+A128KW": 16}


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode_json(members: object) -> str:
    text = json.dumps(members, separators=(",", ":"))
    return encode(text.replace(json.dumps(NESTED), "[" * NESTED_DEPTH + "]" * NESTED_DEPTH).encode())


def thumbprint(jwk: dict[str, Any]) -> str:
    """Return the thumbprint of RFC 7638."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return encode(sha256(json.dumps(members, separators=(",", ":")).encode()).digest())


def public_jwk(key: EllipticCurvePrivateKey, crv: str = "P-256") -> dict[str, str]:
    numbers, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
    return {
        "kty": "EC",
        "crv": crv,
        "x": encode(numbers.x.to_bytes(size, "big")),
        "y": encode(numbers.y.to_bytes(size, "big")),
    }


def private_key(jwk: dict[str, Any]) -> EllipticCurvePrivateKey:
    x, y, d = (int.from_bytes(decode(jwk[name]), "big") for name in "xyd")
    return EllipticCurvePrivateNumbers(d, EllipticCurvePublicNumbers(x, y, SECP256R1())).private_key()


@dataclass(frozen=True)
class Side:
    """Device or server with its secret JWK Set: the signing key is the first of its keys."""

    keys: list[dict[str, Any]]

    @property
    def signing(self) -> dict[str, Any]:
        return self.keys[0]

    @property
    def encryption(self) -> dict[str, Any]:
        return self.keys[1]


def ecdsa(key: EllipticCurvePrivateKey, data: bytes, algorithm: HashAlgorithm | None = None) -> bytes:
    return raw_signature(key.sign(data, ECDSA(algorithm or SHA256())))


def raw_signature(der: bytes) -> bytes:
    """Return a signature as the two numbers with 32 bytes each."""
    return b"".join(number.to_bytes(BYTES, "big") for number in decode_dss_signature(der))


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


# JWS


def signature_header(sender: Side, typ: str, /, **changes: Any) -> dict[str, Any]:
    """Return the header of a valid JWS with changes. None removes a member."""
    return _changed({"alg": "ES256", "kid": thumbprint(sender.signing), "typ": typ}, changes)


def signed(header: dict[str, Any], payload: bytes, signer: Any) -> str:
    """Return a compact JWS. `signer` is a key or a function that returns the signature over the signing input."""
    start = f"{encode_json(header)}.{encode(payload)}"
    signature = signer(start.encode()) if callable(signer) else ecdsa(signer, start.encode())
    return f"{start}.{encode(signature)}"


# JWE


def encryption_header(receiver: Side, /, **changes: Any) -> dict[str, Any]:
    """Return the header of a valid JWE without `epk`, with changes. None removes a member."""
    kid = thumbprint(receiver.encryption)
    return _changed({"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": kid, "cty": "JOSE"}, changes)


def _changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


def encrypted(
    header: dict[str, Any],
    plaintext: bytes,
    receiver: dict[str, Any],
    *,
    ephemeral: EllipticCurvePrivateKey | None = None,
    shared: bytes | None = None,
) -> str:
    """Return a compact JWE to a key. `shared` replaces the shared secret of the ephemeral key and the receiver."""
    ephemeral = ephemeral or generate_private_key(SECP256R1())
    if shared is None:
        shared = ephemeral.exchange(ECDH(), private_key(receiver).public_key())
    header = _changed({"epk": public_jwk(ephemeral)}, header)
    return with_keys(header, plaintext, *_content_key(header, shared))


def _content_key(header: dict[str, Any], shared: bytes) -> tuple[bytes, bytes]:
    """Return the key of the content and the encrypted key (RFC 7518, 4.6)."""
    alg, enc = header["alg"], header["enc"]
    length = WRAPPING_KEY_BYTES.get(alg, ENCRYPTION_KEY_BYTES[enc])
    name = alg.encode() if alg in WRAPPING_KEY_BYTES else enc.encode()
    parts = (name, decode(header.get("apu", "")), decode(header.get("apv", "")))
    info = b"".join(len(part).to_bytes(4, "big") + part for part in parts) + (length * 8).to_bytes(4, "big")
    derived = ConcatKDFHash(SHA256(), length, info).derive(shared)
    if alg not in WRAPPING_KEY_BYTES:
        return derived, b""
    content_key = os.urandom(ENCRYPTION_KEY_BYTES[enc])
    return content_key, aes_key_wrap(derived, content_key)


def with_keys(header: dict[str, Any], plaintext: bytes, content_key: bytes, encrypted_key: bytes) -> str:
    """Return a compact JWE that is encrypted with a given key."""
    protected, data = encode_json(header), _compressed(plaintext) if "zip" in header else plaintext
    if header["enc"] == "A128CBC-HS256":
        vector, ciphertext, tag = _cbc(content_key, data, protected.encode())
    else:
        vector = os.urandom(12)
        whole = AESGCM(content_key).encrypt(vector, data, protected.encode())
        ciphertext, tag = whole[:-16], whole[-16:]
    return ".".join([protected, *map(encode, (encrypted_key, vector, ciphertext, tag))])


def _compressed(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _cbc(key: bytes, data: bytes, associated: bytes) -> tuple[bytes, bytes, bytes]:
    """Encrypt with AES-128 in CBC mode and HMAC (RFC 7518, 5.2)."""
    padder, vector = PKCS7(128).padder(), os.urandom(16)
    encryptor = Cipher(AES(key[16:]), CBC(vector)).encryptor()
    ciphertext = encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
    code = mac(key[:16], associated + vector + ciphertext + (len(associated) * 8).to_bytes(8, "big"))
    return vector, ciphertext, code[:16]


# Points that are not on P-256

P = 2**256 - 2**224 + 2**192 + 2**96 - 1


def multiply(scalar: int, point: tuple[int, int]) -> tuple[int, int]:
    """Multiply a point of any curve y² = x³ - 3x + b: the formulas do not contain b."""
    result: tuple[int, int] | None = None
    for bit in f"{scalar:b}":
        result = result and _add(result, result)
        if bit == "1":
            result = _add(result, point) if result else point
    assert result is not None
    return result


def _add(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2) = first, second
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P) if first == second else (y2 - y1) * pow(x2 - x1, -1, P)
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P
