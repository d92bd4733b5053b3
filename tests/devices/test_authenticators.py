"""Registration, replacement and removal of authenticators."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import serializers

from apps.enrollment.models import Authenticator, Device, Profile, PushEnrollment, UsedNonce
from apps.events.models import Event
from tests import factories
from tests.api.calls import error_of, send_json
from tests.devices.conftest import TokenDevice

INVALID_MESSAGE = (400, "invalid_message")
NOT_ENABLED = (403, "authenticator_not_enabled")


def kinds(device):
    return set(
        Authenticator.objects.filter(profile__device__device_id=device.device_id).values_list(
            "type", "authenticator_id"
        )
    )


@pytest.fixture
def assert_rejected_and_unchanged(client, profile_row):
    """Check that a message is rejected, not counted as an attempt, and without effect."""

    def run(device, message, expected=INVALID_MESSAGE):
        before = list(Authenticator.objects.order_by("pk").values())
        assert error_of(device.send_registration(client, message)) == expected
        assert profile_row(device).wrong_pins == 0
        assert list(Authenticator.objects.order_by("pk").values()) == before

    return run


@pytest.mark.usefixtures("each_kind")
def test_first_pin_is_registered_without_a_pin_token(new_device, client, event_types):
    device = new_device()
    response = device.register(client, "pin")
    assert response.status_code == 201
    assert set(response.json()) == {"message"}
    assert len(device.tokens["pin"]) >= 43
    assert kinds(device) == {("pin", "")}
    assert event_types()[-1] == "AUTHENTICATOR_REGISTERED"


@pytest.mark.usefixtures("each_kind")
def test_pin_token_authorizes_other_registrations(device):
    assert kinds(device) == {("pin", ""), ("fingerprint", ""), ("custom", "face")}
    assert len(set(device.tokens.values())) == 3


def test_several_custom_authenticators_can_be_registered(device, client):
    assert device.register(client, "custom", authenticator_id="voice").status_code == 201
    assert {("custom", "face"), ("custom", "voice")} < kinds(device)


@pytest.mark.parametrize("name", ["pin", "fingerprint", "face"])
@pytest.mark.usefixtures("each_kind")
def test_repeated_registration_replaces_the_token(device, client, start_challenge, respond, name):
    old = device.tokens[name]
    kind, member = ("custom", {"authenticator_id": name}) if name == "face" else (name, {})
    count = Authenticator.objects.count()
    assert device.register(client, kind, **member).status_code == 201
    assert device.tokens[name] != old
    assert Authenticator.objects.count() == count
    assert respond(start_challenge(kind), name, token=old).status_code == 403


@pytest.mark.parametrize("kind", ["pin", "fingerprint", "custom"])
def test_missing_pin_token_is_rejected_and_not_counted(device, assert_rejected_and_unchanged, kind):
    member = {"authenticator_id": "face"} if kind == "custom" else {}
    assert_rejected_and_unchanged(device, device.registration(kind, **member))


@pytest.mark.parametrize("kind", ["fingerprint", "custom"])
@pytest.mark.parametrize("members", [{}, {"pin_token": "guessed"}])
def test_other_authenticators_require_a_registered_pin(new_device, assert_rejected_and_unchanged, kind, members):
    device = new_device()
    member = {"authenticator_id": "face"} if kind == "custom" else {}
    assert_rejected_and_unchanged(device, device.registration(kind, **member, **members))


@pytest.mark.parametrize("kind", ["pin", "fingerprint", "custom"])
def test_invalid_pin_token_is_counted(device, client, profile_row, kind):
    member = {"authenticator_id": "voice"} if kind == "custom" else {}
    before = kinds(device)
    response = device.register(client, kind, pin_token="wrong", **member)
    assert error_of(response) == (403, "invalid_pin")
    assert (response.json()["used_attempts"], response.json()["max_attempts"]) == (1, 3)
    assert profile_row(device).wrong_pins == 1
    assert kinds(device) == before


def test_valid_pin_token_resets_the_counter(device, client, profile_row):
    for _ in range(2):
        device.register(client, "fingerprint", pin_token="wrong")
    assert profile_row(device).wrong_pins == 2
    assert device.register(client, "fingerprint").status_code == 201
    assert profile_row(device).wrong_pins == 0


def test_registration_at_the_pin_limit_disconnects_the_user(device, client, event_types):
    for _ in range(2):
        assert device.register(client, "fingerprint", pin_token="wrong").status_code == 403
    response = device.register(client, "fingerprint", pin_token="wrong")
    assert error_of(response) == (410, "9003")
    assert event_types()[-1] == "PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED"
    for model in (Device, Profile, Authenticator, PushEnrollment, UsedNonce):
        assert not model.objects.exists()
    assert error_of(device.register(client, "pin")) == (401, "invalid_device_token")


@pytest.mark.parametrize(
    ("kind", "disabled"),
    [
        ("pin", {"pin_enabled": False}),
        ("fingerprint", {"fingerprint_enabled": False}),
        ("custom", {"custom_authenticators": []}),
    ],
)
def test_disabled_authenticator_types_are_rejected(
    device, set_application, assert_rejected_and_unchanged, kind, disabled
):
    set_application(**disabled)
    member = {"authenticator_id": "face"} if kind == "custom" else {}
    assert_rejected_and_unchanged(
        device, device.registration(kind, pin_token=device.tokens["pin"], **member), NOT_ENABLED
    )


def test_custom_registration_requires_the_feature(device, set_feature, assert_rejected_and_unchanged):
    set_feature(custom_authenticators=False)
    message = device.registration("custom", pin_token=device.tokens["pin"], authenticator_id="voice")
    assert_rejected_and_unchanged(device, message, NOT_ENABLED)


@pytest.mark.usefixtures("each_kind")
def test_nonce_is_accepted_once(device, client, assert_rejected_and_unchanged):
    message = device.registration("fingerprint", pin_token=device.tokens["pin"])
    assert device.send_registration(client, message).status_code == 201
    assert_rejected_and_unchanged(device, message)
    repeated = {"nonce": "the same nonce", "pin_token": device.tokens["pin"]}
    assert device.send_registration(client, device.registration("fingerprint", **repeated)).status_code == 201
    assert_rejected_and_unchanged(device, device.registration("custom", authenticator_id="voice", **repeated))


def test_repeated_invalid_pin_token_is_counted_once(device, client, profile_row):
    message = device.registration("fingerprint", pin_token="wrong")
    assert error_of(device.send_registration(client, message)) == (403, "invalid_pin")
    for _ in range(3):
        assert error_of(device.send_registration(client, message)) == INVALID_MESSAGE
    assert profile_row(device).wrong_pins == 1


def test_rejected_message_does_not_consume_its_nonce(device, client):
    members = {"nonce": "the same nonce"}
    assert error_of(device.send_registration(client, device.registration("fingerprint", **members))) == INVALID_MESSAGE
    assert device.register(client, "fingerprint", **members).status_code == 201


def test_profiles_can_use_the_same_nonce(device, new_device, client):
    assert device.register(client, "fingerprint", nonce="the same nonce").status_code == 201
    assert new_device("bert").register(client, "pin", nonce="the same nonce").status_code == 201


def test_used_nonce_is_rejected_for_ten_minutes(new_device, client):
    start = datetime.now(UTC).replace(microsecond=0)
    milliseconds = int(start.timestamp() * 1000)
    device = new_device()
    with time_machine.travel(start, tick=False) as clock:
        ahead = device.registration("pin", nonce="the same nonce", issued_at=milliseconds + 300_000)
        assert device.send_registration(client, ahead).status_code == 201
        Authenticator.objects.all().delete()
        clock.move_to(start + timedelta(minutes=10))
        assert error_of(device.send_registration(client, ahead)) == INVALID_MESSAGE
        clock.move_to(start + timedelta(minutes=10, seconds=1))
        later = device.registration("pin", nonce="the same nonce", issued_at=milliseconds + 600_000)
        assert device.send_registration(client, later).status_code == 201
        assert UsedNonce.objects.count() == 1


@pytest.mark.parametrize(
    ("milliseconds", "status"),
    [(0, 201), (-300_000, 201), (300_000, 201), (-300_001, 400), (300_001, 400), (10**12, 400), (-(10**12), 400)],
)
@pytest.mark.usefixtures("each_kind")
def test_message_time_can_differ_by_five_minutes(new_device, client, milliseconds, status):
    device = new_device()
    with time_machine.travel(datetime.now(UTC).replace(microsecond=0), tick=False):
        issued_at = int(datetime.now(UTC).timestamp() * 1000) + milliseconds
        assert device.send_registration(client, device.registration("pin", issued_at=issued_at)).status_code == status


@pytest.mark.parametrize(
    "members",
    [
        *({"kind": value} for value in (None, "", "face", "PIN", 5, True, [], {}, ["pin"], "\ud800")),
        *({"nonce": value} for value in (None, "", "x" * 7, "x" * 129, 12345678, ["x"] * 8, {}, True)),
        *({"issued_at": value} for value in (None, "", "1", 0, -1, 10**400, 1e300, True, [], {})),
        *({"authenticator_id": value} for value in ("face", 5, [], {}, True)),
        *({"pin_token": value} for value in (5, [], {}, True)),
    ],
    ids=lambda members: ascii(members)[:40],
)
def test_malformed_member_is_rejected_and_not_counted(new_device, assert_rejected_and_unchanged, members):
    device = new_device()
    assert_rejected_and_unchanged(device, device.registration(**{"kind": "pin", **members}))


@pytest.mark.parametrize(
    "value", [None, "", "iris", "FACE", "face ", 5, True, [], ["face"], {}, "\ud800", "\0"], ids=ascii
)
def test_custom_authenticator_id_must_be_in_the_application_list(device, assert_rejected_and_unchanged, value):
    assert_rejected_and_unchanged(
        device, device.registration("custom", pin_token=device.tokens["pin"], authenticator_id=value)
    )


@pytest.mark.parametrize("nonce", ["x" * 8, "x" * 128, "\0" * 8, "é" * 128, "\ud800" * 8], ids=lambda x: ascii(x)[:8])
def test_nonce_can_contain_any_character(new_device, client, nonce):
    assert new_device().register(client, "pin", nonce=nonce).status_code == 201


@pytest.mark.parametrize("token", ["", "\0", "\ud800", "é", "x" * 30_000], ids=lambda x: ascii(x)[:8])
def test_pin_token_with_any_content_is_verified(device, client, token):
    assert error_of(device.register(client, "fingerprint", pin_token=token)) == (403, "invalid_pin")


@pytest.mark.parametrize("body", [{}, {"message": None}, {"message": 5}, {"message": []}, [], "null", "{"])
def test_body_without_a_message_is_rejected(device, client, body):
    path = f"/device/v1/enrollments/{device.profile_id}/authenticators"
    assert error_of(send_json(client, path, body, token=device.device_token)) == (400, "invalid_request")


@pytest.mark.parametrize("message", ["", "x", "x" * 65_537, "x" * 500_000], ids=len)
@pytest.mark.usefixtures("each_kind")
def test_invalid_sealed_message_is_rejected(device, assert_rejected_and_unchanged, message):
    assert_rejected_and_unchanged(device, message)


@pytest.mark.usefixtures("each_kind")
def test_message_of_another_user_is_rejected(device, new_device, client, assert_rejected_and_unchanged):
    bert = new_device("bert")
    assert_rejected_and_unchanged(device, bert.registration("pin"))
    path = f"/device/v1/enrollments/{bert.profile_id}/authenticators"
    response = send_json(client, path, {"message": bert.registration("pin")}, token=device.device_token)
    assert error_of(response) == (404, "invalid_profile")


@pytest.mark.usefixtures("each_kind")
def test_transaction_answer_is_rejected_as_a_registration(device, start_challenge, assert_rejected_and_unchanged):
    assert_rejected_and_unchanged(device, device.sealed_answer(start_challenge(), credential=device.credential("pin")))


def test_disabled_version_cannot_register_authenticators(device, version, assert_rejected_and_unchanged):
    version.status = "disabled"
    version.save()
    assert_rejected_and_unchanged(
        device, device.registration("pin", pin_token=device.tokens["pin"]), (403, "version_not_enabled")
    )


def test_server_stores_only_keyed_hashes_of_tokens(device, caplog):
    caplog.set_level("DEBUG")
    models = [Authenticator, Profile, UsedNonce, Event]
    stored = json.dumps([serializers.serialize("json", model.objects.all()) for model in models])
    for token in device.tokens.values():
        assert token not in stored + caplog.text
    assert all(":" in each for each in Authenticator.objects.values_list("token_hash", flat=True))


def test_repeated_enrollment_removes_authenticators_and_resets_the_counter(device, client, enroll, profile_row):
    device.register(client, "fingerprint", pin_token="wrong")
    repeated = TokenDevice(device_id=device.device_id, device_token=device.device_token)
    enroll("anna", push_token="", device=repeated)
    assert kinds(repeated) == set()
    assert profile_row(repeated).wrong_pins == 0
    assert repeated.register(client, "pin").status_code == 201


def test_enrollment_of_another_user_keeps_authenticators(device, enroll, client):
    bert = TokenDevice(device_id=device.device_id, device_token=device.device_token)
    enroll("bert", push_token="", device=bert)
    assert len(kinds(device)) == 3
    other = factories.ApplicationVersionFactory()
    assert enroll("anna", push_token="", version=other).device_id != device.device_id
    assert len(kinds(device)) == 3
