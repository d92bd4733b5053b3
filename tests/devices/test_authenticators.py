"""A device registers, replaces and loses authenticators; the server keeps the keyed hashes of their tokens."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import serializers

from apps.enrollment.models import Authenticator, Device, Profile, PushEnrollment, UsedNonce
from apps.events.models import Event
from tests import factories
from tests.api.calls import error_of, send_json
from tests.devices.conftest import Phone

INVALID_MESSAGE = (400, "invalid_message")
NOT_ENABLED = (403, "authenticator_not_enabled")


def kinds(device):
    return set(
        Authenticator.objects.filter(profile__device__device_id=device.device_id).values_list(
            "type", "authenticator_id"
        )
    )


@pytest.fixture
def costs_nothing(client, profile_row):
    """Send what must be refused; nothing is counted, and nothing changes."""

    def run(phone, message, expected=INVALID_MESSAGE):
        before = list(Authenticator.objects.order_by("pk").values())
        assert error_of(phone.send_registration(client, message)) == expected
        assert profile_row(phone).wrong_pins == 0
        assert list(Authenticator.objects.order_by("pk").values()) == before

    return run


def test_a_first_pin_needs_no_other_proof(bare_phone, client, event_types):
    phone = bare_phone()
    answer = phone.register(client, "pin")
    assert answer.status_code == 201
    assert set(answer.json()) == {"message"}
    assert len(phone.tokens["pin"]) >= 43
    assert kinds(phone) == {("pin", "")}
    assert event_types()[-1] == "AUTHENTICATOR_REGISTERED"


def test_with_the_pin_everything_else_is_registered(phone):
    assert kinds(phone) == {("pin", ""), ("fingerprint", ""), ("custom", "face")}
    assert len(set(phone.tokens.values())) == 3


def test_several_custom_authenticators_stand_side_by_side(phone, client):
    assert phone.register(client, "custom", authenticator_id="voice").status_code == 201
    assert {("custom", "face"), ("custom", "voice")} < kinds(phone)


@pytest.mark.parametrize("name", ["pin", "fingerprint", "face"])
def test_registering_again_replaces_the_token(phone, client, ask, respond, name):
    old = phone.tokens[name]
    kind, member = ("custom", {"authenticator_id": name}) if name == "face" else (name, {})
    count = Authenticator.objects.count()
    assert phone.register(client, kind, **member).status_code == 201
    assert phone.tokens[name] != old
    assert Authenticator.objects.count() == count
    assert respond(ask(kind), name, token=old).status_code == 403


@pytest.mark.parametrize("kind", ["pin", "fingerprint", "custom"])
def test_a_missing_pin_token_is_refused_and_free(phone, costs_nothing, kind):
    member = {"authenticator_id": "face"} if kind == "custom" else {}
    costs_nothing(phone, phone.registration(kind, **member))


@pytest.mark.parametrize("kind", ["fingerprint", "custom"])
@pytest.mark.parametrize("members", [{}, {"pin_token": "guessed"}])
def test_without_a_pin_nothing_else_can_be_registered(bare_phone, costs_nothing, kind, members):
    phone = bare_phone()
    member = {"authenticator_id": "face"} if kind == "custom" else {}
    costs_nothing(phone, phone.registration(kind, **member, **members))


@pytest.mark.parametrize("kind", ["pin", "fingerprint", "custom"])
def test_a_wrong_pin_token_is_counted(phone, client, profile_row, kind):
    member = {"authenticator_id": "voice"} if kind == "custom" else {}
    before = kinds(phone)
    answer = phone.register(client, kind, pin_token="wrong", **member)
    assert error_of(answer) == (403, "invalid_pin")
    assert (answer.json()["used_attempts"], answer.json()["max_attempts"]) == (1, 3)
    assert profile_row(phone).wrong_pins == 1
    assert kinds(phone) == before


def test_a_right_pin_token_resets_the_count(phone, client, profile_row):
    for _ in range(2):
        phone.register(client, "fingerprint", pin_token="wrong")
    assert profile_row(phone).wrong_pins == 2
    assert phone.register(client, "fingerprint").status_code == 201
    assert profile_row(phone).wrong_pins == 0


def test_at_the_limit_the_user_is_disconnected(phone, client, event_types):
    for _ in range(2):
        assert phone.register(client, "fingerprint", pin_token="wrong").status_code == 403
    answer = phone.register(client, "fingerprint", pin_token="wrong")
    assert error_of(answer) == (410, "9003")
    assert event_types()[-1] == "PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED"
    for model in (Device, Profile, Authenticator, PushEnrollment, UsedNonce):
        assert not model.objects.exists()
    assert error_of(phone.register(client, "pin")) == (401, "invalid_device_token")


@pytest.mark.parametrize(
    ("kind", "off"),
    [
        ("pin", {"pin_enabled": False}),
        ("fingerprint", {"fingerprint_enabled": False}),
        ("custom", {"custom_authenticators": []}),
    ],
)
def test_a_kind_that_the_application_does_not_have_on_is_refused(phone, set_application, costs_nothing, kind, off):
    set_application(**off)
    member = {"authenticator_id": "face"} if kind == "custom" else {}
    costs_nothing(phone, phone.registration(kind, pin_token=phone.tokens["pin"], **member), NOT_ENABLED)


def test_without_the_feature_no_custom_authenticator_is_registered(phone, set_feature, costs_nothing):
    set_feature(custom_authenticators=False)
    message = phone.registration("custom", pin_token=phone.tokens["pin"], authenticator_id="voice")
    costs_nothing(phone, message, NOT_ENABLED)


def test_a_nonce_is_taken_once(phone, client, costs_nothing):
    message = phone.registration("fingerprint", pin_token=phone.tokens["pin"])
    assert phone.send_registration(client, message).status_code == 201
    costs_nothing(phone, message)
    again = {"nonce": "the same nonce", "pin_token": phone.tokens["pin"]}
    assert phone.send_registration(client, phone.registration("fingerprint", **again)).status_code == 201
    costs_nothing(phone, phone.registration("custom", authenticator_id="voice", **again))


def test_a_repeated_wrong_pin_token_is_counted_once(phone, client, profile_row):
    message = phone.registration("fingerprint", pin_token="wrong")
    assert error_of(phone.send_registration(client, message)) == (403, "invalid_pin")
    for _ in range(3):
        assert error_of(phone.send_registration(client, message)) == INVALID_MESSAGE
    assert profile_row(phone).wrong_pins == 1


def test_a_refused_message_does_not_use_up_its_nonce(phone, client):
    members = {"nonce": "the same nonce"}
    assert error_of(phone.send_registration(client, phone.registration("fingerprint", **members))) == INVALID_MESSAGE
    assert phone.register(client, "fingerprint", **members).status_code == 201


def test_another_profile_may_use_the_same_nonce(phone, bare_phone, client):
    assert phone.register(client, "fingerprint", nonce="the same nonce").status_code == 201
    assert bare_phone("bert").register(client, "pin", nonce="the same nonce").status_code == 201


def test_a_nonce_is_refused_for_ten_minutes_to_the_last_moment(bare_phone, client):
    start = datetime.now(UTC).replace(microsecond=0)
    milliseconds = int(start.timestamp() * 1000)
    phone = bare_phone()
    with time_machine.travel(start, tick=False) as clock:
        ahead = phone.registration("pin", nonce="the same nonce", issued_at=milliseconds + 300_000)
        assert phone.send_registration(client, ahead).status_code == 201
        Authenticator.objects.all().delete()
        clock.move_to(start + timedelta(minutes=10))
        assert error_of(phone.send_registration(client, ahead)) == INVALID_MESSAGE
        clock.move_to(start + timedelta(minutes=10, seconds=1))
        later = phone.registration("pin", nonce="the same nonce", issued_at=milliseconds + 600_000)
        assert phone.send_registration(client, later).status_code == 201
        assert UsedNonce.objects.count() == 1


@pytest.mark.parametrize(
    ("milliseconds", "status"),
    [(0, 201), (-300_000, 201), (300_000, 201), (-300_001, 400), (300_001, 400), (10**12, 400), (-(10**12), 400)],
)
def test_a_message_may_be_five_minutes_off_either_way(bare_phone, client, milliseconds, status):
    phone = bare_phone()
    with time_machine.travel(datetime.now(UTC).replace(microsecond=0), tick=False):
        issued_at = int(datetime.now(UTC).timestamp() * 1000) + milliseconds
        assert phone.send_registration(client, phone.registration("pin", issued_at=issued_at)).status_code == status


@pytest.mark.parametrize(
    "members",
    [
        *({"type": value} for value in (None, "", "face", "PIN", 5, True, [], {}, ["pin"], "\ud800")),
        *({"nonce": value} for value in (None, "", "x" * 7, "x" * 129, 12345678, ["x"] * 8, {}, True)),
        *({"issued_at": value} for value in (None, "", "1", 0, -1, 10**400, 1e300, True, [], {})),
        *({"authenticator_id": value} for value in ("face", 5, [], {}, True)),
        *({"pin_token": value} for value in (5, [], {}, True)),
    ],
    ids=lambda members: ascii(members)[:40],
)
def test_a_malformed_member_is_refused_and_free(bare_phone, costs_nothing, members):
    phone = bare_phone()
    kind = members.pop("type", "pin") if "type" in members else "pin"
    costs_nothing(phone, phone.registration(kind, **members))


@pytest.mark.parametrize(
    "value", [None, "", "iris", "FACE", "face ", 5, True, [], ["face"], {}, "\ud800", "\0"], ids=ascii
)
def test_a_custom_authenticator_has_an_id_of_the_applications_list(phone, costs_nothing, value):
    costs_nothing(phone, phone.registration("custom", pin_token=phone.tokens["pin"], authenticator_id=value))


@pytest.mark.parametrize("nonce", ["x" * 8, "x" * 128, "\0" * 8, "é" * 128, "\ud800" * 8], ids=lambda x: ascii(x)[:8])
def test_a_nonce_may_hold_any_character(bare_phone, client, nonce):
    assert bare_phone().register(client, "pin", nonce=nonce).status_code == 201


@pytest.mark.parametrize("token", ["", "\0", "\ud800", "é", "x" * 40_000], ids=lambda x: ascii(x)[:8])
def test_a_pin_token_that_holds_anything_is_as_wrong_as_any_other(phone, client, token):
    assert error_of(phone.register(client, "fingerprint", pin_token=token)) == (403, "invalid_pin")


@pytest.mark.parametrize("body", [{}, {"message": None}, {"message": 5}, {"message": []}, [], "null", "{"])
def test_a_body_without_a_message_is_malformed(phone, client, body):
    path = f"/device/v1/enrollments/{phone.profile_id}/authenticators"
    assert error_of(send_json(client, path, body, token=phone.device_token)) == (400, "invalid_request")


@pytest.mark.parametrize("message", ["", "x", "x" * 65_537, "x" * 500_000], ids=len)
def test_what_is_no_sealed_message_is_refused(phone, costs_nothing, message):
    costs_nothing(phone, message)


def test_a_message_of_another_user_is_refused(phone, bare_phone, client, costs_nothing):
    bert = bare_phone("bert")
    costs_nothing(phone, bert.registration("pin"))
    path = f"/device/v1/enrollments/{bert.profile_id}/authenticators"
    answer = send_json(client, path, {"message": bert.registration("pin")}, token=phone.device_token)
    assert error_of(answer) == (404, "invalid_profile")


def test_an_answer_of_a_transaction_registers_nothing(phone, ask, costs_nothing):
    costs_nothing(phone, phone.sealed_answer(ask(), credential=phone.credential("pin")))


def test_a_disabled_version_registers_nothing(phone, version, costs_nothing):
    version.status = "disabled"
    version.save()
    costs_nothing(phone, phone.registration("pin", pin_token=phone.tokens["pin"]), (403, "version_not_enabled"))


def test_the_server_keeps_keyed_hashes_only(phone, caplog):
    caplog.set_level("DEBUG")
    models = [Authenticator, Profile, UsedNonce, Event]
    stored = json.dumps([serializers.serialize("json", model.objects.all()) for model in models])
    for token in phone.tokens.values():
        assert token not in stored + caplog.text
    assert all(":" in each for each in Authenticator.objects.values_list("token_hash", flat=True))


def test_a_new_enrolment_of_the_user_drops_authenticators_and_the_count(phone, client, enroll, profile_row):
    phone.register(client, "fingerprint", pin_token="wrong")
    again = Phone(device_id=phone.device_id, device_token=phone.device_token)
    enroll("anna", push_token="", device=again)
    assert kinds(again) == set()
    assert profile_row(again).wrong_pins == 0
    assert again.register(client, "pin").status_code == 201


def test_of_another_user_on_the_device_a_new_enrolment_takes_nothing(phone, enroll, client):
    bert = Phone(device_id=phone.device_id, device_token=phone.device_token)
    enroll("bert", push_token="", device=bert)
    assert len(kinds(phone)) == 3
    other = factories.ApplicationVersionFactory()
    assert enroll("anna", push_token="", version=other).device_id != phone.device_id
    assert len(kinds(phone)) == 3
