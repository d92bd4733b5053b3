"""The stored and new test vectors work with the server and the reference device."""

import base64
import json
import time
from pathlib import Path

import pysequoia
import pytest
from django.conf import settings
from pysequoia import Cert

from apps.common import errors
from apps.enrollment import keys as server_keys
from apps.enrollment.models import KeyKind, Profile, ServerKey
from apps.enrollment.openpgp import certificates
from apps.otp import codes as otp_codes
from clients.python.countersign_device import LockedToken, MessageType, keys
from scripts import device_vectors
from scripts.vectors import openpgp

FILE = Path(settings.BASE_DIR) / "docs" / "test-vectors.json"


@pytest.fixture(scope="module", params=["the file", "new ones"])
def document(request):
    return json.loads(FILE.read_text()) if request.param == "the file" else device_vectors.build_vectors()


@pytest.fixture
def vectors(document):
    return document["openpgp"]


@pytest.fixture(params=range(len(openpgp.KINDS)), ids=list(openpgp.KINDS))
def device(request, vectors):
    return vectors["devices"][request.param]


@pytest.fixture
def profile(vectors, device):
    """Return the profile as the server stores it."""
    server = vectors["server"]
    key = ServerKey(kind=KeyKind.OPENPGP, secret_key=server["secret_key"], public_key=server["public_key"])
    return Profile(public_key=device["public_key"], server_key=key)


def test_file_matches_the_script():
    stored, created = json.loads(FILE.read_text()), device_vectors.build_vectors()
    assert shape(stored) == shape(created)


def shape(value):
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


def test_server_accepts_the_device_keys(device):
    assert certificates.validate(device["public_key"])
    assert keys.public_key(device["secret_key"]) == device["public_key"]


def test_server_and_device_open_each_others_messages(vectors, device, profile):
    for vector in device["to_server"].values():
        assert server_keys.open_sealed(profile, server_keys.MessageType.ANSWER, vector["message"]) == vector["content"]
    for vector in device["to_device"].values():
        opened = keys.open_sealed(
            vector["message"],
            MessageType.CHALLENGE,
            device["secret_key"],
            vectors["server"]["public_key"],
            at=time.time(),
        )
        assert opened == vector["content"]


def test_device_opens_a_new_message_of_the_server(vectors, device, profile):
    content = device["to_device"]["challenge"]["content"]
    sealed = server_keys.seal(profile, server_keys.MessageType.CHALLENGE, content)
    assert (
        keys.open_sealed(
            sealed, MessageType.CHALLENGE, device["secret_key"], vectors["server"]["public_key"], at=time.time()
        )
        == content
    )


def test_message_of_another_device_is_rejected(vectors, device, profile):
    other = next(each for each in vectors["devices"] if each is not device)
    with pytest.raises(errors.InvalidMessage):
        server_keys.open_sealed(profile, server_keys.MessageType.ANSWER, other["to_server"]["approval"]["message"])
    with pytest.raises(ValueError, match="not signed"):
        keys.open_sealed(
            device["to_device"]["challenge"]["message"],
            MessageType.CHALLENGE,
            device["secret_key"],
            other["public_key"],
            at=time.time(),
        )


def test_unsigned_message_is_rejected(vectors, device, profile):
    for_server, for_device = (
        pysequoia.encrypt(b"{}", recipients=[Cert.from_bytes(key.encode())]).decode()
        for key in (vectors["server"]["public_key"], device["public_key"])
    )
    with pytest.raises(errors.InvalidMessage):
        server_keys.open_sealed(profile, server_keys.MessageType.ANSWER, for_server)
    with pytest.raises(ValueError, match="not signed"):
        keys.open_sealed(
            for_device, MessageType.CHALLENGE, device["secret_key"], vectors["server"]["public_key"], at=time.time()
        )


def test_signature_is_valid_and_deterministic(device, profile):
    vector = device["signature"]
    assert server_keys.verify_signature(profile, vector["data"], vector["signature"]) == vector["signature"]
    assert server_keys.public_key_pem(profile) == vector["public_key_pem"] == keys.public_pem(device["secret_key"])
    assert base64.b64encode(keys.sign(vector["data"].encode(), device["secret_key"])).decode() == vector["signature"]
    assert not server_keys.verify_signature(profile, vector["data"] + " ", vector["signature"])


def test_locked_token_matches_the_vectors(document):
    vector = document["locked_pin_token"]
    locked = LockedToken(vector["salt"], vector["locked"])
    assert locked.unlock(vector["pin"]) == vector["token"]
    assert locked.unlock(vector["wrong_pin"]) == vector["token_of_wrong_pin"]


def test_scanned_code_matches_the_vectors(document):
    vector = document["otp"]
    transaction_id, otp = otp_codes.unpack(vector["scanned"])
    assert (str(transaction_id), otp) == (vector["transaction_id"], vector["otp"])
