"""JOSE keys of the device: a signing key (ES256) and an encryption key (ECDH-ES+A256KW), both on P-256.

A sealed message is a compact JWE (RFC 7516) that contains a compact JWS (RFC 7515). Both headers have fixed members:
a message with any other header is rejected before it is decrypted or verified.
"""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.util import json_b64decode, to_bytes, urlsafe_b64decode

from . import content as contents
from .kinds import KeyKind, MessageType

SIGNATURE = {"use": "sig", "alg": "ES256"}
ENCRYPTION = {"use": "enc", "alg": "ECDH-ES+A256KW"}
CONTENT_ENCRYPTION = "A256GCM"
CURVE = {"kty": "EC", "crv": "P-256"}
COORDINATE_BYTES = 32
# Allowed algorithms. The default limits of joserfc are shorter than some challenges.
SIGNATURE_REGISTRY = jws.JWSRegistry(algorithms=[SIGNATURE["alg"]])
SIGNATURE_REGISTRY.max_payload_length = contents.MAX_MESSAGE_BYTES
ENCRYPTION_REGISTRY = jwe.JWERegistry(algorithms=[ENCRYPTION["alg"], CONTENT_ENCRYPTION])
ENCRYPTION_REGISTRY.max_ciphertext_length = contents.MAX_MESSAGE_BYTES


def new_secret_key(_kind: KeyKind, *, at: float) -> str:  # noqa: ARG001 - JOSE keys have no time of creation
    """Create a JWK Set with both keys and their private members."""
    key_parameters = (SIGNATURE, ENCRYPTION)
    return _write([ECKey.generate_key(CURVE["crv"]).as_dict(private=True, **each) for each in key_parameters])


def _write(keys: list[Any]) -> str:
    return json.dumps({"keys": keys})


def public_key(secret_key: str) -> str:
    """Return the JWK Set with the public keys."""
    return _write([key.as_dict(private=False) for key in _read(secret_key)])


def enrollment_members(secret_key: str) -> dict[str, Any]:
    return {"public_keys": json.loads(public_key(secret_key))}


def read_server_key(enrolled: dict[str, Any]) -> str:
    text = json.dumps(enrolled["server_public_keys"])
    _read(text)
    return text


def _read(key_set: str) -> tuple[ECKey, ECKey]:
    """Return the signing key and the encryption key of a JWK Set. Raises ValueError if it has not exactly these."""
    try:
        # Another number of keys is a ValueError.
        first, second = ((key["use"], _read_key(key)) for key in json.loads(key_set)["keys"])
        by_use = dict((first, second))
        return by_use[SIGNATURE["use"]], by_use[ENCRYPTION["use"]]
    except (JoseError, KeyError, TypeError) as error:
        raise ValueError("not a signing key and an encryption key on P-256") from error


def _read_key(jwk: dict[str, Any]) -> ECKey:
    expected = CURVE | (SIGNATURE if jwk["use"] == SIGNATURE["use"] else ENCRYPTION)
    if any(jwk[name] != value for name, value in expected.items()):
        raise ValueError("not a key on P-256 for this use")
    # Members that have no effect, such as `kid`, are dropped.
    return ECKey.import_key({name: jwk[name] for name in (*expected, "x", "y", "d") if name in jwk})


def seal(
    content: dict[str, Any],
    typ: MessageType,
    secret_key: str,
    receiver: str,
    *,
    at: float,  # noqa: ARG001 - JOSE messages have no time
) -> str:
    signing, _encryption = _read(secret_key)
    _signing, encryption = _read(receiver)
    payload = json.dumps(content).encode()
    signed = jws.serialize_compact(_signature_header(signing, typ), payload, signing, registry=SIGNATURE_REGISTRY)
    header = _encryption_header(encryption)
    return jwe.encrypt_compact(header, signed.encode(), encryption, registry=ENCRYPTION_REGISTRY)


def _signature_header(signing: ECKey, typ: MessageType) -> dict[str, str]:
    return {"alg": SIGNATURE["alg"], "kid": signing.thumbprint(), "typ": typ.value}


def _encryption_header(encryption: ECKey) -> dict[str, str]:
    """Return the header of a message without the ephemeral key of its sender, `epk`."""
    return {"alg": ENCRYPTION["alg"], "enc": CONTENT_ENCRYPTION, "kid": encryption.thumbprint(), "cty": "JOSE"}


def open_sealed(
    message: str,
    typ: MessageType,
    secret_key: str,
    sender: str,
    *,
    at: float,  # noqa: ARG001 - JOSE messages have no time
) -> dict[str, Any]:
    _signing, encryption = _read(secret_key)
    signing, _encryption = _read(sender)
    try:
        return contents.parse(_verify(_decrypt(message, encryption), signing, typ))
    except (JoseError, RecursionError) as error:
        raise ValueError("not a valid message") from error


def _decrypt(message: str, encryption: ECKey) -> str:
    """Return the signed content of a message. Raises ValueError or JoseError for a message in any other format."""
    contents.check_size(message)
    header, expected = _read_header(message), _encryption_header(encryption)
    if not _is_ephemeral_key(header.pop("epk", None)) or header != expected:
        raise ValueError("not encrypted to this key")
    decrypted = jwe.decrypt_compact(message, encryption, registry=ENCRYPTION_REGISTRY)
    return (decrypted.plaintext or b"").decode()


def _is_ephemeral_key(jwk: object) -> bool:
    """Return True if a header member is a public key on P-256. joserfc checks that it is a point of the curve."""
    if not isinstance(jwk, dict) or jwk.keys() != {*CURVE, "x", "y"}:
        return False
    # The length is fixed (RFC 7518, 6.2.1.2), but joserfc accepts coordinates without leading zeros.
    return jwk == jwk | CURVE and all(
        len(urlsafe_b64decode(to_bytes(jwk[name]))) == COORDINATE_BYTES for name in ("x", "y")
    )


def _verify(signed: str, signing: ECKey, typ: MessageType) -> bytes:
    """Return the payload of a JWS. Raises ValueError or JoseError if it is not of this signer and type."""
    if _read_header(signed) != _signature_header(signing, typ):
        raise ValueError("not signed by the sender, or of another type")
    return jws.deserialize_compact(signed, signing, registry=SIGNATURE_REGISTRY).payload


def _read_header(compact: str) -> dict[str, Any]:
    header = json_b64decode(compact.partition(".")[0].encode())
    if not isinstance(header, dict):
        raise ValueError("not a header")  # noqa: TRY004 - all errors of keys and messages are ValueError
    return header


def sign(data: bytes, secret_key: str) -> bytes:
    """Return the signature of the signing key in DER, as the key stores of iOS and Android create it."""
    private = _read(secret_key)[0].private_key
    if private is None:
        raise ValueError("not a secret key")
    return private.sign(data, ECDSA(SHA256()))


def public_pem(secret_key: str) -> str:
    return _read(secret_key)[0].as_pem(private=False).decode()
