"""Devices with a wrong clock: accepted times, and the server time of the reference device."""

import json
import time

import gnupg
import pytest
import time_machine

from clients.python.countersign_device import Device, DeviceApiError, KeyKind, MessageType, keys
from clients.python.countersign_device.keys import openpgp_operations as openpgp
from clients.python.countersign_device.keys.openpgp import _packets
from tests import factories
from tests.api import certificates
from tests.api.calls import ENROLLMENTS, error_of, send_json
from tests.api.certificates import ENCRYPTS, KINDS, Subkey
from tests.api.test_sealed_messages import _key_parameters, empty_gpg, needs_gnupg  # noqa: F401 - a fixture
from tests.conftest import TestDevice
from tests.devices.conftest import TokenDevice
from tests.fakes.portal import Portal

pytestmark = pytest.mark.usefixtures("openpgp_keys")

MINUTE, HOUR, YEAR = 60, 3600, 365 * 86_400
OFF_BY = [-5 * HOUR, 5 * HOUR]
INVALID_MESSAGE = (400, "invalid_message")


class WrongClock(TestDevice):
    """Device with a clock that is off by some seconds."""

    __test__ = False
    off_by = 0

    def own_time(self):
        return time.time() + self.off_by


@pytest.fixture
def signing_type(db):
    return factories.TypeFactory(transaction_signing=True)


@pytest.fixture
def can_approve(portal, signing_type):
    """Return True if a device can approve a transaction that it signs."""

    def run(device):
        started = portal.start(signing_type, device, signing_data="Pay 1 EUR").json()["transaction_id"]
        if device.answer(device.fetch(started), approve=True) != "authenticated":
            return False
        return portal.result(started).json()["signature_verified"]

    return run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ahead", [0, 9 * MINUTE, -10 * YEAR], ids=str)
def test_device_with_fast_or_slow_clock_can_enroll_and_approve(enroll, can_approve, kind, ahead):
    created = int(time.time()) + ahead
    device = enroll(device=TestDevice("", secret_key=KINDS[kind](created), clock_difference=0))
    # A device without the server's time uses its own clock.
    device.server_time = lambda: created + 1
    device.open = lambda *sealed: keys.open_sealed(
        *sealed, MessageType.CHALLENGE, device.secret_key, device.server_public_key, at=time.time()
    )
    assert can_approve(device)


@pytest.mark.parametrize("kind", KINDS)
def test_key_from_eleven_minutes_ahead_is_rejected(client, enrollment_body, new_code, event_types, kind):
    key = keys.public_key(KINDS[kind](int(time.time()) + 11 * MINUTE))
    response = send_json(client, ENROLLMENTS, enrollment_body(new_code(), public_key=key))
    assert error_of(response) == (400, "invalid_public_key")
    assert event_types()[-1] == "KEY_ENROLLMENT_FAILURE_INVALID_PUBLIC_KEY"


@pytest.mark.parametrize("kind", KINDS)
def test_signatures_are_accepted_up_to_ten_minutes_ahead(enroll, client, kind):
    device = enroll(device=TokenDevice(secret_key=KINDS[kind](int(time.time()) - 20 * YEAR)))

    def register(signed_at):
        content = {"type": "pin", "nonce": f"nonce {signed_at}", "issued_at": round(time.time() * 1000)}
        if "pin" in device.tokens:
            content["pin_token"] = device.tokens["pin"]
        message = keys.seal(
            content, MessageType.REGISTRATION, device.secret_key, device.server_public_key, at=signed_at
        )
        response = device.send_registration(client, message)
        if response.status_code == 201:
            device.tokens["pin"] = device.open(response.json()["message"], MessageType.TOKEN)["token"]
        return response

    for seconds in (-20 * YEAR, -HOUR, 9 * MINUTE):
        assert register(time.time() + seconds).status_code == 201
    assert error_of(register(time.time() + 11 * MINUTE)) == INVALID_MESSAGE


def test_signature_older_than_its_key_is_accepted(enroll, client, monkeypatch):
    device = enroll(device=TokenDevice(secret_key=keys.new_secret_key(KeyKind.CURVE25519, at=time.time() + 9 * MINUTE)))
    # A device whose clock was corrected after its enrolment, with a library that permits such signatures.
    monkeypatch.setattr(openpgp.SecretKey, "created", 0)
    assert device.register(client, "pin").status_code == 201


def expiring_key(seconds):
    """Return the secret half and the public half of a key that expires."""
    now = int(time.time())
    primary, subkey = openpgp.new_ed25519_legacy(now), openpgp.new_curve25519_legacy(now)
    public = certificates.certificate(
        primary, Subkey(subkey, ENCRYPTS), at=now, flags=b"\x03", subpackets=certificates.lifetime(seconds)
    )
    return primary, public


def test_expired_key_is_not_usable_with_a_backdated_signature(client, enrollment_body, new_code):
    primary, public = expiring_key(HOUR)
    enrolled = send_json(client, ENROLLMENTS, enrollment_body(new_code(), public_key=public)).json()
    path = f"/device/v1/enrollments/{enrolled['profile_id']}/authenticators"

    def register(nonce):
        data = json.dumps({"type": "pin", "nonce": nonce, "issued_at": round(time.time() * 1000)}).encode()
        sealed = certificates.sealed(data, primary, enrolled["server_public_key"])
        return send_json(client, path, {"message": sealed}, token=enrolled["device_token"])

    with time_machine.travel(time.time() + HOUR + MINUTE):
        assert error_of(register("too late now")) == INVALID_MESSAGE
    response = register("early enough")
    assert response.status_code == 201, response.content


@pytest.mark.parametrize("off_by", OFF_BY)
@pytest.mark.parametrize("kind", [KeyKind.CURVE25519, KeyKind.RSA2048])
def test_reference_device_uses_server_time(enroll, can_approve, client, version, off_by, kind):
    version.application.pin_enabled = True
    version.application.save()
    device = WrongClock("")
    device.client, device.off_by = client, off_by
    device.secret_key = device.new_secret_key(kind)
    enroll(device=device)
    device.register_pin("12345")
    assert can_approve(device)
    created = openpgp.read_secret(_packets(device.secret_key)[0].body).created
    assert abs(created - time.time()) < MINUTE


@pytest.mark.parametrize("off_by", OFF_BY)
def test_reference_device_creates_its_first_key_with_server_time(enroll, can_approve, off_by):
    device = WrongClock("")
    device.off_by = off_by
    assert can_approve(enroll(device=device))


@pytest.mark.parametrize("off_by", OFF_BY)
def test_reference_device_reads_the_time_of_any_response(off_by):
    device = WrongClock("")
    device.off_by = off_by
    device.exchange = lambda *call: Device.exchange(device, *call)
    with Portal() as server:
        server.script["/device/v1/transactions"] = [{"status": 401, "body": "{}"}]
        device.server = server.url
        with pytest.raises(DeviceApiError):
            device.pending()
    assert abs(device.server_time() - time.time()) < MINUTE


def test_reference_device_rejects_messages_from_the_future(device, portal, mobile_type):
    started = portal.start(mobile_type, device).json()["transaction_id"]
    sealed = device.call("POST", f"/device/v1/transactions/{started}/fetch", {"profile_id": device.profile_id})
    opened = (sealed["message"], MessageType.CHALLENGE, device.secret_key, device.server_public_key)
    assert keys.open_sealed(*opened, at=time.time() - 9 * MINUTE)["transaction_id"] == started
    assert keys.open_sealed(*opened, at=time.time() + YEAR)["transaction_id"] == started
    with pytest.raises(ValueError, match="in the future"):
        keys.open_sealed(*opened, at=time.time() - 11 * MINUTE)


@needs_gnupg
@pytest.mark.parametrize("algorithm", ["ed25519", "rsa2048"])
@pytest.mark.parametrize("minutes", [9, 11])
def test_gnupg_device_with_a_fast_clock(empty_gpg, client, enrollment_body, new_code, algorithm, minutes):  # noqa: F811
    """GnuPG creates the key, seals and opens with a clock that is ahead."""
    encrypting = "cv25519" if algorithm == "ed25519" else algorithm
    at = time.strftime("%Y%m%dT%H%M%S", time.gmtime(time.time() + minutes * MINUTE))
    gpg = gnupg.GPG(gnupghome=empty_gpg.gnupghome, options=["--faked-system-time", at])
    fingerprint = gpg.gen_key(_key_parameters(algorithm, encrypting)).fingerprint
    enrolled = send_json(client, ENROLLMENTS, enrollment_body(new_code(), public_key=gpg.export_keys(fingerprint)))
    if minutes > 10:
        assert error_of(enrolled) == (400, "invalid_public_key")
        return
    body = enrolled.json()
    (server,) = gpg.import_keys(body["server_public_key"]).fingerprints
    content = {"type": "pin", "nonce": "a new nonce", "issued_at": round(time.time() * 1000)}
    sealed = gpg.encrypt(json.dumps(content), server, sign=fingerprint, always_trust=True)
    path = f"/device/v1/enrollments/{body['profile_id']}/authenticators"
    response = send_json(client, path, {"message": str(sealed)}, token=body["device_token"])
    assert response.status_code == 201, response.content
    opened = gpg.decrypt(response.json()["message"], always_trust=True)
    assert (opened.valid, opened.pubkey_fingerprint) == (True, server)
