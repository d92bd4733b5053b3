"""The reference device opens the messages of the test vectors, and rejects each one that must be refused."""

import json
import time

import pytest
from django.conf import settings

from clients.python.countersign_device import MessageType, keys

VECTORS = json.loads((settings.BASE_DIR / "docs" / "test-vectors.json").read_text())


def secret_key(side):
    return side["secret_key"] if "secret_key" in side else json.dumps(side["secret_keys"])


def public_key(side):
    return side["public_key"] if "public_key" in side else json.dumps(side["public_keys"])


def cases(member):
    """Return the kind, the device, the direction, the name and the vector of all messages in a member of a device."""
    for kind in ("jose", "openpgp"):
        for device in VECTORS[kind]["devices"]:
            for name, vector in items(device, member):
                direction = vector.get("direction", member)
                yield pytest.param(kind, device, direction, vector, id=f"{device['name']} {direction} {name}")


def items(device, member):
    if member == "refused":
        return [(vector["reason"], vector) for vector in device["refused"]]
    return device[member].items()


def open_with_the_device(kind, device, direction, vector):
    sides = [VECTORS[kind]["server"], device]
    sender, receiver = sides if direction == "to_device" else reversed(sides)
    return keys.open_sealed(
        vector["message"], MessageType(vector["typ"]), secret_key(receiver), public_key(sender), at=time.time()
    )


@pytest.mark.parametrize(("kind", "device", "direction", "vector"), [*cases("to_device"), *cases("to_server")])
def test_message_is_opened(kind, device, direction, vector):
    if kind == "openpgp" and direction == "to_server" and device["name"] != "curve25519":
        pytest.skip("the reference device verifies only signatures of a server key")
    assert open_with_the_device(kind, device, direction, vector) == vector["content"]


@pytest.mark.parametrize(("kind", "device", "direction", "vector"), [*cases("refused")])
def test_message_is_refused(kind, device, direction, vector):
    with pytest.raises(ValueError):  # noqa: PT011 - the vectors have many faults
        open_with_the_device(kind, device, direction, vector)


def test_reasons_are_unique_and_exist_in_both_directions():
    for kind in ("jose", "openpgp"):
        for device in VECTORS[kind]["devices"]:
            reasons = {
                direction: [each["reason"] for each in device["refused"] if each["direction"] == direction]
                for direction in ("to_device", "to_server")
            }
            assert reasons["to_device"] == reasons["to_server"]
            assert len(set(reasons["to_device"])) == len(reasons["to_device"]) > 8
