"""Builder of OpenPGP keys with any time and with unusual bindings."""

from dataclasses import dataclass

import pysequoia

from clients.python.countersign_device import KeyKind, keys
from clients.python.countersign_device.keys import openpgp_operations as openpgp
from clients.python.countersign_device.keys.openpgp_operations import SecretKey
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


# Key types that the server accepts, each with a function that creates a key with a given time.
KINDS = {
    "Curve25519 as GnuPG writes it": lambda at: keys.new_secret_key(KeyKind.CURVE25519, at=at),
    "Curve25519 as RFC 9580 writes it": lambda at: keys.new_secret_key(KeyKind.ED25519, at=at),
    "RSA": lambda at: keys.new_secret_key(KeyKind.RSA2048, at=at),
}
