"""All operations of the reference device against the server."""

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from apps.demo.device import FINGERPRINT, AuthenticatorRevoked, DeviceApiError, Disconnected, InvalidPin
from apps.enrollment import keys as server_keys
from apps.enrollment.keys import MessageType
from apps.enrollment.models import Profile
from clients.python.countersign_device import Device, KeyKind, NotEnrolled, keys
from tests import factories
from tests.conftest import TestDevice
from tests.fakes.portal import Portal

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    application = factories.ApplicationFactory(
        pin_enabled=True, max_pin_attempts=3, fingerprint_enabled=True, custom_authenticators=["face"]
    )
    return factories.ApplicationVersionFactory(application=application)


@pytest.fixture
def device(enroll):
    enrolled_device = enroll()
    enrolled_device.register_pin("12345")
    return enrolled_device


@pytest.fixture
def start_challenge(portal, device):
    """Return a function that starts a transaction of a method and returns its challenge."""

    def run(method, **fields):
        mobile_type = factories.TypeFactory(method=method, transaction_signing="signing_data" in fields)
        started = portal.start(mobile_type, device, **fields)
        assert started.status_code == 200, started.content
        return device.fetch(started.json()["transaction_id"])

    return run


def test_wrong_pin_returns_the_remaining_attempts(device, start_challenge):
    challenge = start_challenge("push_with_pin")
    with pytest.raises(InvalidPin) as wrong:
        device.answer(challenge, approve=True, pin="54321")
    assert (wrong.value.used_attempts, wrong.value.max_attempts, wrong.value.attempts_left) == (1, 3, 2)
    assert device.answer(challenge, approve=True, pin="12345") == "authenticated"


def test_pin_is_replaced_with_the_current_one(device, start_challenge):
    with pytest.raises(InvalidPin):
        device.register_pin("99999", current_pin="54321")
    device.register_pin("99999", current_pin="12345")
    challenge = start_challenge("push_with_pin")
    with pytest.raises(InvalidPin):
        device.answer(challenge, approve=True, pin="12345")
    assert device.answer(challenge, approve=True, pin="99999") == "authenticated"


@pytest.mark.parametrize(
    ("method", "name"), [("push_with_fingerprint", FINGERPRINT), ("push_with_custom_authenticator", "face")]
)
def test_biometric_token_approves_and_a_wrong_one_is_revoked(device, start_challenge, method, name):
    device.register_fingerprint(pin="12345")
    device.register_custom("face", pin="12345")
    assert device.answer(start_challenge(method), approve=True, authenticator=name) == "authenticated"
    device.secure_store.save(name, "not-the-token")
    challenge = start_challenge(method)
    with pytest.raises(AuthenticatorRevoked):
        device.answer(challenge, approve=True, authenticator=name)
    assert name not in device.secure_store.tokens
    assert device.answer(challenge, approve=True, pin="12345") == "authenticated"


def test_disconnected_device_enrolls_as_a_new_one(device, start_challenge, enroll):
    challenge, secret_key, device_id = start_challenge("push_with_pin"), device.secret_key, device.device_id
    for _attempt in range(2):
        with pytest.raises(InvalidPin):
            device.answer(challenge, approve=True, pin="54321")
    with pytest.raises(Disconnected):
        device.answer(challenge, approve=True, pin="54321")
    assert (device.profile_id, device.pin_token) == ("", None)
    with pytest.raises(NotEnrolled):
        device.pending()
    enroll(device=device)
    assert device.secret_key != secret_key
    assert device.device_id != device_id
    assert device.pending() == []


def test_last_wrong_pin_of_a_registration_disconnects(device):
    for _attempt in range(2):
        with pytest.raises(InvalidPin):
            device.register_fingerprint(pin="54321")
    with pytest.raises(Disconnected):
        device.register_fingerprint(pin="54321")
    assert device.pin_token is None


def test_users_of_a_device_have_separate_keys(device, enroll, client):
    second = device.add_user()
    second.client = client
    enroll(user_id="ben", device=second)
    assert (second.device_id, second.device_token) == (device.device_id, device.device_token)
    assert second.profile_id != device.profile_id
    assert second.secret_key != device.secret_key
    device.unenroll()
    assert second.pending() == []


def test_new_push_token_takes_the_place_of_the_old_one(device):
    device.replace_push_token("push-token-of-anna", "newer")
    with pytest.raises(DeviceApiError) as caught:
        device.replace_push_token("push-token-of-anna", "newest")
    assert caught.value.status == 400


@pytest.mark.parametrize("body", ["<html>Bad gateway</html>", "[]", "[" * 60_000], ids=["HTML", "list", "deep"])
def test_error_response_of_a_proxy_can_have_any_body(body):
    with Portal() as gateway:
        gateway.script["/device/v1/enrollments"] = [{"status": 502, "body": body}]
        with pytest.raises(DeviceApiError) as caught:
            Device(gateway.url).call("POST", "/device/v1/enrollments", {})
    assert caught.value.status == 502


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.CURVE25519, KeyKind.ED25519, KeyKind.RSA2048])
def test_payment_is_signed_with_the_device_key(device, start_challenge, portal, enroll, client, kind):
    device.secret_key = device.new_secret_key(kind)
    enroll(device=device)
    challenge = start_challenge("push", signing_data="Pay € 5\nto Ben")
    assert challenge["signing_data"] == "Pay € 5\nto Ben"
    assert device.answer(challenge, approve=True) == "authenticated"
    result = portal.result(challenge["transaction_id"]).json()
    assert result["signature_verified"] is True
    if kind.is_openpgp:
        assert result["signature"] == device.sign("Pay € 5\nto Ben")
    else:
        # ES256 is not deterministic.
        public, signature = keys.public_pem(device.secret_key), base64.b64decode(result["signature"])
        load_pem_public_key(public.encode()).verify(signature, "Pay € 5\nto Ben".encode(), ECDSA(SHA256()))


class WrongClock(TestDevice):
    """Device with a clock that is off by some seconds."""

    off_by = 0

    def own_time(self):
        return time.time() + self.off_by


@pytest.mark.parametrize("off_by", [-5 * 3600, 5 * 3600])
def test_device_with_a_wrong_clock_registers_a_pin(enroll, client, each_kind, off_by):
    device = WrongClock("")
    device.client, device.off_by = client, off_by
    enroll(device=device)
    device.register_pin("12345")
    assert abs(device.server_time() - time.time()) < 60


def test_identical_answer_counts_once(device, start_challenge):
    challenge = start_challenge("push_with_pin")
    wrong = device.sealed_answer(challenge, approve=True, pin="54321")
    for _try in range(3):
        with pytest.raises(InvalidPin) as caught:
            device.send_answer(challenge["transaction_id"], wrong)
        assert caught.value.used_attempts == 1
    right = device.sealed_answer(challenge, approve=True, pin="12345")
    assert [device.send_answer(challenge["transaction_id"], right) for _try in range(2)] == ["authenticated"] * 2


def test_denial_contains_no_credential(device, start_challenge):
    challenge = start_challenge("push_with_pin", signing_data="Pay")
    message = device.sealed_answer(challenge, approve=False, pin="54321")
    opened = server_keys.open_sealed(Profile.objects.get(), MessageType.ANSWER, message)
    assert set(opened) == {
        "transaction_id",
        "token",
        "authenticated",
    }
    assert device.answer(challenge, approve=False, pin="54321") == "not_authenticated"


def test_device_is_restored_from_a_file(device, start_challenge, client):
    device.register_fingerprint(pin="12345")
    dumped = device.dump()
    assert "12345" not in json.loads(dumped)["pin_token"].values()
    restored = TestDevice.load(dumped)
    restored.client = client
    assert restored == device
    assert restored.answer(start_challenge("push_with_pin"), approve=True, pin="12345") == "authenticated"


class Misled(TestDevice):
    """Device that gets the challenge of another transaction from a faulty server."""

    other = ""

    def call(self, method, path, body=None):
        path = f"/device/v1/transactions/{self.other}/fetch" if path.endswith("/fetch") else path
        return super().call(method, path, body)


def test_challenge_of_another_transaction_is_rejected(enroll, portal):
    device = enroll(device=Misled(""))
    first, device.other = (
        portal.start(factories.TypeFactory(), device).json()["transaction_id"] for _number in range(2)
    )
    with pytest.raises(ValueError, match="another transaction"):
        device.fetch(first)
