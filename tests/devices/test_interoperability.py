"""What other OpenPGP programs write is read, and they read what the server writes."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pysequoia
import pytest
import time_machine
from pysequoia import Cert, Tsk

from apps.enrollment.models import Authenticator, ServerKey
from apps.enrollment.openpgp.packets import split
from tests.api import sealing
from tests.api.calls import error_of
from tests.api.test_sealed_messages import _key_parameters, empty_gpg, needs_gnupg, signed  # noqa: F401 - a fixture
from tests.devices.conftest import Phone

OPENPGPJS = Path(__file__).parent / "fixtures" / "openpgpjs"
MADE_AT = datetime(2020, 1, 1, 12, tzinfo=UTC)
INVALID_MESSAGE = (400, "invalid_message")


@pytest.fixture
def openpgpjs(enroll):
    """Enrol, long ago, a device whose key OpenPGP.js has made, on a server with a key of that time."""
    secret_key = (OPENPGPJS / "server.key.asc").read_text()
    public_key = str(Tsk.from_bytes(secret_key.encode()).extract_certificate())
    ServerKey.objects.create(secret_key=secret_key, public_key=public_key, shared=True)
    with time_machine.travel(MADE_AT, tick=False):
        yield lambda kind: enroll(device=Phone(secret_key=(OPENPGPJS / f"{kind}.key.asc").read_text()))


@pytest.mark.parametrize("path", sorted(OPENPGPJS.glob("*.message.asc")), ids=lambda path: path.name)
def test_a_message_of_openpgpjs_is_opened(openpgpjs, client, path):
    phone = openpgpjs(path.name.split(".")[0])
    answer = phone.send_registration(client, path.read_text())
    assert answer.status_code == 201, answer.content
    # Sequoia signs by the system's clock, which does not travel.
    phone.clock_difference = time_machine.escape_hatch.time.time() - time.time()
    assert len(phone.open(answer.json()["message"])["token"]) >= 43


@pytest.mark.parametrize("path", sorted(OPENPGPJS.glob("*.refused.asc")), ids=lambda path: path.name)
def test_an_unsigned_message_of_openpgpjs_is_refused(openpgpjs, client, path):
    phone = openpgpjs(path.name.split(".")[0])
    assert error_of(phone.send_registration(client, path.read_text())) == INVALID_MESSAGE


def test_a_message_of_another_profile_is_refused(openpgpjs, client):
    phone = openpgpjs("curve25519")
    message = (OPENPGPJS / "rsa_2048.plain.message.asc").read_text()
    assert error_of(phone.send_registration(client, message)) == INVALID_MESSAGE


@needs_gnupg
@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_rsa_keys_of_gnupg_seal_and_open(empty_gpg, enroll, client, bits):  # noqa: F811 - the fixture
    own = empty_gpg.gen_key(_key_parameters(f"rsa{bits}", f"rsa{bits}")).fingerprint
    phone = enroll(device=Phone(secret_key=empty_gpg.export_keys(own, secret=True, expect_passphrase=False)))
    (server,) = empty_gpg.import_keys(phone.server_public_key).fingerprints
    content = {"type": "pin", "nonce": "a new nonce", "issued_at": int(time.time() * 1000)}
    sealed = empty_gpg.encrypt(json.dumps(content), server, sign=own, always_trust=True)
    answer = phone.send_registration(client, str(sealed))
    assert answer.status_code == 201, answer.content
    opened = empty_gpg.decrypt(answer.json()["message"], always_trust=True)
    assert (opened.valid, opened.pubkey_fingerprint) == (True, server)
    assert len(json.loads(opened.data)["token"]) >= 43


@pytest.fixture
def registration():
    return json.dumps({"type": "pin", "nonce": "a new nonce", "issued_at": int(time.time() * 1000)}).encode()


def test_a_container_without_integrity_protection_is_refused(bare_phone, client, registration):
    phone = bare_phone()
    data = sealing.encrypted(phone.server_public_key, signed(phone, registration))
    # The same session key, but the container says nothing about changes: the packet of before RFC 4880.
    packets = [(packet.tag, packet.body) for packet in split(data)]
    old = b"".join(sealing.packet(9, body[1:]) if tag == 18 else sealing.packet(tag, body) for tag, body in packets)
    assert error_of(phone.send_registration(client, sealing.armored(old))) == INVALID_MESSAGE
    assert phone.send_registration(client, sealing.armored(data)).status_code == 201


def test_a_message_to_many_receivers_is_opened(bare_phone, client, registration):
    phone = bare_phone()
    others = [Tsk.generate("x", profile=pysequoia.Profile.RFC4880).extract_certificate() for _ in range(5)]
    receivers = [*others, Cert.from_bytes(phone.server_public_key.encode())]
    signer = Tsk.from_bytes(phone.secret_key.encode()).signer()
    sealed = pysequoia.encrypt(registration, recipients=receivers, signer=signer).decode()
    assert phone.send_registration(client, sealed).status_code == 201


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_costs_little_time(bare_phone, client, registration, layers):
    phone = bare_phone()
    inner = signed(phone, b" " * 30_000_000)
    for _ in range(layers):
        inner = sealing.compressed(inner)
    bomb = sealing.armored(sealing.encrypted(phone.server_public_key, inner))
    assert len(bomb) < 65_536

    def seconds():
        start = time.process_time()
        assert error_of(phone.send_registration(client, bomb)) == INVALID_MESSAGE
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.03
    assert not Authenticator.objects.exists()
    whole = sealing.encrypted(phone.server_public_key, sealing.compressed(signed(phone, registration)))
    assert phone.send_registration(client, sealing.armored(whole)).status_code == 201
