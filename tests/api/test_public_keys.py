"""Public keys that a device can enrol. The files were created with GnuPG 2.4 and a clock in January 2020."""

import json
import time
from pathlib import Path

import pysequoia
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pysequoia import CipherSuite, EncryptionAlgorithm, Profile, SigningAlgorithm, Tsk
from pysequoia.packet import PacketPile, Tag

from apps.enrollment.models import Profile as ProfileRow
from clients.python.countersign_device.keys import openpgp_operations as openpgp
from tests.api.calls import ENROLLMENTS, answer_path, error_of, send_json
from tests.api.certificates import ENCRYPTS, SIGNS, Subkey, agreement, certificate, sealed

pytestmark = pytest.mark.usefixtures("openpgp_keys")

KEYS = Path(__file__).parent / "public_keys"
ACCEPTED = sorted(path.name for path in (KEYS / "accepted").iterdir())
REJECTED = sorted(path.name for path in (KEYS / "refused").iterdir())


def generated(**options):
    return str(Tsk.generate("device", **options).extract_certificate())


def armored(data):
    return pysequoia.armor(data, pysequoia.ArmorKind.PublicKey)


@pytest.fixture
def enroll_key(client, enrollment_body, new_code):
    code = new_code()
    return lambda key: send_json(client, ENROLLMENTS, enrollment_body(code, public_key=key))


@pytest.fixture
def assert_rejected(enroll_key, public_key, event_types):
    """Send a key that must be rejected, then a valid key with the same code."""

    def run(key):
        assert error_of(enroll_key(key)) == (400, "invalid_public_key")
        assert event_types()[-1] == "KEY_ENROLLMENT_FAILURE_INVALID_PUBLIC_KEY"
        assert not ProfileRow.objects.exists()
        assert enroll_key(public_key).status_code == 201

    return run


@pytest.mark.parametrize("name", ACCEPTED)
def test_strong_key_of_gnupg_is_accepted(enroll_key, name):
    assert enroll_key((KEYS / "accepted" / name).read_text()).status_code == 201


@pytest.mark.parametrize("suite", [CipherSuite.Cv25519, CipherSuite.RSA2k], ids=str)
def test_strong_key_of_sequoia_is_accepted(enroll_key, suite):
    assert enroll_key(generated(profile=Profile.RFC4880, cipher_suite=suite)).status_code == 201


def test_version_4_key_in_the_encoding_of_rfc_9580_is_accepted(enroll_key):
    key = generated(
        profile=Profile.RFC4880,
        signing_algorithm=SigningAlgorithm.Ed25519,
        encryption_algorithm=EncryptionAlgorithm.X25519,
    )
    assert enroll_key(key).status_code == 201


def test_key_without_a_user_id_is_accepted(enroll_key):
    assert enroll_key(str(Tsk.generate(profile=Profile.RFC4880).extract_certificate())).status_code == 201


@pytest.mark.parametrize("name", REJECTED)
def test_weak_or_unusable_key_is_rejected_and_the_code_stays_valid(assert_rejected, name):
    assert_rejected((KEYS / "refused" / name).read_text())


@pytest.mark.parametrize("suite", [CipherSuite.P256, CipherSuite.P384, CipherSuite.P521, CipherSuite.Cv448], ids=str)
def test_another_curve_is_rejected(assert_rejected, suite):
    assert_rejected(generated(profile=Profile.RFC4880, cipher_suite=suite))


def test_version_6_key_is_rejected(assert_rejected):
    assert_rejected(generated(profile=Profile.RFC9580))


def test_secret_key_is_rejected_and_not_stored(assert_rejected):
    assert_rejected(str(Tsk.generate("device", profile=Profile.RFC4880)))


def test_secret_key_in_public_key_armor_is_rejected(assert_rejected):
    assert_rejected(armored(bytes(Tsk.generate("device", profile=Profile.RFC4880))))


def test_public_key_with_a_secret_subkey_is_rejected(assert_rejected):
    pair = Tsk.generate("device", profile=Profile.RFC4880)
    packets = [*PacketPile.from_bytes(bytes(pair.extract_certificate()))]
    first_subkey = next(index for index, packet in enumerate(packets) if packet.tag == Tag.PublicSubkey)
    secret = [*PacketPile.from_bytes(bytes(pair))]
    assert_rejected(armored(b"".join(bytes(packet) for packet in [*packets[:first_subkey], *secret[first_subkey:]])))


def test_key_without_subkeys_is_rejected(assert_rejected):
    certificate = Tsk.generate("device", profile=Profile.RFC4880).extract_certificate()
    packets = list(PacketPile.from_bytes(bytes(certificate)))
    first_subkey = next(index for index, packet in enumerate(packets) if packet.tag == Tag.PublicSubkey)
    assert_rejected(armored(b"".join(bytes(packet) for packet in packets[:first_subkey])))


def test_key_without_signatures_is_rejected(assert_rejected):
    certificate = Tsk.generate("device", profile=Profile.RFC4880).extract_certificate()
    packets = PacketPile.from_bytes(bytes(certificate))
    assert_rejected(armored(b"".join(bytes(packet) for packet in packets if packet.tag != Tag.Signature)))


def test_changed_key_is_rejected(assert_rejected):
    data = bytearray(bytes(Tsk.generate("device", profile=Profile.RFC4880).extract_certificate()))
    data[20] ^= 1
    assert_rejected(armored(bytes(data)))


@pytest.mark.parametrize(
    "key",
    [
        "garbage",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!!\n-----END PGP PUBLIC KEY BLOCK-----",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----",
        "\x01\x02\x03",
        "ssh-ed25519 AAAA",
        armored(b"\xc6\xff\xff\xff\xff\xff\x04"),
        armored(b"\x99\x01\x0d\x04" + b"\xff" * 60),
        armored(b"\xa3\x01" + b"\0" * 1000),
    ],
    ids=lambda key: ascii(key)[:40],
)
def test_garbage_is_rejected(assert_rejected, key):
    assert_rejected(key)


def test_message_is_not_a_key(assert_rejected, public_key):
    assert_rejected(pysequoia.encrypt(b"x", recipients=[pysequoia.Cert.from_bytes(public_key.encode())]).decode())


def test_huge_key_is_rejected(enroll_key, public_key):
    huge = public_key + "\n" * 32_768
    assert enroll_key(huge.strip() + "=" * 32_768).status_code == 400
    assert not ProfileRow.objects.exists()


class Parts:
    """A primary key that only certifies, one key for encryption, one for signatures, and an unrelated key."""

    def __init__(self):
        self.now = int(time.time())
        self.primary, self.signer, self.other = (openpgp.new_ed25519_legacy(self.now) for _number in range(3))
        self.receiver = Subkey(openpgp.new_curve25519_legacy(self.now), ENCRYPTS)

    def certificate(self, agreed=b"", flags=b"\x01", binder=None):
        """Return the certificate with a signing subkey; `agreed` is the subpacket in which the subkey agrees."""
        signer = Subkey(self.signer, SIGNS, agreed, binder)
        return certificate(self.primary, self.receiver, signer, at=self.now, flags=flags)


@pytest.fixture
def parts():
    return Parts()


def changed(parts):
    data = bytearray(agreement(parts.signer, parts.primary, parts.now))
    data[-1] ^= 1
    return bytes(data)


CLAIMS = {
    "no agreement": lambda _parts: b"",
    "signed by the primary key": lambda parts: agreement(parts.signer, parts.primary, parts.now, by=parts.primary),
    "signed by a stranger": lambda parts: agreement(parts.signer, parts.primary, parts.now, by=parts.other),
    "about another primary key": lambda parts: agreement(parts.signer, parts.other, parts.now),
    "changed": changed,
    "from the far future": lambda parts: agreement(parts.signer, parts.primary, parts.now + 86_400),
    "malformed": lambda _parts: openpgp.subpacket(32, b"\x04\x19"),
}


def many_subkeys(parts, count):
    return [Subkey(openpgp.new_curve25519_legacy(parts.now), ENCRYPTS) for _number in range(count)]


def test_key_with_more_than_64_packets_is_rejected(assert_rejected, parts):
    assert_rejected(certificate(parts.primary, *many_subkeys(parts, 31), at=parts.now, flags=b"\x03"))


def test_key_with_a_huge_exponent_is_rejected_quickly(assert_rejected, parts):
    # Each verification of a signature of this key would take some hundredths of a second.
    numbers = openpgp.write_number((1 << 3071) + 1) + openpgp.write_number((1 << 3000) + 1)
    private = rsa.generate_private_key(65537, 2048)
    slow = openpgp.SecretKey(b"\x04" + parts.now.to_bytes(4, "big") + b"\x01" + numbers, private)
    key = certificate(slow, *many_subkeys(parts, 30), at=parts.now, flags=b"\x03")
    start = time.process_time()
    assert_rejected(key)
    assert time.process_time() - start < 0.4


def test_signing_subkey_with_a_valid_back_signature_is_accepted(enroll_key, parts):
    assert enroll_key(parts.certificate(agreement(parts.signer, parts.primary, parts.now))).status_code == 201


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("flags", [b"\x01", b"\x03"], ids=["only the subkey signs", "the primary key signs too"])
def test_signing_subkey_without_valid_back_signature_is_rejected(assert_rejected, parts, claim, flags):
    assert_rejected(parts.certificate(CLAIMS[claim](parts), flags))


def test_signing_subkey_bound_by_another_key_is_rejected(assert_rejected, parts):
    agreed = agreement(parts.signer, parts.primary, parts.now)
    assert_rejected(parts.certificate(agreed, b"\x03", binder=parts.other))


@pytest.mark.parametrize("claim", [*CLAIMS, None])
def test_message_of_a_subkey_counts_only_with_its_back_signature(client, device, started, parts, claim):
    """The certificate is as an older server could have stored it."""
    agreed = CLAIMS[claim](parts) if claim else agreement(parts.signer, parts.primary, parts.now)
    content = {"transaction_id": started, "token": device.fetch(started)["token"], "authenticated": True}
    ProfileRow.objects.update(public_key=parts.certificate(agreed, b"\x03"))
    message = sealed(json.dumps(content).encode(), parts.signer, device.server_public_key)
    response = send_json(client, answer_path(started), {"message": message}, token=device.device_token)
    assert response.status_code == (400 if claim else 200), response.content
    if claim:
        message = sealed(json.dumps(content).encode(), parts.primary, device.server_public_key)
        response = send_json(client, answer_path(started), {"message": message}, token=device.device_token)
        assert response.json() == {"status": "authenticated"}


def test_message_counts_only_for_the_key_that_it_names(client, device, started, parts):
    content = {"transaction_id": started, "token": device.fetch(started)["token"], "authenticated": True}
    ProfileRow.objects.update(public_key=certificate(parts.primary, parts.receiver, at=parts.now, flags=b"\x03"))
    misnamed = openpgp.SecretKey(parts.other.public, parts.primary.private)
    for signer, status in ((misnamed, 400), (parts.primary, 200)):
        message = sealed(json.dumps(content).encode(), signer, device.server_public_key)
        response = send_json(client, answer_path(started), {"message": message}, token=device.device_token)
        assert response.status_code == status, response.content
