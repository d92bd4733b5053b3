"""Keys of the reference device: all kinds seal and open, and reject another type, signer or receiver."""

import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jwe, jws
from joserfc.jwk import ECKey, KeySet

from clients.python.countersign_device import Device, KeyKind, MessageType, keys

CONTENT = {"transaction_id": "1a5c6d6e", "authenticated": True, "message": "€ 5"}
ANSWER = MessageType.ANSWER


@pytest.fixture
def own():
    return keys.new_secret_key(at=time.time())


@pytest.fixture
def server():
    return keys.new_secret_key(at=time.time())


def seal(content, secret_key, receiver, typ=ANSWER):
    return keys.seal(content, typ, secret_key, keys.public_key(receiver), at=time.time())


def open_sealed(message, secret_key, sender, typ=ANSWER):
    return keys.open_sealed(message, typ, secret_key, keys.public_key(sender), at=time.time())


def key_set(text):
    return {key.get("use"): key for key in KeySet.import_key_set(json.loads(text)).keys}


def test_sealed_message_has_the_documented_headers(own, server):
    receiver, signer = key_set(server)["enc"], key_set(own)["sig"]
    opened = jwe.decrypt_compact(seal(CONTENT, own, server), receiver, ["ECDH-ES+A256KW", "A256GCM"])
    ephemeral = opened.protected.pop("epk")
    assert opened.protected == {
        "alg": "ECDH-ES+A256KW",
        "enc": "A256GCM",
        "kid": receiver.thumbprint(),
        "cty": "JOSE",
    }
    assert {**ephemeral, "x": "", "y": ""} == {"kty": "EC", "crv": "P-256", "x": "", "y": ""}
    verified = jws.deserialize_compact(opened.plaintext, signer, ["ES256"])
    assert verified.protected == {"alg": "ES256", "kid": signer.thumbprint(), "typ": "countersign-answer"}
    assert json.loads(verified.payload) == CONTENT


def test_message_of_the_device_is_opened(own, server):
    assert open_sealed(seal(CONTENT, own, server), server, own) == CONTENT


@pytest.mark.parametrize("typ", [each for each in MessageType if each != ANSWER])
def test_message_of_another_type_is_rejected(own, server, typ):
    with pytest.raises(ValueError, match="another type"):
        open_sealed(seal(CONTENT, own, server, typ), server, own)


def test_message_of_another_signer_or_receiver_is_rejected(own, server):
    other, message = keys.new_secret_key(at=0), seal(CONTENT, own, server)
    with pytest.raises(ValueError, match="not signed"):
        open_sealed(message, server, other)
    with pytest.raises(ValueError, match="not encrypted"):
        open_sealed(message, other, own)


def test_message_with_a_changed_character_is_rejected(own, server):
    message = seal(CONTENT, own, server)
    for position in range(0, len(message), 7):
        changed = "A" if message[position] != "A" else "B"
        with pytest.raises(ValueError):  # noqa: PT011 - libraries have errors of their own
            open_sealed(message[:position] + changed + message[position + 1 :], server, own)


@pytest.mark.parametrize("kind", KeyKind)
def test_enrollment_contains_only_public_keys(kind):
    secret_key = keys.new_secret_key(kind, at=time.time())
    members = keys.enrollment_members(secret_key)
    assert members.keys() == ({"public_key"} if kind.is_openpgp else {"public_keys"})
    assert "PRIVATE" not in str(members)
    assert all("d" not in key for key in members.get("public_keys", {"keys": []})["keys"])


def test_keys_of_a_jwk_set_are_in_any_order_with_other_members(own, server):
    enrolled = json.loads(keys.public_key(server))
    enrolled["keys"].reverse()
    for key in enrolled["keys"]:
        key.update(kid="any", ext=True, key_ops=["verify"])
    stored = keys.read_server_key({"server_public_keys": enrolled}, own)
    assert keys.open_sealed(seal(CONTENT, server, own), ANSWER, own, stored, at=0) == CONTENT


def _without(name):
    return lambda key: {member: value for member, value in key.items() if member != name}


@pytest.mark.parametrize(
    "change",
    [
        lambda keys: keys[:1],
        lambda keys: [keys[0], keys[0]],
        lambda keys: [*keys, keys[1]],
        lambda keys: [keys[0], {**keys[1], "use": "other"}],
        lambda keys: [*keys, ECKey.generate_key("P-256").as_dict(private=False)],
        lambda keys: [keys[0], {**keys[1], "alg": "ECDH-ES"}],
        lambda keys: [keys[0], _without("y")(keys[1])],
        lambda keys: [{**keys[0], "x": keys[1]["x"]}, keys[1]],
        lambda keys: [keys[0], {**ECKey.generate_key("P-384").as_dict(private=False), "use": "enc"}],
    ],
    ids=["one", "twice", "three", "other use", "no use", "other algorithm", "no y", "off the curve", "other curve"],
)
def test_unusable_server_key_is_rejected(own, server, change):
    enrolled = {"server_public_keys": {"keys": change(json.loads(keys.public_key(server))["keys"])}}
    with pytest.raises(ValueError):  # noqa: PT011 - libraries have errors of their own
        keys.read_server_key(enrolled, own)


def test_jose_signature_is_verified_with_the_pem(own):
    signature = keys.sign("Pay € 5".encode(), own)
    public = load_pem_public_key(keys.public_pem(own).encode())
    public.verify(signature, "Pay € 5".encode(), ECDSA(SHA256()))


@pytest.mark.parametrize("kind", KeyKind)
def test_device_stores_its_kind(kind):
    device = Device("http://127.0.0.1:9", kind=kind)
    assert Device.load(device.dump()) == device


def test_device_of_an_earlier_version_stays_openpgp():
    stored = json.loads(Device("http://127.0.0.1:9").dump())
    del stored["kind"]
    assert Device.load(json.dumps(stored)).kind == KeyKind.CURVE25519
