"""Which public keys a device may enrol. The files were made by GnuPG 2.4, as if in January 2020."""

from pathlib import Path

import pysequoia
import pytest
from pysequoia import CipherSuite, EncryptionAlgorithm, Profile, SigningAlgorithm, Tsk
from pysequoia.packet import PacketPile, Tag

from apps.enrollment.models import Profile as ProfileRow
from tests.api.calls import ENROLLMENTS, error_of, send_json

KEYS = Path(__file__).parent / "public_keys"
ACCEPTED = sorted(path.name for path in (KEYS / "accepted").iterdir())
REFUSED = sorted(path.name for path in (KEYS / "refused").iterdir())


def generated(**options):
    return str(Tsk.generate("device", **options).extract_certificate())


def armored(data):
    return pysequoia.armor(data, pysequoia.ArmorKind.PublicKey)


@pytest.fixture
def enroll_key(client, enrollment_body, new_code):
    code = new_code()
    return lambda key: send_json(client, ENROLLMENTS, enrollment_body(code, public_key=key))


@pytest.fixture
def refused(enroll_key, public_key, event_types):
    """Send a key that must be refused, and a right one with the same code after it."""

    def run(key):
        assert error_of(enroll_key(key)) == (400, "invalid_public_key")
        assert event_types()[-1] == "KEY_ENROLLMENT_FAILURE_INVALID_PUBLIC_KEY"
        assert not ProfileRow.objects.exists()
        assert enroll_key(public_key).status_code == 201

    return run


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_strong_key_of_gnupg_is_accepted(enroll_key, name):
    assert enroll_key((KEYS / "accepted" / name).read_text()).status_code == 201


@pytest.mark.parametrize("suite", [CipherSuite.Cv25519, CipherSuite.RSA2k], ids=str)
def test_a_strong_key_of_sequoia_is_accepted(enroll_key, suite):
    assert enroll_key(generated(profile=Profile.RFC4880, cipher_suite=suite)).status_code == 201


def test_a_version_4_key_in_the_encoding_of_rfc_9580_is_accepted(enroll_key):
    key = generated(
        profile=Profile.RFC4880,
        signing_algorithm=SigningAlgorithm.Ed25519,
        encryption_algorithm=EncryptionAlgorithm.X25519,
    )
    assert enroll_key(key).status_code == 201


def test_a_key_without_a_user_id_is_accepted(enroll_key):
    assert enroll_key(str(Tsk.generate(profile=Profile.RFC4880).extract_certificate())).status_code == 201


@pytest.mark.parametrize("name", REFUSED)
def test_a_weak_or_unusable_key_is_refused_and_the_code_stays_usable(refused, name):
    refused((KEYS / "refused" / name).read_text())


@pytest.mark.parametrize("suite", [CipherSuite.P256, CipherSuite.P384, CipherSuite.P521, CipherSuite.Cv448], ids=str)
def test_another_curve_is_refused(refused, suite):
    refused(generated(profile=Profile.RFC4880, cipher_suite=suite))


def test_a_version_6_key_is_refused(refused):
    refused(generated(profile=Profile.RFC9580))


def test_a_secret_key_is_refused_and_not_kept(refused):
    refused(str(Tsk.generate("device", profile=Profile.RFC4880)))


def test_a_secret_key_in_the_armour_of_a_public_one_is_refused(refused):
    refused(armored(bytes(Tsk.generate("device", profile=Profile.RFC4880))))


def test_a_public_key_with_a_secret_subkey_is_refused(refused):
    pair = Tsk.generate("device", profile=Profile.RFC4880)
    packets = [*PacketPile.from_bytes(bytes(pair.extract_certificate()))]
    first_subkey = next(index for index, packet in enumerate(packets) if packet.tag == Tag.PublicSubkey)
    secret = [*PacketPile.from_bytes(bytes(pair))]
    refused(armored(b"".join(bytes(packet) for packet in [*packets[:first_subkey], *secret[first_subkey:]])))


def test_a_key_that_lost_its_subkeys_is_refused(refused):
    certificate = Tsk.generate("device", profile=Profile.RFC4880).extract_certificate()
    packets = list(PacketPile.from_bytes(bytes(certificate)))
    first_subkey = next(index for index, packet in enumerate(packets) if packet.tag == Tag.PublicSubkey)
    refused(armored(b"".join(bytes(packet) for packet in packets[:first_subkey])))


def test_a_key_whose_signatures_were_cut_off_is_refused(refused):
    certificate = Tsk.generate("device", profile=Profile.RFC4880).extract_certificate()
    packets = PacketPile.from_bytes(bytes(certificate))
    refused(armored(b"".join(bytes(packet) for packet in packets if packet.tag != Tag.Signature)))


def test_a_changed_key_is_refused(refused):
    data = bytearray(bytes(Tsk.generate("device", profile=Profile.RFC4880).extract_certificate()))
    data[20] ^= 1
    refused(armored(bytes(data)))


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
def test_garbage_is_refused(refused, key):
    refused(key)


def test_a_message_is_not_a_key(refused, public_key):
    refused(pysequoia.encrypt(b"x", recipients=[pysequoia.Cert.from_bytes(public_key.encode())]).decode())


def test_a_huge_key_is_refused(enroll_key, public_key):
    huge = public_key + "\n" * 32_768
    assert enroll_key(huge.strip() + "=" * 32_768).status_code == 400
    assert not ProfileRow.objects.exists()
