"""The server and the reference device reject every message of the test vectors that must be refused."""

import json

import pytest

from apps.common import errors
from tests.clients.vectors import DEVICES, FILE, select

DOCUMENT = json.loads(FILE.read_text())


def cases(direction, names=tuple(DEVICES)):
    """Return the vectors of each device with the messages in a direction."""
    return [
        pytest.param(select(DOCUMENT, name), vector, id=f"{name} {vector['reason']}")
        for name in names
        for vector in select(DOCUMENT, name).device["refused"]
        if vector["direction"] == direction
    ]


@pytest.mark.parametrize(("vectors", "vector"), cases("to_server"))
def test_server_rejects_the_message(vectors, vector):
    with pytest.raises(errors.InvalidMessage):
        vectors.open_with_server(vector)


@pytest.mark.parametrize(("vectors", "vector"), cases("to_device"))
def test_device_rejects_the_message(vectors, vector):
    with pytest.raises(ValueError):  # noqa: PT011 - the vectors have many faults
        vectors.open_with_device(vector)


@pytest.mark.parametrize(("vectors", "vector"), cases("to_server", ["p256"]))
def test_device_code_rejects_messages_to_the_server(vectors, vector):
    if vector["reason"] == "oversized":
        # The limit of messages to a device is higher.
        assert vectors.open_with_device(vector, "to_server")["padding"]
        return
    with pytest.raises(ValueError):  # noqa: PT011 - the vectors have many faults
        vectors.open_with_device(vector, "to_server")


@pytest.mark.parametrize("name", DEVICES)
def test_reasons_are_unique(name):
    for direction in ("to_server", "to_device"):
        refused = [each for each in select(DOCUMENT, name).device["refused"] if each["direction"] == direction]
        assert len({each["reason"] for each in refused}) == len(refused) >= 9
