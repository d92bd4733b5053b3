"""The openssl commands of docs/transaction-signing.md verify signatures of a device."""

import base64
import json
import shutil
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from clients.python.countersign_device import KeyKind, new_secret_key
from tests import factories
from tests.conftest import TestDevice
from tests.flows import documents

DOCUMENT = "docs/transaction-signing.md"
MARK = "tests/clients/test_transaction_signing_document.py: "
DATA = "Pay € 38.50 to Larkspur\nAccount NL02ABNA0123456789"
VERIFIED = {"sha256": "Verified OK", "ed25519": "Signature Verified Successfully"}
# Key of the device, its description, and the commands of the page.
KINDS = {
    "P-256": (KeyKind.P256, "Public-Key: (256 bit)", "sha256"),
    "P-256, raw signature": (KeyKind.P256, "Public-Key: (256 bit)", "sha256"),
    "Curve25519": (KeyKind.CURVE25519, "ED25519 Public-Key:", "ed25519"),
    "RSA": (KeyKind.RSA2048, "Public-Key: (2048 bit)", "sha256"),
}

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        shutil.which("openssl") is None,
        reason="NO SIGNATURE WAS VERIFIED WITH OPENSSL: there is no openssl on this machine",
    ),
]


def shell(name, directory):
    return subprocess.run(
        ["sh", "-euc", documents.shell_blocks(DOCUMENT, MARK + name)],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class RawSignatureDevice(TestDevice):
    """Device that signs with 64 raw bytes, like WebCrypto."""

    def sign(self, data):
        numbers = decode_dss_signature(base64.b64decode(super().sign(data)))
        return base64.b64encode(b"".join(number.to_bytes(32, "big") for number in numbers)).decode()


@pytest.fixture(params=list(KINDS))
def kind(request):
    return request.param


@pytest.fixture
def signed(tmp_path, portal, enroll, kind):
    """Return a directory with the data of a portal after an approved payment."""
    device_class = RawSignatureDevice if "raw" in kind else TestDevice
    device = enroll(device=device_class("", secret_key=new_secret_key(KINDS[kind][0], at=time.time())))
    mobile_type = factories.TypeFactory(transaction_signing=True)
    transaction_id = portal.start(mobile_type, device, signing_data=DATA).json()["transaction_id"]
    device.answer(device.fetch(transaction_id), approve=True)
    result = portal.result(transaction_id).json()
    assert result["signature_verified"] is True
    (tmp_path / "result.json").write_text(json.dumps(result))
    (tmp_path / "signing-data.txt").write_bytes(DATA.encode())
    return tmp_path


def test_commands_verify_the_signature_of_each_key_type(signed, kind):
    _kind, description, commands = KINDS[kind]
    unpacked = shell("unpack", signed)
    assert unpacked.returncode == 0, unpacked.stderr
    assert unpacked.stdout.strip() == description
    checked = shell(commands, signed)
    assert (checked.returncode, checked.stdout.strip()) == (0, VERIFIED[commands]), checked.stderr


def test_commands_reject_changed_data(signed, kind):
    commands = KINDS[kind][2]
    shell("unpack", signed)
    (signed / "signing-data.txt").write_bytes(DATA.replace("38", "39").encode())
    checked = shell(commands, signed)
    assert checked.returncode == 1
    assert VERIFIED[commands] not in checked.stdout
