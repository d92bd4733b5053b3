"""The stored and new test vectors work with the server and the reference device."""

import base64
import json
import time

import pytest

from apps.enrollment import keys as server_keys
from apps.otp import codes as otp_codes
from clients.python.countersign_device import LockedToken, MessageType, keys
from scripts import device_vectors
from tests.clients.vectors import DEVICES, FILE, key_texts, select


@pytest.fixture(scope="module", params=["the file", "new ones"])
def document(request):
    return json.loads(FILE.read_text()) if request.param == "the file" else device_vectors.build_vectors()


@pytest.fixture(params=DEVICES)
def vectors(request, document):
    return select(document, request.param)


def test_file_matches_the_script():
    stored, created = json.loads(FILE.read_text()), device_vectors.build_vectors()
    assert shape(stored) == shape(created)


def shape(value):
    """Return the structure of the vectors, with the values that do not change."""
    if isinstance(value, dict):
        return {
            name: member if name in ("name", "reason", "direction", "typ") else shape(member)
            for name, member in value.items()
        }
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


def test_every_device_has_vectors(document):
    assert {device["name"] for kind in ("jose", "openpgp") for device in document[kind]["devices"]} == set(DEVICES)


def test_server_accepts_the_device_keys(vectors):
    secret, public = key_texts(vectors.device)
    kind, device_key = server_keys.read_enrollment(keys.enrollment_members(secret))
    assert kind == vectors.kind
    assert keys.public_key(secret) == public
    assert server_keys.KINDS[kind].fingerprint(device_key.public_key) == device_key.fingerprint


def test_server_key_is_sent_in_an_enrollment(vectors):
    enrolled = server_keys.server_member(vectors.profile)
    secret, _public = key_texts(vectors.device)
    assert keys.read_server_key(enrolled, secret) == key_texts(vectors.server)[1]


def test_server_opens_the_messages_of_the_device(vectors):
    for vector in vectors.device["to_server"].values():
        assert vectors.open_with_server(vector) == vector["content"]


def test_device_opens_the_messages_of_the_server(vectors):
    for vector in vectors.device["to_device"].values():
        assert vectors.open_with_device(vector) == vector["content"]


def test_device_opens_a_new_message_of_the_server(vectors):
    vector = vectors.device["to_device"]["challenge"]
    message = server_keys.seal(vectors.profile, server_keys.MessageType.CHALLENGE, vector["content"])
    assert vectors.open_with_device({**vector, "message": message}) == vector["content"]


def test_device_opens_the_longest_challenge(vectors):
    """The limit is 16,000 characters of signing data and 4,000 of the secure message."""
    content = {"signing_data": "\U0001f33b" * 16_000, "message": "\U0001f33b" * 4_000}
    message = server_keys.seal(vectors.profile, server_keys.MessageType.CHALLENGE, content)
    assert vectors.open_with_device({"typ": MessageType.CHALLENGE, "message": message}) == content


def test_server_opens_a_new_message_of_the_device(vectors):
    vector, server = vectors.device["to_server"]["approval"], key_texts(vectors.server)[1]
    secret, _public = key_texts(vectors.device)
    message = keys.seal(vector["content"], MessageType.ANSWER, secret, server, at=time.time())
    assert vectors.open_with_server({**vector, "message": message}) == vector["content"]


@pytest.mark.parametrize("name", [name for name, kind in DEVICES.items() if kind == "openpgp"])
def test_openpgp_signature_is_deterministic(document, name):
    device = select(document, name).device
    vector, secret = device["signature"], device["secret_key"]
    assert base64.b64encode(keys.sign(vector["data"].encode(), secret)).decode() == vector["signature"]


def test_signature_is_verified(vectors):
    vector, profile = vectors.device["signature"], vectors.profile
    assert server_keys.public_key_pem(profile) == vector["public_key_pem"]
    assert keys.public_pem(key_texts(vectors.device)[0]) == vector["public_key_pem"]
    for name in {"der", "raw", "signature"} & vector.keys():
        # A portal gets DER, whichever format the device sends.
        for_portal = vector["der" if name == "raw" else name]
        assert server_keys.verify_signature(profile, vector["data"], vector[name]) == for_portal
        assert not server_keys.verify_signature(profile, vector["data"] + " ", vector[name])


def test_locked_token_matches_the_vectors(document):
    vector = document["locked_pin_token"]
    locked = LockedToken(vector["salt"], vector["locked"])
    assert locked.unlock(vector["pin"]) == vector["token"]
    assert locked.unlock(vector["wrong_pin"]) == vector["token_of_wrong_pin"]


def test_scanned_code_matches_the_vectors(document):
    vector = document["otp"]
    transaction_id, otp = otp_codes.unpack(vector["scanned"])
    assert (str(transaction_id), otp) == (vector["transaction_id"], vector["otp"])
