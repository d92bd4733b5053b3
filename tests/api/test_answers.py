"""A valid sealed answer ends a transaction; an invalid one has no effect."""

import json
from datetime import UTC, datetime, timedelta

import pysequoia
import pytest
import time_machine
from pysequoia import Cert, Tsk

from apps.callbacks.models import CallbackDelivery
from tests import factories
from tests.api.calls import CALLBACK, answer_path, error_of, send_json
from tests.conftest import TestDevice, openpgp_only

pytestmark = pytest.mark.usefixtures("each_kind")

INVALID_MESSAGE = (400, "invalid_message")
INVALID_TRANSACTION = (404, "invalid_transaction")


@pytest.fixture
def send(client, device, started):
    """Return a function that sends an answer to the pending transaction."""
    return lambda message, token=device.device_token, transaction_id=started: send_json(
        client, answer_path(transaction_id), {"message": message}, token=token
    )


@pytest.fixture
def valid_content(device, started):
    """Return a function that builds the content of a valid answer. Members set to None are omitted."""
    challenge = device.fetch(started)

    def build(**changes):
        content = {"transaction_id": started, "token": challenge["token"], "authenticated": True, **changes}
        return {name: value for name, value in content.items() if value is not None}

    return build


@pytest.fixture
def assert_rejected_without_effect(send, valid_content, portal, device, started, event_types):
    """Send a message that must be rejected, then a valid answer that must be accepted."""

    def run(message, event="PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE"):
        response = send(message)
        assert error_of(response) == INVALID_MESSAGE
        assert response.json()["error_description"] == "The sealed message is invalid."
        assert event_types()[-1] == event
        assert portal.result(started).json()["status"] == "pending"
        assert not CallbackDelivery.objects.exists()
        assert send(device.seal(valid_content())).json() == {"status": "authenticated"}

    return run


@pytest.mark.parametrize(("approve", "status"), [(True, "authenticated"), (False, "not_authenticated")])
def test_answer_ends_the_transaction_and_sends_a_callback(
    send, valid_content, device, started, event_types, approve, status
):
    response = send(device.seal(valid_content(authenticated=approve)))
    assert (response.status_code, response.json()) == (200, {"status": status})
    assert event_types()[-1] == ("MOBILE_AUTH_AUTHENTICATED" if approve else "MOBILE_AUTH_NOT_AUTHENTICATED")
    callback = CallbackDelivery.objects.get()
    assert (callback.url, str(callback.transaction_id)) == (CALLBACK, started)


def test_unknown_members_of_an_answer_are_ignored(send, valid_content, device):
    content = valid_content(credential={"type": "pin", "token": "x"}, more=[1, 2])
    assert send(device.seal(content)).json() == {"status": "authenticated"}


def test_identical_repeat_gets_the_same_response(send, valid_content, device, event_types):
    sealed = device.seal(valid_content())
    first = send(sealed)
    events = event_types()
    again = send(sealed)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert event_types() == events
    assert CallbackDelivery.objects.count() == 1


@pytest.mark.parametrize("approve", [True, False])
def test_different_answer_after_the_end_is_rejected(send, valid_content, device, portal, started, approve):
    send(device.seal(valid_content()))
    assert error_of(send(device.seal(valid_content(authenticated=approve)))) == INVALID_TRANSACTION
    assert portal.result(started).json()["status"] == "authenticated"


def test_identical_repeat_is_accepted_after_the_expiry(send, valid_content, device):
    sealed = device.seal(valid_content())
    send(sealed)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False):
        assert send(sealed).json() == {"status": "authenticated"}


def test_answer_at_the_expiry_is_rejected(client, portal, device):
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False) as clock:
        transaction_id = portal.start(factories.TypeFactory(time_to_live=60), device).json()["transaction_id"]
        content = {
            "transaction_id": transaction_id,
            "authenticated": True,
            "token": device.fetch(transaction_id)["token"],
        }
        clock.move_to(start + timedelta(seconds=60))
        response = send_json(
            client, answer_path(transaction_id), {"message": device.seal(content)}, token=device.device_token
        )
        assert error_of(response) == INVALID_TRANSACTION
        assert portal.result(transaction_id).json()["status"] == "expired"
    assert not CallbackDelivery.objects.exists()


@pytest.mark.parametrize("text", ["5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11", "x", "%00", "%ff"])
def test_unknown_transaction_cannot_be_answered(send, valid_content, device, text):
    assert error_of(send(device.seal(valid_content()), transaction_id=text)) == INVALID_TRANSACTION


def test_another_device_cannot_answer(send, valid_content, device, enroll, portal, started):
    other = enroll("bert")
    for sealed in (device.seal(valid_content()), other.seal(valid_content())):
        assert error_of(send(sealed, token=other.device_token)) == INVALID_TRANSACTION
    assert portal.result(started).json()["status"] == "pending"


def test_disabled_version_cannot_answer(send, valid_content, device, version):
    version.status = "disabled"
    version.save()
    assert error_of(send(device.seal(valid_content()))) == (403, "version_not_enabled")


@pytest.mark.parametrize("token", ["", "unknown"])
def test_answer_requires_a_valid_device_token(send, valid_content, device, token):
    assert error_of(send(device.seal(valid_content()), token=token)) == (401, "invalid_device_token")


@openpgp_only
def test_message_sealed_to_another_receiver_is_rejected(assert_rejected_without_effect, valid_content, device):
    unrelated_key = Tsk.generate("x", profile=pysequoia.Profile.RFC4880).extract_certificate()
    assert_rejected_without_effect(
        pysequoia.encrypt(
            json.dumps(valid_content()).encode(),
            recipients=[unrelated_key],
            signer=Tsk.from_bytes(device.secret_key.encode()).signer(),
        ).decode()
    )


def test_message_signed_by_an_unknown_key_is_rejected(assert_rejected_without_effect, valid_content, device):
    unrelated_key = TestDevice("", server_public_key=device.server_public_key, clock_difference=0)
    unrelated_key.secret_key = unrelated_key.new_secret_key()
    assert_rejected_without_effect(unrelated_key.seal(valid_content()))


def test_message_signed_by_another_device_is_rejected(assert_rejected_without_effect, valid_content, enroll):
    assert_rejected_without_effect(enroll("bert").seal(valid_content()))


def test_message_signed_by_another_profile_of_the_device_is_rejected(
    assert_rejected_without_effect, valid_content, device, enroll
):
    bert = TestDevice("", device_id=device.device_id, device_token=device.device_token)
    enroll("bert", push_token="", device=bert)
    assert_rejected_without_effect(bert.seal(valid_content()))


@openpgp_only
def test_unsigned_message_is_rejected(assert_rejected_without_effect, valid_content, device):
    server = Cert.from_bytes(device.server_public_key.encode())
    assert_rejected_without_effect(
        pysequoia.encrypt(json.dumps(valid_content()).encode(), recipients=[server]).decode()
    )


@openpgp_only
@pytest.mark.parametrize("mode", ["INLINE", "CLEAR", "DETACHED"])
def test_signed_but_unencrypted_message_is_rejected(assert_rejected_without_effect, valid_content, device, mode):
    signer = Tsk.from_bytes(device.secret_key.encode()).signer()
    signed = pysequoia.sign(signer, json.dumps(valid_content()).encode(), mode=getattr(pysequoia.SignatureMode, mode))
    assert_rejected_without_effect(signed.decode())


@openpgp_only
def test_message_sealed_with_a_password_is_rejected(assert_rejected_without_effect, valid_content, device):
    signer = Tsk.from_bytes(device.secret_key.encode()).signer()
    assert_rejected_without_effect(
        pysequoia.encrypt(json.dumps(valid_content()).encode(), passwords=["x"], signer=signer).decode()
    )


def test_plain_answer_is_rejected(assert_rejected_without_effect, valid_content):
    assert_rejected_without_effect(json.dumps(valid_content()))


@pytest.mark.parametrize("token", ["wrong", "", None, 5, True, [], {}, "\ud800", "é"], ids=ascii)
def test_wrong_token_is_rejected(assert_rejected_without_effect, valid_content, device, token):
    assert_rejected_without_effect(
        device.seal(valid_content(token=token)), event="MOBILE_AUTH_NOT_AUTHENTICATED_INVALID_TOKEN"
    )


@pytest.mark.parametrize("value", ["5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11", "", None, 5, [], {}], ids=ascii)
def test_id_of_another_transaction_is_rejected(assert_rejected_without_effect, valid_content, device, value):
    assert_rejected_without_effect(device.seal(valid_content(transaction_id=value)))


@pytest.mark.parametrize("value", [None, 1, 0, "true", "", [], {}, [True]], ids=ascii)
def test_non_boolean_answer_is_rejected(assert_rejected_without_effect, valid_content, device, value):
    assert_rejected_without_effect(device.seal(valid_content(authenticated=value)))


@openpgp_only
@pytest.mark.parametrize(
    "content",
    ["", "null", "[]", "true", '"text"', "5", "{", "{]", "\0", "[" * 60_000, "{" * 60_000, "9" * 60_000, "NaN"],
    ids=lambda text: ascii(text)[:12],
)
def test_content_must_be_a_json_object(assert_rejected_without_effect, device, content):
    assert_rejected_without_effect(seal_bytes(device, content.encode()))


@openpgp_only
def test_content_must_be_utf_8(assert_rejected_without_effect, device):
    assert_rejected_without_effect(seal_bytes(device, b'{"token": "\xff\xfe\x80"}'))


def seal_bytes(device, content):
    server = Cert.from_bytes(device.server_public_key.encode())
    signer = Tsk.from_bytes(device.secret_key.encode()).signer()
    return pysequoia.encrypt(content, recipients=[server], signer=signer).decode()


@pytest.mark.parametrize(
    "message",
    [
        "",
        " ",
        "garbage",
        "\x00\x01\x02",
        "é" * 100,
        "\ud800",
        "-----BEGIN PGP MESSAGE-----",
        "-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----",
        "-----BEGIN PGP MESSAGE-----\n\nhF4D\n-----END PGP MESSAGE-----",
        "-----BEGIN PGP MESSAGE-----\n\n!!!!\n-----END PGP MESSAGE-----",
        "x" * 65_537,
        "x" * 190_000,
        "x" * 500_000,
    ],
    ids=lambda text: f"{ascii(text)[:40]} {len(text)}",
)
def test_text_without_an_armored_message_is_rejected(assert_rejected_without_effect, message):
    assert_rejected_without_effect(message)


@openpgp_only
def test_message_without_armor_is_rejected(assert_rejected_without_effect, valid_content, device):
    assert_rejected_without_effect("".join(device.seal(valid_content()).splitlines()[2:-1]))


def test_message_of_more_than_64_kib_is_rejected(assert_rejected_without_effect, valid_content, device):
    sealed = device.seal(valid_content(padding="x" * 60_000))
    assert len(sealed) > 65_536
    assert_rejected_without_effect(sealed)


def test_message_with_one_changed_character_is_rejected(assert_rejected_without_effect, valid_content, device):
    sealed = device.seal(valid_content())
    middle = len(sealed) // 2
    changed = "A" if sealed[middle] != "A" else "B"
    assert_rejected_without_effect(sealed[:middle] + changed + sealed[middle + 1 :])


@pytest.mark.parametrize("body", [{}, {"message": None}, {"message": 5}, {"message": []}, {"message": {}}, [], "null"])
def test_body_without_a_message_is_malformed(client, device, started, body):
    response = send_json(client, answer_path(started), body, token=device.device_token)
    assert error_of(response) == (400, "invalid_request")
    assert len(device.pending()) == 1
