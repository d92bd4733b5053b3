"""Enrolment of the key of a user with an enrolment code."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.enrollment.models import Device, EnrollmentCode, Profile, ServerKey
from tests import factories
from tests.api.calls import ENROLLMENTS, assert_not_cacheable, error_of, send_json
from tests.conftest import TestDevice

pytestmark = pytest.mark.usefixtures("each_kind")

INVALID_CODE = (404, "invalid_enrollment_code")


@pytest.fixture
def send(client):
    return lambda body, token="": send_json(client, ENROLLMENTS, body, token=token)


def assert_nothing_is_enrolled():
    assert not Device.objects.exists()
    assert not Profile.objects.exists()


def test_new_device_gets_ids_token_and_server_key(send, enrollment_body, new_code, event_types):
    response = send(enrollment_body(new_code(), device_model="Pixel 9", os_version="16"))
    enrolled = response.json()
    assert response.status_code == 201
    assert_not_cacheable(response)
    assert set(enrolled) == {"device_id", "profile_id", "device_token", "server_public_key"}
    assert re.fullmatch(r"[0-9A-F]{64}", enrolled["device_id"])
    assert re.fullmatch(r"[A-Z0-9]{6}", enrolled["profile_id"])
    assert len(enrolled["device_token"]) >= 43
    assert enrolled["server_public_key"].startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert event_types()[-1] == "KEY_ENROLLMENT_SUCCESS"


def test_enrollment_code_is_single_use(send, enrollment_body, new_code, event_types):
    code = new_code()
    assert send(enrollment_body(code)).status_code == 201
    assert error_of(send(enrollment_body(code))) == INVALID_CODE
    assert event_types()[-1] == "KEY_ENROLLMENT_FAILURE_INVALID_ENROLLMENT_CODE"
    assert Device.objects.count() == 1


@pytest.mark.parametrize(("seconds", "expected"), [(599, 201), (600, 404), (86_400, 404)])
def test_enrollment_code_expires_after_ten_minutes(send, enrollment_body, new_code, seconds, expected):
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        code = new_code()
        clock.move_to(start + timedelta(seconds=seconds))
        assert send(enrollment_body(code)).status_code == expected


TYPED_CODE = "0123-4567-1B0E-9A7D-ZVWX-YKMN"


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        (TYPED_CODE, TYPED_CODE),
        (TYPED_CODE, TYPED_CODE.lower()),
        (TYPED_CODE, TYPED_CODE.replace("-", "")),
        (TYPED_CODE, " o123 4567\u2013lBOE - 9a7d ZVWX\u00a0ykmn "),
        (TYPED_CODE, "OI23-4567-iboe-9a7d-zvwx-ykmn"),
        ("9f6c1c7be50a4c83a9de50ba6c71d2e4", "9f6c1c7be50a4c83a9de50ba6c71d2e4"),
    ],
)
def test_typed_code_is_accepted_in_every_form(send, enrollment_body, new_code, monkeypatch, stored, typed):
    monkeypatch.setattr("apps.common.codes.enrollment_code", lambda: stored)
    new_code()
    assert send(enrollment_body(typed)).status_code == 201


@pytest.mark.parametrize(
    "code", ["wrong", "é", "x" * 100, "-", TYPED_CODE[:-1], TYPED_CODE[:-1] + "P", TYPED_CODE.replace("V", "U")]
)
def test_wrong_enrollment_code_is_rejected(send, enrollment_body, new_code, monkeypatch, code):
    monkeypatch.setattr("apps.common.codes.enrollment_code", lambda: TYPED_CODE)
    new_code()
    assert error_of(send(enrollment_body(code))) == INVALID_CODE
    assert_nothing_is_enrolled()


def test_code_of_another_application_is_rejected_and_stays_valid(send, enrollment_body, new_code):
    other = factories.ApplicationVersionFactory()
    code = new_code()
    assert error_of(send(enrollment_body(code, application_id=other.application.identifier))) == INVALID_CODE
    assert send(enrollment_body(code)).status_code == 201


@pytest.mark.parametrize(
    "changes", [{"app_version": "9.9.9"}, {"platform": "ios"}, {"status": "disabled"}, {"status": "login_only"}]
)
def test_disabled_version_cannot_enroll_and_the_code_stays_valid(
    send, enrollment_body, new_code, version, changes, event_types
):
    version.status = changes.get("status", "enabled")
    version.save()
    code = new_code()
    members = {name: value for name, value in changes.items() if name != "status"}
    assert error_of(send(enrollment_body(code, **members))) == (403, "version_not_enabled")
    assert event_types()[-1] == "KEY_ENROLLMENT_FAILURE_VERSION_NOT_ENABLED"
    assert_nothing_is_enrolled()
    version.status = "enabled"
    version.save()
    assert send(enrollment_body(code)).status_code == 201


def test_disabled_enrollment_rejects_and_the_code_stays_valid(send, enrollment_body, new_code, switch, event_types):
    switch(enrollment_enabled=False)
    code = new_code()
    assert error_of(send(enrollment_body(code))) == (403, "9017")
    assert event_types()[-1] == "KEY_ENROLLMENT_FAILURE_FEATURE_DISABLED"
    assert_nothing_is_enrolled()
    switch(enrollment_enabled=True)
    assert send(enrollment_body(code)).status_code == 201


def test_second_user_of_a_device_gets_a_profile(enroll, client):
    device = enroll("anna", push_token="")
    first = device.profile_id
    token = device.device_token
    enroll("bert", push_token="", device=device)
    assert Device.objects.count() == 1
    assert set(Profile.objects.values_list("user_id", "profile_id")) == {("anna", first), ("bert", device.profile_id)}
    assert device.device_token == token


def test_repeated_enrollment_replaces_keys_and_keeps_the_profile_id(enroll, profile_row):
    device = enroll("anna", push_token="")
    before = profile_row(device)
    again = TestDevice("", device_id=device.device_id, device_token=device.device_token)
    enroll("anna", push_token="", device=again)
    after = profile_row(again)
    assert (after.pk, after.profile_id) == (before.pk, before.profile_id)
    assert after.fingerprint != before.fingerprint


def test_only_the_new_key_can_answer_after_a_repeated_enrollment(enroll, portal, mobile_type):
    old = enroll("anna")
    started = portal.start(mobile_type, old).json()["transaction_id"]
    new = TestDevice("", device_id=old.device_id, device_token=old.device_token)
    enroll("anna", push_token="", device=new)
    challenge = new.fetch(started)
    assert error_of(_answer(old, challenge)) == (400, "invalid_message")
    assert new.answer(challenge, approve=True) == "authenticated"


def _answer(device, challenge):
    sealed = device.seal(
        {"transaction_id": challenge["transaction_id"], "token": challenge["token"], "authenticated": True}
    )
    path = f"/device/v1/transactions/{challenge['transaction_id']}/answer"
    return send_json(device.client, path, {"message": sealed}, token=device.device_token)


def test_device_token_of_another_application_is_rejected(send, enroll, enrollment_body, new_code):
    other = factories.ApplicationVersionFactory()
    device = enroll("anna", push_token="")
    body = enrollment_body(new_code(version=other), application_id=other.application.identifier)
    assert error_of(send(body, device.device_token)) == INVALID_CODE
    assert Profile.objects.count() == 1


@pytest.mark.parametrize("token", ["unknown", "ÿþ", "a" * 5000])
def test_unknown_device_token_is_rejected_and_the_code_stays_valid(send, enrollment_body, new_code, token):
    code = new_code()
    assert error_of(send(enrollment_body(code), token)) == (401, "invalid_device_token")
    assert send(enrollment_body(code)).status_code == 201


def test_server_key_is_shared_unless_configured_per_enrollment(enroll, switch):
    first = enroll("anna", push_token="")
    assert enroll("bert", push_token="").server_public_key == first.server_public_key
    switch(unique_pgp_keys_per_enrollment=True)
    own = enroll("carl", push_token="")
    assert own.server_public_key != first.server_public_key
    assert ServerKey.objects.count() == 2


def test_device_with_its_own_server_key_can_answer(enroll, switch, portal, mobile_type):
    switch(unique_pgp_keys_per_enrollment=True)
    enroll("anna")
    device = enroll("bert")
    started = portal.start(mobile_type, device, user_id="bert").json()["transaction_id"]
    assert device.answer(device.fetch(started), approve=True) == "authenticated"


MEMBERS = ["enrollment_code", "public_key", "application_id", "platform", "app_version", "device_name"]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("value", [None, "", 5, True, [], {}, ["x"], "a\0b", "\ud800"], ids=repr)
def test_missing_or_non_text_member_is_named(send, enrollment_body, new_code, member, value):
    code = new_code()
    response = send(enrollment_body(code, **{member: value}))
    assert error_of(response) == (400, "invalid_request")
    assert member in response.json()["error_description"]
    assert_nothing_is_enrolled()
    assert EnrollmentCode.objects.get().used_at is None


@pytest.mark.parametrize(
    ("member", "limit"),
    [("application_id", 100), ("app_version", 50), ("device_name", 100), ("device_model", 100), ("os_version", 50)],
)
def test_too_long_member_is_named(send, enrollment_body, new_code, member, limit):
    response = send(enrollment_body(new_code(), **{member: "x" * (limit + 1)}))
    assert error_of(response) == (400, "invalid_request")
    assert member in response.json()["error_description"]


def test_unknown_platform_is_rejected(send, enrollment_body, new_code):
    assert error_of(send(enrollment_body(new_code(), platform="windows"))) == (400, "invalid_request")


def test_names_at_their_limit_are_stored_completely(send, enrollment_body, new_code):
    names = {"device_name": "漢" * 100, "device_model": "😀" * 100, "os_version": "é" * 50}
    assert send(enrollment_body(new_code(), **names)).status_code == 201
    device = Device.objects.get()
    assert (device.name, device.model, device.os_version) == tuple(names.values())
