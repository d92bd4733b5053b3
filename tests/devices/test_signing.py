"""Transaction signing: only a valid signature over the signing data approves."""

import base64
import json
import subprocess

import pysequoia
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core import serializers
from pysequoia import CipherSuite, EncryptionAlgorithm, Profile, SigningAlgorithm, Tsk

from apps.callbacks.models import CallbackDelivery
from apps.events.models import Event
from apps.transactions.models import PushDelivery, Transaction
from clients.python.countersign_device import KeyKind, new_secret_key
from tests import factories
from tests.api.calls import CALLBACK, INITIATE, error_of
from tests.conftest import jose_only, openpgp_only
from tests.devices.conftest import TokenDevice
from tests.devices.signing import sign, without_der

pytestmark = pytest.mark.usefixtures("each_kind")

DATA = "Pay 12.50 EUR to Bert, IBAN NL00 TEST 0123 4567 89"
SUCCEEDED = "PUSH_AUTH_TRANSACTION_SIGNING_SUCCEEDED"
INVALID = "PUSH_AUTH_TRANSACTION_SIGNING_FAILED_INVALID_SIGNATURE"
MISSING = "PUSH_AUTH_TRANSACTION_SIGNING_FAILED_MISSING_SIGNATURE"


def secret_key(**options):
    pair = Tsk.generate("device", profile=Profile.RFC4880, **options)
    return pysequoia.armor(bytes(pair), pysequoia.ArmorKind.SecretKey)


def rsa(suite):
    return lambda: secret_key(cipher_suite=suite)


KEYS = {
    "P-256": lambda: new_secret_key(KeyKind.P256, at=0),
    "Ed25519 as GnuPG writes it": secret_key,
    "Ed25519 as RFC 9580 writes it": lambda: secret_key(
        signing_algorithm=SigningAlgorithm.Ed25519, encryption_algorithm=EncryptionAlgorithm.X25519
    ),
    "RSA 2048": rsa(CipherSuite.RSA2k),
    "RSA 3072": rsa(CipherSuite.RSA3k),
    "RSA 4096": rsa(CipherSuite.RSA4k),
}


@pytest.fixture
def start_signing(portal, device, signing_type):
    def start(kind="push", data=DATA):
        started = portal.start(signing_type(kind), device, signing_data=data)
        assert started.status_code == 200, started.content
        return device.fetch(started.json()["transaction_id"])

    return start


@pytest.fixture
def valid_signature(device):
    return lambda challenge: sign(device.secret_key, challenge["signing_data"])


@pytest.fixture
def assert_rejected(result, event_types, callbacks):
    """Check that an answer was rejected and ended the transaction."""

    def check(challenge, response, event=INVALID):
        assert (response.status_code, response.json()) == (200, {"status": "not_authenticated"})
        details = result(challenge)
        assert (details["status"], details["is_authenticated"]) == ("not_authenticated", False)
        assert details["not_authenticated_reason"]["reason"] == "invalid_answer"
        assert details["signature_verified"] is False
        assert callbacks(challenge) == 1
        assert event in event_types()
        assert SUCCEEDED not in event_types()
        return details

    return check


def test_challenge_includes_the_signing_data(start_signing):
    challenge = start_signing()
    assert challenge["signing_data"] == DATA
    assert challenge["type"]["transaction_signing"] is True


def verify(pem, data, signature):
    key = load_pem_public_key(pem.encode())
    if isinstance(key, EllipticCurvePublicKey):
        options = (ECDSA(SHA256()),)
    else:
        options = () if isinstance(key, Ed25519PublicKey) else (PKCS1v15(), SHA256())
    key.verify(base64.b64decode(signature), data.encode(), *options)


@jose_only
@pytest.mark.parametrize("name", KEYS)
def test_valid_signature_approves_and_is_verifiable(portal, enroll, signing_type, client, event_types, name):
    device = enroll(device=TokenDevice(secret_key=KEYS[name]()))
    challenge = device.fetch(portal.start(signing_type(), device, signing_data=DATA).json()["transaction_id"])
    signature = sign(device.secret_key, DATA)
    response = device.send(client, challenge["transaction_id"], device.sealed_answer(challenge, signature=signature))
    assert response.json() == {"status": "authenticated"}
    details = portal.result(challenge["transaction_id"]).json()
    assert (details["signature"], details["signature_verified"], details["is_authenticated"]) == (signature, True, True)
    assert details["user_public_key"].startswith("-----BEGIN PUBLIC KEY-----\n")
    verify(details["user_public_key"], DATA, details["signature"])
    assert {SUCCEEDED, "MOBILE_AUTH_AUTHENTICATED"} < set(event_types())


def test_signature_can_be_verified_with_openssl(start_signing, respond, valid_signature, result, tmp_path):
    challenge = start_signing()
    respond(challenge, signature=valid_signature(challenge))
    details = result(challenge)
    (tmp_path / "key.pem").write_text(details["user_public_key"])
    (tmp_path / "data").write_text(DATA)
    (tmp_path / "signature").write_bytes(base64.b64decode(details["signature"]))
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in data -sigfile signature"
    completed = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert "Verified Successfully" in completed.stdout, completed.stderr


@jose_only
def test_signature_without_der_is_returned_in_der(start_signing, respond, valid_signature, result):
    challenge = start_signing()
    signature = valid_signature(challenge)
    respond(challenge, signature=without_der(signature))
    details = result(challenge)
    assert details["signature"] == signature
    verify(details["user_public_key"], DATA, details["signature"])


@pytest.mark.parametrize(
    "data",
    [
        "é 漢 😀",
        "two\r\nlines\n",
        " spaces  around ",
        "\u200ea\u200fb\u061c",
        "x" * 16_000,
        "漢" * 16_000,
        '{"a": 1}',
        "\t\x07",
    ],
    ids=lambda text: ascii(text)[:12],
)
def test_signing_data_is_unchanged(start_signing, respond, valid_signature, result, device, data):
    challenge = start_signing(data=data)
    assert challenge["signing_data"] == data
    assert respond(challenge, signature=valid_signature(challenge)).json() == {"status": "authenticated"}
    verify(result(challenge)["user_public_key"], data, result(challenge)["signature"])


@pytest.mark.parametrize("signature", [None, "", 5, True, [], {}, ["x"]], ids=str)
def test_missing_signature_is_rejected(start_signing, respond, assert_rejected, signature):
    challenge = start_signing()
    event = INVALID if signature else MISSING
    assert_rejected(challenge, respond(challenge, signature=signature), event)


@pytest.mark.parametrize(
    "signature",
    [
        "x",
        "not base64!",
        "\0",
        "\ud800",
        "é",
        "=",
        "A" * 4,
        "A" * 88,
        base64.b64encode(bytes(64)).decode(),
        base64.b64encode(bytes(256)).decode(),
        "A" * 2000,
        "A" * 2001,
        "A" * 2004,
        "A" * 30_000,
    ],
    ids=lambda text: f"{ascii(text)[:12]} {len(text)}",
)
def test_malformed_signature_is_rejected(start_signing, respond, assert_rejected, signature):
    challenge = start_signing()
    details = assert_rejected(challenge, respond(challenge, signature=signature))
    assert details["signature"] in {signature, ""}
    base64.b64decode(details["signature"], validate=True)


def test_signature_of_another_key_is_rejected(start_signing, respond, assert_rejected):
    challenge = start_signing()
    signature = sign(secret_key(), DATA)
    details = assert_rejected(challenge, respond(challenge, signature=signature))
    assert details["signature"] == signature
    assert details["user_public_key"].startswith("-----BEGIN PUBLIC KEY-----\n")


@pytest.mark.parametrize("data", ["", DATA + " ", DATA.upper(), DATA + "\n", "Pay 9999 EUR"])
def test_signature_over_other_data_is_rejected(start_signing, respond, assert_rejected, device, data):
    challenge = start_signing()
    assert_rejected(challenge, respond(challenge, signature=sign(device.secret_key, data)))


def test_signature_of_another_transaction_is_rejected(start_signing, respond, valid_signature, assert_rejected, result):
    other, challenge = start_signing(data="Pay 1 EUR"), start_signing()
    assert_rejected(challenge, respond(challenge, signature=valid_signature(other)))
    assert result(other)["status"] == "pending"


@openpgp_only
def test_openpgp_signature_packet_is_rejected(start_signing, respond, device, assert_rejected):
    signer = Tsk.from_bytes(device.secret_key.encode()).signer()
    detached = pysequoia.sign(signer, DATA.encode(), mode=pysequoia.SignatureMode.DETACHED, armor=False)
    challenge = start_signing()
    assert_rejected(challenge, respond(challenge, signature=base64.b64encode(bytes(detached)).decode()))


def test_modified_signature_is_rejected(start_signing, respond, valid_signature, assert_rejected):
    challenge = start_signing()
    raw = bytearray(base64.b64decode(valid_signature(challenge)))
    raw[0] ^= 1
    assert_rejected(challenge, respond(challenge, signature=base64.b64encode(bytes(raw)).decode()))


def test_denial_requires_no_signature(start_signing, respond, result, event_types):
    challenge = start_signing()
    assert respond(challenge, approve=False).json() == {"status": "not_authenticated"}
    assert result(challenge)["not_authenticated_reason"]["reason"] == "not_accepted"
    assert not {"signature", "user_public_key", "signature_verified"} & set(result(challenge))
    assert not {SUCCEEDED, INVALID, MISSING} & set(event_types())


def test_pending_result_has_no_signature_members(start_signing, result):
    assert not {"signature", "user_public_key", "signature_verified", "signing_data"} & set(result(start_signing()))


@pytest.mark.parametrize("is_valid", [True, False])
def test_repeated_answer_gets_the_same_response(start_signing, device, client, valid_signature, event_types, is_valid):
    challenge = start_signing()
    signature = valid_signature(challenge) if is_valid else None
    sealed = device.sealed_answer(challenge, signature=signature)
    first = device.send(client, challenge["transaction_id"], sealed)
    before = event_types()
    repeated = device.send(client, challenge["transaction_id"], sealed)
    assert (repeated.status_code, repeated.content) == (first.status_code, first.content)
    assert event_types() == before
    late_response = device.send(
        client, challenge["transaction_id"], device.sealed_answer(challenge, signature=valid_signature(challenge))
    )
    assert error_of(late_response) == (404, "invalid_transaction")


def test_pin_is_verified_before_the_signature(start_signing, respond, valid_signature, result, event_types):
    challenge = start_signing("pin")
    for signature in (None, valid_signature(challenge)):
        assert error_of(respond(challenge, "pin", token="wrong", signature=signature)) == (403, "invalid_pin")
    assert result(challenge)["status"] == "pending"
    assert not {SUCCEEDED, INVALID, MISSING} & set(event_types())
    assert respond(challenge, "pin", signature=valid_signature(challenge)).json() == {"status": "authenticated"}
    assert result(challenge)["signature_verified"] is True
    assert result(challenge)["used_authentication_attempts"] == 3


@pytest.mark.parametrize(("kind", "name"), [("pin", "pin"), ("fingerprint", "fingerprint"), ("custom", "face")])
def test_valid_credential_with_invalid_signature_is_rejected(
    start_signing, respond, assert_rejected, device, kind, name
):
    challenge = start_signing(kind)
    assert_rejected(challenge, respond(challenge, name, signature=sign(device.secret_key, "other")))


def test_pin_can_sign_after_a_revoked_fingerprint(start_signing, respond, valid_signature, result):
    challenge = start_signing("fingerprint")
    rejected_challenge = respond(challenge, "fingerprint", token="wrong", signature=valid_signature(challenge))
    assert error_of(rejected_challenge) == (403, "authenticator_revoked")
    assert respond(challenge, "pin", signature=valid_signature(challenge)).json() == {"status": "authenticated"}
    assert result(challenge)["signature_verified"] is True


def test_otp_transaction_requires_a_signature(
    portal, device, signing_type, respond, valid_signature, result, assert_rejected
):
    fields = {"type": signing_type("otp").name, "callback_uri": CALLBACK, "signing_data": DATA}
    first, second = (device.claim_otp(portal.post(INITIATE, fields).json()["otp"]) for _ in range(2))
    assert first["signing_data"] == DATA
    assert_rejected(first, respond(first), MISSING)
    assert respond(second, signature=valid_signature(second)).json() == {"status": "authenticated"}
    assert result(second)["signature_verified"] is True


@pytest.mark.parametrize("off", ["type", "feature", "data"])
def test_signing_data_and_signature_are_ignored_without_signing(
    portal, device, signing_type, set_feature, respond, result, row, off
):
    mobile_type = factories.TypeFactory() if off == "type" else signing_type()
    set_feature(transaction_signing=off != "feature")
    data = None if off == "data" else DATA
    challenge = device.fetch(portal.start(mobile_type, device, signing_data=data).json()["transaction_id"])
    assert "signing_data" not in challenge
    assert challenge["type"]["transaction_signing"] is False
    assert row(challenge["transaction_id"]).signing_data == ""
    assert respond(challenge, signature="\0 anything").json() == {"status": "authenticated"}
    assert not {"signature", "user_public_key", "signature_verified"} & set(result(challenge))


def test_pending_transaction_requires_a_signature_without_the_feature(
    start_signing, set_feature, respond, assert_rejected
):
    challenge = start_signing()
    set_feature(transaction_signing=False)
    assert_rejected(challenge, respond(challenge), MISSING)


def test_signing_data_is_sent_only_to_the_device(
    start_signing, respond, valid_signature, result, device, portal, client, caplog
):
    caplog.set_level("DEBUG")
    challenge = start_signing()
    listed = json.dumps(device.pending())
    rejected_challenge = start_signing()
    respond(rejected_challenge, signature=sign(device.secret_key, "other"))
    respond(challenge, signature=valid_signature(challenge))
    portal.result(challenge["transaction_id"])
    models = [Transaction, PushDelivery, Event, CallbackDelivery]
    stored = [serializers.serialize("json", model.objects.all()) for model in models[1:]]
    encrypted = json.dumps(
        list(Transaction.objects.extra(select={"raw": "signing_data"}).values_list("raw", flat=True))
    )
    for text in (listed, *stored, encrypted, json.dumps(result(challenge)), caplog.text):
        assert "Bert" not in text


def test_push_contains_no_signing_data(portal, device, signing_type, fcm, deliver_pushes):
    portal.start(signing_type(), device, signing_data=DATA)
    deliver_pushes()
    sent = json.dumps(list(fcm.received), default=str)
    assert "og_transaction_id" in sent
    assert "Bert" not in sent
