"""Builder of OpenPGP keys with any time and with unusual bindings."""

from dataclasses import dataclass

import pysequoia
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from clients.python.countersign_device import KeyKind, keys, openpgp
from clients.python.countersign_device.openpgp import SecretKey
from tests.api import sealing

PUBLIC_KEY, PUBLIC_SUBKEY = 6, 14
USER = b"device"
CERTIFIES, SIGNS, ENCRYPTS = b"\x01", b"\x02", b"\x0c"


def lifetime(seconds):
    """Return the subpacket with the lifetime of a key."""
    return openpgp.subpacket(9, seconds.to_bytes(4, "big"))


def agreement(subkey, primary, at, by=None):
    """Return the back signature of a subkey (or another key) for a primary key."""
    signed = openpgp.framed(primary.public) + openpgp.framed(subkey.public)
    # An embedded signature is the packet without its tag and five octets of length.
    return openpgp.subpacket(32, openpgp.sign(0x19, by or subkey, at, signed)[6:])


@dataclass
class Subkey:
    key: SecretKey
    flags: bytes
    subpackets: bytes = b""
    binder: SecretKey | None = None


def certificate(primary, *subkeys, at, flags=CERTIFIES, subpackets=b""):
    """Return the armoured public key of a primary key with subkeys, signed at a time in seconds."""
    framed = openpgp.framed(primary.public)
    user = framed + b"\xb4" + len(USER).to_bytes(4, "big") + USER
    packets = [
        openpgp.packet(PUBLIC_KEY, primary.public),
        openpgp.packet(openpgp.USER_ID, USER),
        openpgp.sign(0x13, primary, at, user, openpgp.subpacket(27, flags) + subpackets),
    ]
    for each in subkeys:
        bound = framed + openpgp.framed(each.key.public)
        subpackets_of_binding = openpgp.subpacket(27, each.flags) + each.subpackets
        packets.append(openpgp.packet(PUBLIC_SUBKEY, each.key.public))
        packets.append(openpgp.sign(0x18, each.binder or primary, at, bound, subpackets_of_binding))
    return pysequoia.armor(b"".join(packets), pysequoia.ArmorKind.PublicKey)


def sealed(data, signer, server_public_key, at=None):
    """Return a message that a key signs, regardless of its certificate."""
    signature = openpgp.sign(0x00, signer, signer.created if at is None else at, data)
    announced = bytes([3, 0, openpgp.HASH_SHA512, signer.algorithm]) + signer.fingerprint[-8:] + b"\x01"
    packets = openpgp.packet(openpgp.ONE_PASS_SIGNATURE, announced)
    packets += openpgp.packet(openpgp.LITERAL, b"b\0" + bytes(4) + data) + signature
    return sealing.armored(sealing.encrypted(server_public_key, packets))


def rfc_9580_secret_key(at):
    """Return the armoured secret key of Curve25519 in the encoding of RFC 9580."""
    head = b"\x04" + at.to_bytes(4, "big")
    primary, subkey = (
        SecretKey(head + bytes([algorithm]) + private.public_key().public_bytes_raw(), private)
        for algorithm, private in (
            (openpgp.ED25519, Ed25519PrivateKey.generate()),
            (openpgp.X25519, X25519PrivateKey.generate()),
        )
    )
    public = certificate(primary, Subkey(subkey, ENCRYPTS), at=at, flags=b"\x03")
    packets = [bytes(packet) for packet in pysequoia.packet.PacketPile.from_bytes(public.encode())]
    secrets = {0: (openpgp.SECRET_KEY, primary), 3: (openpgp.SECRET_SUBKEY, subkey)}
    for index, (kind, key) in secrets.items():
        raw = key.private.private_bytes_raw()
        packets[index] = openpgp.packet(kind, key.public + b"\0" + raw + (sum(raw) & 0xFFFF).to_bytes(2, "big"))
    return pysequoia.armor(b"".join(packets), pysequoia.ArmorKind.SecretKey)


# Key types that the server accepts, each with a function that creates a key with a given time.
KINDS = {
    "Curve25519 as GnuPG writes it": lambda at: keys.new_secret_key(at=at),
    "Curve25519 as RFC 9580 writes it": rfc_9580_secret_key,
    "RSA": lambda at: keys.new_secret_key(KeyKind.RSA2048, at=at),
}
