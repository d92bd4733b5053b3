"""The openssl commands of docs/transaction-signing.md verify signatures of a device."""

import json
import shutil
import subprocess
import time

import pytest

from clients.python.countersign_device import KeyKind, new_secret_key
from tests import factories
from tests.conftest import TestDevice
from tests.flows import documents

DOCUMENT = "docs/transaction-signing.md"
MARK = "tests/clients/test_transaction_signing_document.py: "
DATA = "Pay € 38.50 to Larkspur\nAccount NL02ABNA0123456789"
KINDS = {
    "ed25519": (KeyKind.CURVE25519, "ED25519 Public-Key:", "Signature Verified Successfully"),
    "rsa": (KeyKind.RSA2048, "Public-Key: (2048 bit)", "Verified OK"),
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


@pytest.fixture(params=list(KINDS))
def kind(request):
    return request.param


@pytest.fixture
def signed(tmp_path, portal, enroll, kind):
    """Return a directory with the data of a portal after an approved payment."""
    device = enroll(device=TestDevice("", secret_key=new_secret_key(KINDS[kind][0], at=time.time())))
    mobile_type = factories.TypeFactory(transaction_signing=True)
    transaction_id = portal.start(mobile_type, device, signing_data=DATA).json()["transaction_id"]
    device.answer(device.fetch(transaction_id), approve=True)
    result = portal.result(transaction_id).json()
    assert result["signature_verified"] is True
    (tmp_path / "result.json").write_text(json.dumps(result))
    (tmp_path / "signing-data.txt").write_bytes(DATA.encode())
    return tmp_path


def test_commands_verify_the_signature_of_each_key_type(signed, kind):
    _kind, description, verified = KINDS[kind]
    unpacked = shell("unpack", signed)
    assert unpacked.returncode == 0, unpacked.stderr
    assert unpacked.stdout.strip() == description
    checked = shell(kind, signed)
    assert (checked.returncode, checked.stdout.strip()) == (0, verified), checked.stderr


def test_commands_reject_changed_data(signed, kind):
    shell("unpack", signed)
    (signed / "signing-data.txt").write_bytes(DATA.replace("38", "39").encode())
    checked = shell(kind, signed)
    assert checked.returncode == 1
    assert KINDS[kind][2] not in checked.stdout
