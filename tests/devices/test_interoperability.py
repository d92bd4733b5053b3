"""Interoperability with other OpenPGP implementations."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pysequoia
import pytest
import time_machine
from pysequoia import Cert, Tsk

from apps.enrollment.models import Authenticator, KeyKind, ServerKey
from apps.enrollment.openpgp.packets import split_packets
from clients.python.countersign_device import MessageType
from tests.api import sealing
from tests.api.calls import error_of
from tests.api.test_sealed_messages import _key_parameters, empty_gpg, needs_gnupg, signed  # noqa: F401 - a fixture
from tests.devices.conftest import TokenDevice

pytestmark = pytest.mark.usefixtures("openpgp_keys")

OPENPGPJS = Path(__file__).parent / "fixtures" / "openpgpjs"
MADE_AT = datetime(2020, 1, 1, 12, tzinfo=UTC)
INVALID_MESSAGE = (400, "invalid_message")


@pytest.fixture
def openpgpjs(enroll):
    """Enrol a device with a key of OpenPGP.js, at the time of the stored messages."""
    secret_key = (OPENPGPJS / "server.key.asc").read_text()
    public_key = str(Tsk.from_bytes(secret_key.encode()).extract_certificate())
    ServerKey.objects.create(kind=KeyKind.OPENPGP, secret_key=secret_key, public_key=public_key, shared=True)
    with time_machine.travel(MADE_AT, tick=False):
        yield lambda kind: enroll(device=TokenDevice(secret_key=(OPENPGPJS / f"{kind}.key.asc").read_text()))


@pytest.mark.parametrize("path", sorted(OPENPGPJS.glob("*.message.asc")), ids=lambda path: path.name)
def test_openpgpjs_message_is_opened(openpgpjs, client, path):
    device = openpgpjs(path.name.split(".")[0])
    response = device.send_registration(client, path.read_text())
    assert response.status_code == 201, response.content
    # Sequoia uses the system clock, which time_machine does not change.
    device.clock_difference = time_machine.escape_hatch.time.time() - time.time()
    assert len(device.open(response.json()["message"], MessageType.TOKEN)["token"]) >= 43


@pytest.mark.parametrize("path", sorted(OPENPGPJS.glob("*.rejected.asc")), ids=lambda path: path.name)
def test_unsigned_openpgpjs_message_is_rejected(openpgpjs, client, path):
    device = openpgpjs(path.name.split(".")[0])
    assert error_of(device.send_registration(client, path.read_text())) == INVALID_MESSAGE


def test_message_of_another_profile_is_rejected(openpgpjs, client):
    device = openpgpjs("curve25519")
    message = (OPENPGPJS / "rsa_2048.plain.message.asc").read_text()
    assert error_of(device.send_registration(client, message)) == INVALID_MESSAGE


@needs_gnupg
@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_gnupg_rsa_keys_seal_and_open(empty_gpg, enroll, client, bits):  # noqa: F811 - the fixture
    own = empty_gpg.gen_key(_key_parameters(f"rsa{bits}", f"rsa{bits}")).fingerprint
    device = enroll(device=TokenDevice(secret_key=empty_gpg.export_keys(own, secret=True, expect_passphrase=False)))
    (server,) = empty_gpg.import_keys(device.server_public_key).fingerprints
    content = {"type": "pin", "nonce": "a new nonce", "issued_at": int(time.time() * 1000)}
    sealed = empty_gpg.encrypt(json.dumps(content), server, sign=own, always_trust=True)
    response = device.send_registration(client, str(sealed))
    assert response.status_code == 201, response.content
    opened = empty_gpg.decrypt(response.json()["message"], always_trust=True)
    assert (opened.valid, opened.pubkey_fingerprint) == (True, server)
    assert len(json.loads(opened.data)["token"]) >= 43


@pytest.fixture
def registration():
    return json.dumps({"type": "pin", "nonce": "a new nonce", "issued_at": int(time.time() * 1000)}).encode()


def test_container_without_integrity_protection_is_rejected(new_device, client, registration):
    device = new_device()
    data = sealing.encrypted(device.server_public_key, signed(device, registration))
    # The same session key in a packet without integrity protection, which was used before RFC 4880.
    packets = [(packet.tag, packet.body) for packet in split_packets(data)]
    unprotected = b"".join(
        sealing.packet(9, body[1:]) if tag == 18 else sealing.packet(tag, body) for tag, body in packets
    )
    assert error_of(device.send_registration(client, sealing.armored(unprotected))) == INVALID_MESSAGE
    assert device.send_registration(client, sealing.armored(data)).status_code == 201


def test_message_to_many_receivers_is_opened(new_device, client, registration):
    device = new_device()
    others = [Tsk.generate("x", profile=pysequoia.Profile.RFC4880).extract_certificate() for _ in range(5)]
    receivers = [*others, Cert.from_bytes(device.server_public_key.encode())]
    signer = Tsk.from_bytes(device.secret_key.encode()).signer()
    sealed = pysequoia.encrypt(registration, recipients=receivers, signer=signer).decode()
    assert device.send_registration(client, sealed).status_code == 201


@pytest.mark.parametrize("layers", [1, 2])
def test_decompression_bomb_is_rejected_quickly(new_device, client, registration, layers):
    device = new_device()
    inner = signed(device, b" " * 30_000_000)
    for _ in range(layers):
        inner = sealing.compressed(inner)
    bomb = sealing.armored(sealing.encrypted(device.server_public_key, inner))
    assert len(bomb) < 65_536

    def seconds():
        start = time.process_time()
        assert error_of(device.send_registration(client, bomb)) == INVALID_MESSAGE
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.03
    assert not Authenticator.objects.exists()
    valid = sealing.encrypted(device.server_public_key, sealing.compressed(signed(device, registration)))
    assert device.send_registration(client, sealing.armored(valid)).status_code == 201
