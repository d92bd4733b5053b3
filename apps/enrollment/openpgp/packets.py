"""Structure of OpenPGP messages: ASCII armour, packets, compression (RFC 9580). Every error is a ValueError."""

import base64
import bz2
import zlib
from collections.abc import Container
from dataclasses import dataclass
from enum import IntEnum

MAX_PACKETS = 32


class Tag(IntEnum):
    """Packet types of messages."""

    SESSION_KEY = 1
    SIGNATURE = 2
    ONE_PASS_SIGNATURE = 4
    COMPRESSED = 8
    MARKER = 10
    LITERAL = 11
    ENCRYPTED = 18
    PADDING = 21


@dataclass(frozen=True)
class Packet:
    tag: int
    body: bytes

    def __bytes__(self) -> bytes:
        return bytes([0xC0 | self.tag, 0xFF]) + len(self.body).to_bytes(4, "big") + self.body


def dearmor(armored: str) -> bytes:
    """Decode an armoured message (6.2). Its checksum is optional and not verified."""
    lines = [line.strip() for line in armored.strip().splitlines()]
    if "" not in lines or lines[0] != "-----BEGIN PGP MESSAGE-----" or lines[-1] != "-----END PGP MESSAGE-----":
        raise ValueError("not an armoured message")
    body = lines[lines.index("") + 1 : -1]
    if body and body[-1].startswith("="):
        body.pop()
    return base64.b64decode("".join(body), validate=True)


def split_packets(data: bytes) -> list[Packet]:
    """Split data into one or more packets (4.2), in the old or new format."""
    packets: list[Packet] = []
    position = 0
    while position < len(data):
        head = data[position]
        if not head & 0x80 or len(packets) == MAX_PACKETS:
            raise ValueError("not a sequence of packets")
        if head & 0x40:
            body, position = _read_new_format(data, position + 1)
            packets.append(Packet(head & 0x3F, body))
        else:
            body, position = _read_old_format(data, position + 1, head & 3)
            packets.append(Packet(head >> 2 & 0x0F, body))
    if not packets:
        raise ValueError("no packet")
    return packets


def read_bytes(data: bytes, position: int, length: int) -> tuple[bytes, int]:
    """Return `length` bytes and the position after them."""
    if position + length > len(data):
        raise ValueError("truncated packet")
    return data[position : position + length], position + length


def read_mpi(data: bytes, position: int) -> tuple[bytes, int]:
    """Return the bytes of a multiprecision integer (3.2) and the position after it."""
    bits, position = read_bytes(data, position, 2)
    return read_bytes(data, position, (int.from_bytes(bits, "big") + 7) // 8)


def _read_old_format(data: bytes, position: int, length_type: int) -> tuple[bytes, int]:
    if length_type == 3:
        return data[position:], len(data)
    length, position = read_bytes(data, position, 1 << length_type)
    return read_bytes(data, position, int.from_bytes(length, "big"))


def _read_new_format(data: bytes, position: int) -> tuple[bytes, int]:
    """Read a body of one or more parts. Every part except the last has a partial length."""
    parts: list[bytes] = []
    is_last = False
    while not is_last:
        length, position, is_last = _read_new_length(data, position)
        part, position = read_bytes(data, position, length)
        parts.append(part)
    return b"".join(parts), position


def _read_new_length(data: bytes, position: int) -> tuple[int, int, bool]:
    (first,), position = read_bytes(data, position, 1)
    if 224 <= first < 255:
        return 1 << (first & 0x1F), position, False
    if first < 192:
        return first, position, True
    length_bytes, position = read_bytes(data, position, 1 if first < 224 else 4)
    if first < 224:
        return ((first - 192) << 8) + length_bytes[0] + 192, position, True
    return int.from_bytes(length_bytes, "big"), position, True


def read_literal_data(body: bytes) -> bytes:
    """Return the content of a literal data packet (5.9), without its format, file name and date."""
    start, position = read_bytes(body, 0, 2)
    _name_and_date, position = read_bytes(body, position, start[1] + 4)
    return body[position:]


def read_subpackets(area: bytes, known: Container[int] = range(128)) -> dict[int, bytes]:
    """Return the last subpacket of each type (5.2.3.7). The type of a critical subpacket must be in `known`."""
    subpackets: dict[int, bytes] = {}
    position = 0
    while position < len(area):
        length, position = _read_subpacket_length(area, position)
        subpacket, position = read_bytes(area, position, length)
        kind = subpacket[0] & 0x7F
        if subpacket[0] & 0x80 and kind not in known:
            raise ValueError("unknown critical subpacket")
        subpackets[kind] = subpacket[1:]
    return subpackets


def _read_subpacket_length(area: bytes, position: int) -> tuple[int, int]:
    """Read the length of a subpacket (5.2.3.7). It includes the type octet, so it is at least 1."""
    (first,), position = read_bytes(area, position, 1)
    if first < 192:
        length = first
    elif first < 255:
        (second,), position = read_bytes(area, position, 1)
        length = ((first - 192) << 8) + second + 192
    else:
        length_bytes, position = read_bytes(area, position, 4)
        length = int.from_bytes(length_bytes, "big")
    if not length:
        raise ValueError("empty subpacket")
    return length, position


def decompress(body: bytes, limit: int) -> bytes:
    """Decompress the body of a compressed packet (5.6). Raises ValueError if the content exceeds `limit` bytes."""
    (algorithm,), position = read_bytes(body, 0, 1)
    data = body[position:]
    try:
        if algorithm == 3:
            unpacked = bz2.BZ2Decompressor().decompress(data, limit + 1)
        elif algorithm in (1, 2):
            unpacked = zlib.decompressobj(-15 if algorithm == 1 else 15).decompress(data, limit + 1)
        else:
            raise ValueError("unknown compression")
    except (zlib.error, OSError):
        raise ValueError("not compressed data") from None
    if len(unpacked) > limit:
        raise ValueError("decompressed data is too long")
    return unpacked
