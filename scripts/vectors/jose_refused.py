"""JOSE messages that their receiver must reject. Each has one fault: without it, the message would be accepted."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clients.python.countersign_device import MessageType
from scripts.vectors import jose_builder as jose
from scripts.vectors.jose_builder import Side

Message = tuple[str, str]
URL = "https://attacker.example/keys.json"
# A valid message is slightly longer than its limit of 64 KiB.
OVERSIZED_PADDING = 36_700
# Deeper than the JSON parser of Python 3.13 accepts.
PAYLOAD_DEPTH = 10_000


@dataclass(frozen=True)
class Refusals:
    """Messages from a sender to a receiver. `other` has keys of the same kind that do not belong to either."""

    sender: Side
    receiver: Side
    other: Side
    expected: MessageType
    wrong_types: dict[str, MessageType]
    content: dict[str, Any]
    is_to_server: bool

    def messages(self) -> Iterator[Message]:
        """Return the messages with their reasons."""
        yield from self._jws_algorithms()
        yield from self._types()
        yield from self._jws_headers()
        yield from self._signatures()
        yield from self._payloads()
        yield from self._structures()
        yield from self._jwe_algorithms()
        yield from self._jwe_headers()
        yield from self._ephemeral_keys()
        yield from self._ciphertexts()

    # Parts of a valid message

    @cached_property
    def payload(self) -> bytes:
        return json.dumps(self.content).encode()

    @cached_property
    def signing_key(self) -> Any:
        return jose.private_key(self.sender.signing)

    def sign(self, *, signer: Any = None, payload: bytes | None = None, **changes: Any) -> str:
        header = jose.signature_header(self.sender, self.expected, **changes)
        return jose.signed(header, self.payload if payload is None else payload, signer or self.signing_key)

    def encrypt(self, text: str, **changes: Any) -> str:
        header = jose.encryption_header(self.receiver, **changes)
        return jose.encrypted(header, text.encode(), self.receiver.encryption)

    def seal(self, **changes: Any) -> str:
        """Return a message with a changed JWS."""
        return self.encrypt(self.sign(**changes))

    def enclose(self, **changes: Any) -> str:
        """Return a message with a changed JWE."""
        return self.encrypt(self.sign(), **changes)

    # Messages

    def _jws_algorithms(self) -> Iterator[Message]:
        public = self.signing_key.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        jwk = {name: value for name, value in self.sender.signing.items() if name != "d"}
        yield "jws_alg_none", self.seal(alg="none", signer=lambda _data: b"")
        yield "jws_alg_missing", self.seal(alg=None)
        for reason, key in (("pem", pem), ("jwk", json.dumps(jwk, separators=(",", ":")).encode())):
            yield f"jws_alg_hs256_{reason}", self.seal(alg="HS256", signer=lambda data, key=key: jose.mac(key, data))
        yield "jws_alg_es384", self.seal(alg="ES384", signer=lambda data: jose.ecdsa(self.signing_key, data, SHA384()))

    def _types(self) -> Iterator[Message]:
        yield "typ_missing", self.seal(typ=None)
        yield "typ_unknown", self.seal(typ="JWT")
        yield "typ_prefixed", self.seal(typ=f"application/{self.expected}")
        yield "typ_upper_case", self.seal(typ=self.expected.upper())
        for reason, typ in self.wrong_types.items():
            yield reason, self.seal(typ=typ.value)

    def _jws_headers(self) -> Iterator[Message]:
        yield "jws_extra_member", self.seal(iat=1795530539)
        yield "jws_crit", self.seal(crit=["exp"], exp=1795530539)
        yield "jws_b64", self.encrypt(self._unencoded_payload())
        attacker = generate_private_key(SECP256R1())
        yield "jws_jwk", self.seal(jwk=jose.public_jwk(attacker), signer=attacker)
        yield "jws_jku", self.seal(jku=URL)
        yield "jws_x5u", self.seal(x5u=URL)
        yield "jws_kid_missing", self.seal(kid=None)
        yield "jws_kid_of_other_key", self.seal(kid=jose.thumbprint(self.sender.encryption))
        yield "jws_nested_header", self.seal(depth=jose.NESTED)

    def _unencoded_payload(self) -> str:
        """Return a JWS whose payload is not encoded (RFC 7797). It contains no dot."""
        header = jose.encode_json(jose.signature_header(self.sender, self.expected, b64=False, crit=["b64"]))
        start = f"{header}.{json.dumps(self.content).replace('.', '')}"
        return f"{start}.{jose.encode(jose.ecdsa(self.signing_key, start.encode()))}"

    def _signatures(self) -> Iterator[Message]:
        other = jose.private_key(self.other.signing)
        yield "signed_by_other", self.seal(signer=other)
        yield "signed_by_other_with_its_kid", self.seal(signer=other, kid=jose.thumbprint(self.other.signing))
        yield "signed_by_encryption_key", self.seal(signer=jose.private_key(self.sender.encryption))
        yield "signature_in_der", self.seal(signer=lambda data: self.signing_key.sign(data, ECDSA(SHA256())))
        header, payload, signature = self.sign().split(".")
        yield "signature_missing", self.encrypt(f"{header}.{payload}.")
        yield "signature_of_zeros", self.encrypt(f"{header}.{payload}.{jose.encode(bytes(64))}")
        yield "signature_changed", self.encrypt(f"{header}.{payload}.{_flip(signature)}")
        changed = jose.encode(json.dumps({**self.content, "added": True}).encode())
        yield "payload_changed", self.encrypt(f"{header}.{changed}.{signature}")

    def _payloads(self) -> Iterator[Message]:
        yield "payload_empty", self.seal(payload=b"")
        yield "payload_not_json", self.seal(payload=b"{")
        yield "payload_not_utf_8", self.seal(payload=b'{"token": "\xff"}')
        yield "payload_array", self.seal(payload=json.dumps([self.content]).encode())
        yield "payload_string", self.seal(payload=json.dumps("text").encode())
        yield "payload_nested", self.seal(payload=b"[" * PAYLOAD_DEPTH + b"]" * PAYLOAD_DEPTH)
        if self.is_to_server:
            # Only messages to the server have a fixed limit.
            padded = json.dumps({**self.content, "padding": "x" * OVERSIZED_PADDING}).encode()
            yield "oversized", self.seal(payload=padded)

    def _structures(self) -> Iterator[Message]:
        signed = self.sign()
        header, payload, signature = signed.split(".")
        yield "not_encrypted", signed
        yield "not_signed", self.encrypt(self.payload.decode())
        yield "encrypted_twice", self.encrypt(self.enclose())
        members = {"payload": payload, "protected": header, "signature": signature}
        yield "jws_flattened", self.encrypt(json.dumps(members))
        signatures = [{"protected": header, "signature": signature}]
        yield "jws_general", self.encrypt(json.dumps({"payload": payload, "signatures": signatures}))
        protected, key, vector, ciphertext, tag = self.enclose().split(".")
        members = {"protected": protected, "iv": vector, "ciphertext": ciphertext, "tag": tag}
        yield "jwe_flattened", json.dumps({**members, "encrypted_key": key})
        yield "jwe_general", json.dumps({**members, "recipients": [{"encrypted_key": key}]})
        yield "reflected", self._reflected()
        yield "empty", ""
        yield "dots", "...."

    def _reflected(self) -> str:
        """Return a valid message of the receiver to the sender."""
        typ, swapped = self.wrong_types["typ_of_receiver"], (self.receiver, self.sender)
        return Refusals(*swapped, self.other, typ, {}, self.content, not self.is_to_server).seal()

    def _jwe_algorithms(self) -> Iterator[Message]:
        yield "jwe_alg_ecdh_es", self.enclose(alg="ECDH-ES")
        yield "jwe_alg_ecdh_es_a128kw", self.enclose(alg="ECDH-ES+A128KW")
        yield "jwe_alg_rsa_oaep", self._rsa_oaep()
        header = jose.encryption_header(self.receiver, alg="dir")
        key = jose.decode(self.receiver.encryption["x"])
        yield "jwe_alg_dir", jose.with_keys(header, self.sign().encode(), key, b"")
        yield "jwe_enc_a128gcm", self.enclose(enc="A128GCM")
        yield "jwe_enc_a128cbc_hs256", self.enclose(enc="A128CBC-HS256")

    def _rsa_oaep(self) -> str:
        header, content_key = jose.encryption_header(self.receiver, alg="RSA-OAEP"), bytes(32)
        key = generate_rsa_key(65537, 2048).public_key().encrypt(content_key, OAEP(MGF1(SHA1()), SHA1(), None))
        return jose.with_keys(header, self.sign().encode(), content_key, key)

    def _jwe_headers(self) -> Iterator[Message]:
        yield "jwe_zip", self.enclose(zip="DEF")
        yield "jwe_crit", self.enclose(crit=["exp"], exp=1795530539)
        yield "jwe_extra_member", self.enclose(iat=1795530539)
        yield "jwe_typ", self.enclose(typ=self.expected)
        yield "jwe_jwk", self.enclose(jwk={n: v for n, v in self.receiver.encryption.items() if n != "d"})
        yield "jwe_jku", self.enclose(jku=URL)
        yield "jwe_x5u", self.enclose(x5u=URL)
        yield "jwe_apu", self.enclose(apu=jose.encode(b"sender"))
        yield "jwe_apv", self.enclose(apv=jose.encode(b"receiver"))
        yield "jwe_cty_missing", self.enclose(cty=None)
        yield "jwe_cty_other", self.enclose(cty="JWT")
        yield "jwe_kid_missing", self.enclose(kid=None)
        yield "jwe_kid_of_other_key", self.enclose(kid=jose.thumbprint(self.receiver.signing))
        yield "jwe_nested_header", self.enclose(depth=jose.NESTED)

    def _ephemeral_keys(self) -> Iterator[Message]:
        ephemeral = generate_private_key(SECP256R1())
        public = jose.public_jwk(ephemeral)
        yield "epk_missing", self._with_epk(None, ephemeral)
        yield "epk_extra_member", self._with_epk({**public, "use": "enc"}, ephemeral)
        private = {**public, "d": jose.encode(ephemeral.private_numbers().private_value.to_bytes(32, "big"))}
        yield "epk_private", self._with_epk(private, ephemeral)
        yield "epk_wrong_crv", self._with_epk({**public, "crv": "P-384"}, ephemeral)
        yield "epk_other_curve", self._with_epk(jose.public_jwk(generate_private_key(SECP384R1()), "P-384"), ephemeral)
        yield "epk_off_curve", self._off_curve()
        short = _key_with_short_coordinate()
        coordinates = {name: jose.encode(jose.decode(jose.public_jwk(short)[name]).lstrip(b"\0")) for name in "xy"}
        yield "epk_short_coordinate", self._with_epk({**jose.public_jwk(short), **coordinates}, short)

    def _with_epk(self, epk: dict[str, str] | None, ephemeral: Any, shared: bytes | None = None) -> str:
        header, signed = jose.encryption_header(self.receiver), self.sign().encode()
        return jose.encrypted(
            {**header, "epk": epk}, signed, self.receiver.encryption, ephemeral=ephemeral, shared=shared
        )

    def _off_curve(self) -> str:
        """Return a message whose ephemeral key is on another curve with the same formulas.

        The shared secret is the one that a receiver without a check computes, so that such a receiver opens it.
        """
        numbers = generate_private_key(SECP256R1()).public_key().public_numbers()
        point = numbers.x, (numbers.y + 1) % jose.P
        x, y = (jose.encode(coordinate.to_bytes(32, "big")) for coordinate in point)
        epk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        scalar = jose.private_key(self.receiver.encryption).private_numbers().private_value
        return self._with_epk(epk, None, jose.multiply(scalar, point)[0].to_bytes(32, "big"))

    def _ciphertexts(self) -> Iterator[Message]:
        header = jose.encryption_header(self.receiver)
        yield "encrypted_to_other", jose.encrypted(header, self.sign().encode(), self.other.encryption)
        protected, key, vector, ciphertext, tag = self.enclose().split(".")
        yield "key_changed", ".".join([protected, _flip(key), vector, ciphertext, tag])
        yield "ciphertext_changed", ".".join([protected, key, vector, _flip(ciphertext), tag])
        yield "tag_changed", ".".join([protected, key, vector, ciphertext, _flip(tag)])
        yield "tag_short", ".".join([protected, key, vector, ciphertext, jose.encode(jose.decode(tag)[:12])])


def _flip(text: str) -> str:
    """Change one bit of encoded data."""
    data = bytearray(jose.decode(text))
    data[0] ^= 1
    return jose.encode(bytes(data))


def _key_with_short_coordinate() -> Any:
    while True:
        key = generate_private_key(SECP256R1())
        numbers = key.public_key().public_numbers()
        if min(numbers.x, numbers.y) < 2**248:
            return key
