"""A type that signs: its data reaches the device encrypted, and only a right signature approves."""

import base64
import json
import subprocess

import pysequoia
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core import serializers
from pysequoia import CipherSuite, EncryptionAlgorithm, Profile, SigningAlgorithm, Tsk

from apps.applications.models import Application
from apps.callbacks.models import CallbackDelivery
from apps.events.models import Event
from apps.system.models import Features
from apps.transactions.models import PushDelivery, Transaction
from tests import factories
from tests.api.calls import CALLBACK, INITIATE, error_of
from tests.devices.conftest import METHODS, Phone
from tests.devices.signing import sign

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
    "Ed25519 as GnuPG writes it": secret_key,
    "Ed25519 as RFC 9580 writes it": lambda: secret_key(
        signing_algorithm=SigningAlgorithm.Ed25519, encryption_algorithm=EncryptionAlgorithm.X25519
    ),
    "RSA 2048": rsa(CipherSuite.RSA2k),
    "RSA 3072": rsa(CipherSuite.RSA3k),
    "RSA 4096": rsa(CipherSuite.RSA4k),
}


@pytest.fixture
def signing_type(db):
    """Return the one type of each kind that signs."""
    made = {}

    def find(kind="push"):
        if kind not in made:
            made[kind] = factories.TypeFactory(method=METHODS.get(kind, kind), transaction_signing=True)
        return made[kind]

    return find


@pytest.fixture
def ask_to_sign(portal, phone, signing_type):
    def start(kind="push", data=DATA):
        started = portal.start(signing_type(kind), phone, signing_data=data)
        assert started.status_code == 200, started.content
        return phone.fetch(started.json()["transaction_id"])

    return start


@pytest.fixture
def right(phone):
    return lambda challenge: sign(phone.secret_key, challenge["signing_data"])


@pytest.fixture
def assert_refused(result, event_types, callbacks):
    """Check that an answer was judged wrong for good."""

    def check(challenge, answer, event=INVALID):
        assert (answer.status_code, answer.json()) == (200, {"status": "not_authenticated"})
        told = result(challenge)
        assert (told["status"], told["is_authenticated"]) == ("not_authenticated", False)
        assert told["not_authenticated_reason"]["reason"] == "invalid_answer"
        assert told["signature_verified"] is False
        assert callbacks(challenge) == 1
        assert event in event_types()
        assert SUCCEEDED not in event_types()
        return told

    return check


def test_the_challenge_tells_the_device_what_to_sign(ask_to_sign):
    challenge = ask_to_sign()
    assert challenge["signing_data"] == DATA
    assert challenge["type"]["transaction_signing"] is True


def verify(pem, data, signature):
    key = load_pem_public_key(pem.encode())
    options = () if isinstance(key, Ed25519PublicKey) else (PKCS1v15(), SHA256())
    key.verify(base64.b64decode(signature), data.encode(), *options)


@pytest.mark.parametrize("name", KEYS)
def test_a_right_signature_approves_and_the_portal_can_verify_it(
    portal, enroll, signing_type, client, event_types, name
):
    phone = enroll(device=Phone(secret_key=KEYS[name]()))
    challenge = phone.fetch(portal.start(signing_type(), phone, signing_data=DATA).json()["transaction_id"])
    signature = sign(phone.secret_key, DATA)
    answer = phone.send(client, challenge["transaction_id"], phone.sealed_answer(challenge, signature=signature))
    assert answer.json() == {"status": "authenticated"}
    told = portal.result(challenge["transaction_id"]).json()
    assert (told["signature"], told["signature_verified"], told["is_authenticated"]) == (signature, True, True)
    assert told["user_public_key"].startswith("-----BEGIN PUBLIC KEY-----\n")
    verify(told["user_public_key"], DATA, told["signature"])
    assert {SUCCEEDED, "MOBILE_AUTH_AUTHENTICATED"} < set(event_types())


def test_a_portal_can_verify_a_signature_with_openssl(ask_to_sign, respond, right, result, tmp_path):
    challenge = ask_to_sign()
    respond(challenge, signature=right(challenge))
    told = result(challenge)
    (tmp_path / "key.pem").write_text(told["user_public_key"])
    (tmp_path / "data").write_text(DATA)
    (tmp_path / "signature").write_bytes(base64.b64decode(told["signature"]))
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in data -sigfile signature"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert "Verified Successfully" in done.stdout, done.stderr


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
def test_the_data_is_signed_as_the_portal_gave_it(ask_to_sign, respond, right, result, phone, data):
    challenge = ask_to_sign(data=data)
    assert challenge["signing_data"] == data
    assert respond(challenge, signature=right(challenge)).json() == {"status": "authenticated"}
    verify(result(challenge)["user_public_key"], data, result(challenge)["signature"])


def test_data_of_more_than_16000_characters_is_refused(portal, phone, signing_type):
    answer = portal.start(signing_type(), phone, signing_data="x" * 16_001)
    assert error_of(answer) == (400, "1003")
    assert "signing_data" in answer.json()["description"]


@pytest.mark.parametrize("character", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", ids=ascii)
def test_data_with_a_bidirectional_override_is_rejected(portal, phone, signing_type, character):
    answer = portal.start(signing_type(), phone, signing_data=f"Pay 10{character}00 EUR")
    assert error_of(answer) == (400, "1003")
    assert "signing_data" in answer.json()["description"]
    assert not Transaction.objects.exists()


# A value that is wrong, of the parameters before and after the data in the table.
@pytest.mark.parametrize(("other", "value"), [("message", "m" * 156), ("secure_message", "s" * 4_001)])
@pytest.mark.parametrize("data", ["\u202e", None])
def test_wrong_data_is_reported_in_the_order_of_the_table(portal, phone, other, value, data):
    paying = factories.TypeFactory(transaction_signing=True, signing_data_required=True)
    answer = portal.start(paying, phone, signing_data=data, **{other: value}).json()
    if other == "message":
        assert answer["error_code"] == "1005"
    else:
        assert "signing_data" in answer["description"]


@pytest.mark.parametrize("method", ["push", "push_with_pin", "otp"])
def test_type_that_requires_data_rejects_a_request_without(portal, phone, event_types, method):
    paying = factories.TypeFactory(method=method, transaction_signing=True, signing_data_required=True)
    user = {"user_id": None} if method == "otp" else {}
    answer = portal.start(paying, phone, **user)
    assert error_of(answer) == (400, "1003")
    assert answer.json()["description"] == "The parameter signing_data is missing."
    assert event_types()[-1] == "MOBILE_AUTH_INIT_FAILURE_INVALID_REQ"
    assert method == "push_with_pin" or portal.start(paying, phone, signing_data=DATA, **user).status_code == 200


def test_without_data_a_type_that_signs_is_approved_unsigned(portal, phone, signing_type, respond, result):
    challenge = phone.fetch(portal.start(signing_type(), phone).json()["transaction_id"])
    assert (challenge["type"]["transaction_signing"], "signing_data" in challenge) == (False, False)
    assert respond(challenge).json() == {"status": "authenticated"}
    assert "signature" not in result(challenge)


def test_while_the_feature_is_off_no_data_is_required(portal, phone):
    Features.objects.update_or_create(pk=1, defaults={"transaction_signing": False})
    paying = factories.TypeFactory(transaction_signing=True, signing_data_required=True)
    assert portal.start(paying, phone).status_code == 200


def test_fallback_that_requires_data_rejects_a_request_without(portal, phone, event_types):
    paying = factories.TypeFactory(transaction_signing=True, signing_data_required=True)
    with_pin = factories.TypeFactory(method="push_with_pin", fallback=paying)
    Application.objects.update(pin_enabled=False)
    for user_id in ("anna", "nobody"):
        answer = portal.start(with_pin, phone, user_id=user_id)
        assert error_of(answer) == (400, "1003")
        assert "signing_data" in answer.json()["description"]
        assert event_types()[-1] == "MOBILE_AUTH_INIT_FAILURE_INVALID_REQ"
    assert portal.start(with_pin, phone, signing_data=DATA).status_code == 200


@pytest.mark.parametrize("signature", [None, "", 5, True, [], {}, ["x"]], ids=str)
def test_without_a_signature_nothing_is_approved(ask_to_sign, respond, assert_refused, signature):
    challenge = ask_to_sign()
    event = INVALID if signature else MISSING
    assert_refused(challenge, respond(challenge, signature=signature), event)


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
        "A" * 40_000,
    ],
    ids=lambda text: f"{ascii(text)[:12]} {len(text)}",
)
def test_what_is_no_signature_approves_nothing(ask_to_sign, respond, assert_refused, signature):
    challenge = ask_to_sign()
    told = assert_refused(challenge, respond(challenge, signature=signature))
    assert told["signature"] in {signature, ""}
    base64.b64decode(told["signature"], validate=True)


def test_a_signature_of_another_key_approves_nothing(ask_to_sign, respond, assert_refused):
    challenge = ask_to_sign()
    signature = sign(secret_key(), DATA)
    told = assert_refused(challenge, respond(challenge, signature=signature))
    assert told["signature"] == signature
    assert told["user_public_key"].startswith("-----BEGIN PUBLIC KEY-----\n")


@pytest.mark.parametrize("data", ["", DATA + " ", DATA.upper(), DATA + "\n", "Pay 9999 EUR"])
def test_a_signature_over_other_data_approves_nothing(ask_to_sign, respond, assert_refused, phone, data):
    challenge = ask_to_sign()
    assert_refused(challenge, respond(challenge, signature=sign(phone.secret_key, data)))


def test_the_signature_of_another_transaction_approves_nothing(ask_to_sign, respond, right, assert_refused, result):
    other, challenge = ask_to_sign(data="Pay 1 EUR"), ask_to_sign()
    assert_refused(challenge, respond(challenge, signature=right(other)))
    assert result(other)["status"] == "pending"


def test_an_openpgp_signature_is_none(ask_to_sign, respond, phone, assert_refused):
    signer = Tsk.from_bytes(phone.secret_key.encode()).signer()
    detached = pysequoia.sign(signer, DATA.encode(), mode=pysequoia.SignatureMode.DETACHED, armor=False)
    challenge = ask_to_sign()
    assert_refused(challenge, respond(challenge, signature=base64.b64encode(bytes(detached)).decode()))


def test_a_changed_signature_approves_nothing(ask_to_sign, respond, right, assert_refused):
    challenge = ask_to_sign()
    raw = bytearray(base64.b64decode(right(challenge)))
    raw[0] ^= 1
    assert_refused(challenge, respond(challenge, signature=base64.b64encode(bytes(raw)).decode()))


def test_denying_needs_no_signature(ask_to_sign, respond, result, event_types):
    challenge = ask_to_sign()
    assert respond(challenge, approve=False).json() == {"status": "not_authenticated"}
    assert result(challenge)["not_authenticated_reason"]["reason"] == "not_accepted"
    assert not {"signature", "user_public_key", "signature_verified"} & set(result(challenge))
    assert not {SUCCEEDED, INVALID, MISSING} & set(event_types())


def test_before_the_answer_nothing_is_told_of_a_signature(ask_to_sign, result):
    assert not {"signature", "user_public_key", "signature_verified", "signing_data"} & set(result(ask_to_sign()))


@pytest.mark.parametrize("right_first", [True, False])
def test_a_repeat_gets_the_same_and_changes_nothing(ask_to_sign, phone, client, right, event_types, right_first):
    challenge = ask_to_sign()
    signature = right(challenge) if right_first else None
    sealed = phone.sealed_answer(challenge, signature=signature)
    first = phone.send(client, challenge["transaction_id"], sealed)
    before = event_types()
    again = phone.send(client, challenge["transaction_id"], sealed)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert event_types() == before
    late = phone.send(client, challenge["transaction_id"], phone.sealed_answer(challenge, signature=right(challenge)))
    assert error_of(late) == (404, "invalid_transaction")


def test_a_wrong_pin_is_judged_before_the_signature(ask_to_sign, respond, right, result, event_types):
    challenge = ask_to_sign("pin")
    for signature in (None, right(challenge)):
        assert error_of(respond(challenge, "pin", token="wrong", signature=signature)) == (403, "invalid_pin")
    assert result(challenge)["status"] == "pending"
    assert not {SUCCEEDED, INVALID, MISSING} & set(event_types())
    assert respond(challenge, "pin", signature=right(challenge)).json() == {"status": "authenticated"}
    assert result(challenge)["signature_verified"] is True
    assert result(challenge)["used_authentication_attempts"] == 3


@pytest.mark.parametrize(("kind", "name"), [("pin", "pin"), ("fingerprint", "fingerprint"), ("custom", "face")])
def test_a_right_credential_with_a_wrong_signature_approves_nothing(
    ask_to_sign, respond, assert_refused, phone, kind, name
):
    challenge = ask_to_sign(kind)
    assert_refused(challenge, respond(challenge, name, signature=sign(phone.secret_key, "other")))


def test_a_revoked_fingerprint_leaves_the_signing_to_the_pin(ask_to_sign, respond, right, result):
    challenge = ask_to_sign("fingerprint")
    wrong = respond(challenge, "fingerprint", token="wrong", signature=right(challenge))
    assert error_of(wrong) == (403, "authenticator_revoked")
    assert respond(challenge, "pin", signature=right(challenge)).json() == {"status": "authenticated"}
    assert result(challenge)["signature_verified"] is True


def test_a_scanned_transaction_signs_too(portal, phone, signing_type, respond, right, result, assert_refused):
    fields = {"type": signing_type("otp").name, "callback_uri": CALLBACK, "signing_data": DATA}
    first, second = (phone.claim_otp(portal.post(INITIATE, fields).json()["otp"]) for _ in range(2))
    assert first["signing_data"] == DATA
    assert_refused(first, respond(first), MISSING)
    assert respond(second, signature=right(second)).json() == {"status": "authenticated"}
    assert result(second)["signature_verified"] is True


@pytest.mark.parametrize("off", ["type", "feature", "data"])
def test_where_nothing_signs_the_data_and_any_signature_are_ignored(
    portal, phone, signing_type, set_feature, respond, result, row, off
):
    mobile_type = factories.TypeFactory() if off == "type" else signing_type()
    set_feature(transaction_signing=off != "feature")
    data = None if off == "data" else DATA
    challenge = phone.fetch(portal.start(mobile_type, phone, signing_data=data).json()["transaction_id"])
    assert "signing_data" not in challenge
    assert challenge["type"]["transaction_signing"] is False
    assert row(challenge["transaction_id"]).signing_data == ""
    assert respond(challenge, signature="\0 anything").json() == {"status": "authenticated"}
    assert not {"signature", "user_public_key", "signature_verified"} & set(result(challenge))


def test_a_transaction_that_signs_still_does_when_the_feature_goes_off(
    ask_to_sign, set_feature, respond, assert_refused
):
    challenge = ask_to_sign()
    set_feature(transaction_signing=False)
    assert_refused(challenge, respond(challenge), MISSING)


def test_the_data_goes_nowhere_but_to_the_device(ask_to_sign, respond, right, result, phone, portal, client, caplog):
    caplog.set_level("DEBUG")
    challenge = ask_to_sign()
    listed = json.dumps(phone.pending())
    wrong = ask_to_sign()
    respond(wrong, signature=sign(phone.secret_key, "other"))
    respond(challenge, signature=right(challenge))
    portal.result(challenge["transaction_id"])
    models = [Transaction, PushDelivery, Event, CallbackDelivery]
    stored = [serializers.serialize("json", model.objects.all()) for model in models[1:]]
    encrypted = json.dumps(
        list(Transaction.objects.extra(select={"raw": "signing_data"}).values_list("raw", flat=True))
    )
    for text in (listed, *stored, encrypted, json.dumps(result(challenge)), caplog.text):
        assert "Bert" not in text


def test_a_push_holds_no_data_to_sign(portal, phone, signing_type, fcm, deliver_pushes):
    portal.start(signing_type(), phone, signing_data=DATA)
    deliver_pushes()
    sent = json.dumps(list(fcm.received), default=str)
    assert "og_transaction_id" in sent
    assert "Bert" not in sent
