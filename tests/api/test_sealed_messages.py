"""Messages of other OpenPGP programs: all compressions, both containers, and limits."""

import json
import shutil
import subprocess
import tracemalloc

import gnupg
import pysequoia
import pytest
from pysequoia import Cert, Tsk

from tests.api import sealing
from tests.api.calls import CALLBACK, INITIATE, answer_path, error_of, fetch_path, send_json

pytestmark = pytest.mark.usefixtures("openpgp_keys")

needs_gnupg = pytest.mark.skipif(not shutil.which("gpg"), reason="GnuPG is not installed: install the package gnupg")


@pytest.fixture
def answer(client, device, started):
    """Return the content of a valid answer, and a function that sends a message."""
    content = {"transaction_id": started, "token": device.fetch(started)["token"], "authenticated": True}

    def send(message):
        return send_json(client, answer_path(started), {"message": message}, token=device.device_token)

    return json.dumps(content).encode(), send


@pytest.fixture
def empty_gpg(tmp_path):
    """Return GnuPG without keys. Its agent is terminated after the test."""
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    yield gnupg.GPG(gnupghome=str(home))
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=True, timeout=30)


@pytest.fixture
def gpg(empty_gpg, device):
    """Return GnuPG with the secret key of the device and the public key of the server."""
    assert empty_gpg.import_keys(device.secret_key).count == 1
    assert empty_gpg.import_keys(device.server_public_key).count == 1
    return empty_gpg


def signed(device, content):
    """Return the packets of a signed message."""
    signer = Tsk.from_bytes(device.secret_key.encode()).signer()
    return bytes(pysequoia.sign(signer, content, armor=False))


def fingerprints(device):
    server = Cert.from_bytes(device.server_public_key.encode()).fingerprint
    return server, Tsk.from_bytes(device.secret_key.encode()).extract_certificate().fingerprint


@needs_gnupg
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--compress-algo", "uncompressed"],
        ["--compress-algo", "zip"],
        ["--compress-algo", "zlib"],
        ["--compress-algo", "bzip2"],
        ["--rfc4880"],
        ["--cipher-algo", "AES"],
        ["--cipher-algo", "AES192"],
        ["--throw-keyids"],
        ["--set-filename", "x" * 200],
    ],
    ids=" ".join,
)
def test_answer_of_gnupg_is_opened(answer, gpg, device, options):
    content, send = answer
    server, own = fingerprints(device)
    sealed = gpg.encrypt(content, server, sign=own, always_trust=True, extra_args=options)
    assert sealed.ok, sealed.stderr
    assert send(str(sealed)).json() == {"status": "authenticated"}


@needs_gnupg
def test_answer_of_gnupg_to_two_receivers_is_opened(answer, gpg, device):
    content, send = answer
    server, own = fingerprints(device)
    sealed = gpg.encrypt(content, [own, server], sign=own, always_trust=True)
    assert send(str(sealed)).json() == {"status": "authenticated"}


@needs_gnupg
def test_unsigned_answer_of_gnupg_is_rejected(answer, gpg, device):
    content, send = answer
    sealed = gpg.encrypt(content, fingerprints(device)[0], always_trust=True)
    assert error_of(send(str(sealed))) == (400, "invalid_message")


@needs_gnupg
@pytest.mark.parametrize("algorithm", [("ed25519", "cv25519"), ("rsa2048", "rsa2048")], ids=" ".join)
def test_device_can_use_only_gnupg(empty_gpg, client, enrollment_body, new_code, portal, mobile_type, algorithm):
    own = empty_gpg.gen_key(_key_parameters(*algorithm)).fingerprint
    body = enrollment_body(new_code(), public_key=empty_gpg.export_keys(own))
    enrolled = send_json(client, "/device/v1/enrollments", body).json()
    token, profile_id = enrolled["device_token"], enrolled["profile_id"]
    (server,) = empty_gpg.import_keys(enrolled["server_public_key"]).fingerprints
    send_json(client, f"/device/v1/enrollments/{profile_id}/push", {"push_token": "t"}, method="PUT", token=token)
    fields = {
        "type": mobile_type.name,
        "user_id": "anna",
        "device_id": enrolled["device_id"],
        "callback_uri": CALLBACK,
    }
    started = portal.post(INITIATE, fields).json()["transaction_id"]
    sealed = send_json(client, fetch_path(started), {"profile_id": profile_id}, token=token).json()["message"]
    opened = empty_gpg.decrypt(sealed, always_trust=True)
    assert opened.valid, opened.stderr
    assert opened.pubkey_fingerprint == server
    content = {"transaction_id": started, "token": json.loads(opened.data)["token"], "authenticated": True}
    answer = str(empty_gpg.encrypt(json.dumps(content), server, sign=own, always_trust=True))
    assert send_json(client, answer_path(started), {"message": answer}, token=token).json() == {
        "status": "authenticated"
    }


def _key_parameters(signing, encrypting):
    """Return the parameters of the batch mode of GnuPG."""
    kinds = [("Key", signing, "sign"), ("Subkey", encrypting, "encrypt")]
    lines = ["%no-protection"]
    for kind, algorithm, usage in kinds:
        if algorithm.startswith("rsa"):
            lines += [f"{kind}-Type: RSA", f"{kind}-Length: {algorithm[3:]}"]
        else:
            lines += [f"{kind}-Type: {'EDDSA' if usage == 'sign' else 'ECDH'}", f"{kind}-Curve: {algorithm}"]
        lines.append(f"{kind}-Usage: {usage}")
    return "\n".join([*lines, "Name-Real: device", "Expire-Date: 0", "%commit", ""])


def test_manually_built_message_is_opened(answer, device):
    content, send = answer
    inner = sealing.compressed(signed(device, content))
    message = sealing.armored(sealing.encrypted(device.server_public_key, inner))
    assert send(message).json() == {"status": "authenticated"}


def test_line_endings_armor_headers_and_checksum_are_ignored(answer, device):
    content, send = answer
    message = sealing.armored(sealing.encrypted(device.server_public_key, signed(device, content)))
    message = message.replace("MESSAGE-----\n\n", "MESSAGE-----\nVersion: 1\nComment: é\n\n")
    message = message.replace("-----END", "=twTO\n-----END").replace("\n", "\r\n")
    assert send(f"\r\n {message}").json() == {"status": "authenticated"}


def _twice_compressed(device, content):
    return sealing.compressed(sealing.compressed(signed(device, content)))


def _compressed_inside_the_signature(device, content):
    return signed(device, content) + sealing.compressed(sealing.literal(b"x"))


def _two_messages(device, content):
    return signed(device, content) + signed(device, content)


def _nothing_signed(device, content):
    return sealing.literal(content)


def _signature_alone(device, content):
    signer = Tsk.from_bytes(device.secret_key.encode()).signer()
    return bytes(pysequoia.sign(signer, content, mode=pysequoia.SignatureMode.DETACHED, armor=False))


def _cut_off(device, content):
    return signed(device, content)[:-20]


def _unknown_packet(device, content):
    return signed(device, content) + sealing.packet(60, b"x")


def _message_in_a_message(device, content):
    return sealing.encrypted(device.server_public_key, signed(device, content))


@pytest.mark.parametrize(
    "inner",
    [
        _twice_compressed,
        _compressed_inside_the_signature,
        _two_messages,
        _nothing_signed,
        _signature_alone,
        _cut_off,
        _unknown_packet,
        _message_in_a_message,
    ],
)
def test_other_packet_structure_is_rejected(answer, device, inner):
    content, send = answer
    message = sealing.armored(sealing.encrypted(device.server_public_key, inner(device, content)))
    assert error_of(send(message)) == (400, "invalid_message")
    assert len(device.pending()) == 1


def test_container_with_a_wrong_checksum_is_rejected(answer, device):
    content, send = answer
    data = sealing.encrypted(device.server_public_key, signed(device, content), checksum=bytes(20))
    assert error_of(send(sealing.armored(data))) == (400, "invalid_message")


@pytest.mark.parametrize("before", [True, False])
def test_packets_around_the_encrypted_ones_are_rejected(answer, device, before):
    content, send = answer
    data = sealing.encrypted(device.server_public_key, signed(device, content))
    extra = sealing.literal(b"x")
    message = sealing.armored(extra + data if before else data + extra)
    assert error_of(send(message)) == (400, "invalid_message")


@pytest.mark.parametrize("position", [*range(0, 400, 23), -1, -16, -17])
def test_message_with_a_changed_bit_is_rejected(answer, device, position):
    content, send = answer
    server = Cert.from_bytes(device.server_public_key.encode())
    signer = Tsk.from_bytes(device.secret_key.encode()).signer()
    data = bytearray(pysequoia.encrypt(content, recipients=[server], signer=signer, armor=False))
    data[position % len(data)] ^= 1
    assert error_of(send(sealing.armored(bytes(data)))) == (400, "invalid_message")


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_decompression_bomb_is_rejected_with_little_memory(answer, device, layers):
    _content, send = answer
    inner = signed(device, b" " * 30_000_000)
    for _ in range(layers):
        inner = sealing.compressed(inner)
    message = sealing.armored(sealing.encrypted(device.server_public_key, inner))
    assert len(message) < 65_536
    tracemalloc.start()
    try:
        assert error_of(send(message)) == (400, "invalid_message")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_content_is_limited_to_64_kib(answer, device):
    content, send = answer
    too_long = content + b" " * (65_537 - len(content))
    message = sealing.armored(sealing.encrypted(device.server_public_key, sealing.compressed(signed(device, too_long))))
    assert error_of(send(message)) == (400, "invalid_message")
    just_right = too_long[:-1]
    message = sealing.armored(
        sealing.encrypted(device.server_public_key, sealing.compressed(signed(device, just_right)))
    )
    assert send(message).json() == {"status": "authenticated"}
