"""OpenPGP messages that their receiver must reject. Each has one fault: without it, the message would be accepted."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pysequoia
from pysequoia import Tsk
from pysequoia.packet import PacketPile, Tag

from clients.python.countersign_device.keys import openpgp_operations as operations

Message = tuple[str, str]
COMPRESSED = 8
# Longer than 64 KiB, in armour or opened.
OVERSIZED_ARMORED_BYTES, OVERSIZED_BYTES, BOMB_BYTES = 48_500, 65_537, 30_000_000
PAYLOAD_DEPTH = 10_000


@dataclass(frozen=True)
class Refusals:
    """Messages from a sender to a receiver, both as secret keys. `other` is a key of neither."""

    sender: str
    receiver: str
    other: str
    content: dict[str, Any]
    is_to_server: bool

    def messages(self) -> Iterator[Message]:
        """Return the messages that Sequoia creates, with their reasons."""
        yield "not_signed", self._encrypt(None)
        yield "not_encrypted", pysequoia.sign(_signer(self.sender), self.payload).decode()
        yield "signed_by_other", self._encrypt(self.other)
        yield "encrypted_to_other", self._encrypt(self.sender, receiver=self.other)
        yield "payload_array", self._encrypt(self.sender, json.dumps([self.content]).encode())
        yield "payload_not_json", self._encrypt(self.sender, b"{")
        yield "payload_not_utf_8", self._encrypt(self.sender, b'{"token": "\xff"}')
        yield "reflected", self._encrypt(self.receiver, receiver=self.sender)
        yield "empty", ""

    def messages_to_ecdh_key(self) -> Iterator[Message]:
        """Return messages with changed packets and large ones. The reference device encrypts them to an ECDH key."""
        signed, receiver = self._signed(self.payload), self._receiver
        yield "signature_changed", _armor(operations.encrypt(_flip(signed), receiver))
        yield "container_changed", _armor(_flip(operations.encrypt(signed, receiver)))
        other = self._signed(json.dumps({**self.content, "added": True}).encode())
        swapped = b"".join([*_packets(other)[:-1], _packets(signed)[-1]])
        yield "payload_changed", _armor(operations.encrypt(swapped, receiver))
        signature = _packets(signed)[-1]
        yield "signature_alone", _armor(operations.encrypt(signature, receiver))
        nested = self._signed(b"[" * PAYLOAD_DEPTH + b"]" * PAYLOAD_DEPTH)
        yield "payload_nested", _armor(operations.encrypt(nested, receiver))
        if self.is_to_server:
            # Only messages to the server have a fixed limit, and can be compressed.
            oversized = self._signed(self._padded(OVERSIZED_ARMORED_BYTES))
            yield "oversized", _armor(operations.encrypt(oversized, receiver))
            compressed = _compressed(self._signed(self._padded(OVERSIZED_BYTES)))
            yield "oversized_compressed", _armor(operations.encrypt(compressed, receiver))
        else:
            yield "compressed", _armor(operations.encrypt(_compressed(signed), receiver))
        bomb = _compressed(_compressed(self._signed(self._padded(BOMB_BYTES))))
        yield "decompression_bomb", _armor(operations.encrypt(bomb, receiver))

    @cached_property
    def payload(self) -> bytes:
        return json.dumps(self.content).encode()

    def _padded(self, count: int) -> bytes:
        return json.dumps({**self.content, "padding": "x" * count}).encode()

    def _encrypt(self, signer: str | None, content: bytes | None = None, receiver: str = "") -> str:
        certificate = Tsk.from_bytes((receiver or self.receiver).encode()).extract_certificate()
        options = {"signer": _signer(signer)} if signer else {}
        data = self.payload if content is None else content
        return pysequoia.encrypt(data, recipients=[certificate], **options).decode()

    @cached_property
    def _receiver(self) -> bytes:
        """Body of the packet of the receiver's ECDH key."""
        certificate = Tsk.from_bytes(self.receiver.encode()).extract_certificate()
        subkeys = [
            packet for packet in PacketPile.from_bytes(str(certificate).encode()) if packet.tag == Tag.PublicSubkey
        ]
        return next(packet.body for packet in subkeys if packet.body[5] == operations.ECDH)

    def _signed(self, content: bytes) -> bytes:
        return bytes(pysequoia.sign(_signer(self.sender), content, armor=False))


def _signer(secret_key: str) -> Any:
    return Tsk.from_bytes(secret_key.encode()).signer()


def _armor(packets: bytes) -> str:
    return pysequoia.armor(packets, pysequoia.ArmorKind.Message)


def _packets(data: bytes) -> list[bytes]:
    return [bytes(packet) for packet in PacketPile.from_bytes(data)]


def _flip(data: bytes) -> bytes:
    """Change the last bit."""
    return data[:-1] + bytes([data[-1] ^ 1])


def _compressed(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return operations.packet(COMPRESSED, b"\1" + packer.compress(data) + packer.flush())
