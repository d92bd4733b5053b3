"""A profile is made reachable by push, by the rules of the push enrolment mode."""

import json

import pytest

from apps.enrollment.models import PushEnrollment
from apps.events.models import Event
from tests import factories
from tests.api.calls import error_of, push_path, send_json
from tests.conftest import TestDevice


@pytest.fixture
def enroll_push(client):
    """Send a push token for a device's profile."""

    def run(device, push_token, **changes):
        values = {"profile_id": device.profile_id, "token": device.device_token, **changes}
        return send_json(
            client, push_path(values["profile_id"]), {"push_token": push_token}, method="PUT", token=values["token"]
        )

    return run


@pytest.fixture
def keys_only(enroll):
    """Enrol a device without push."""
    return lambda user_id="anna", **options: enroll(user_id, push_token="", **options)


def reachable():
    return set(PushEnrollment.objects.values_list("profile__user_id", "profile__device__device_id"))


def test_push_token_makes_a_profile_reachable(enroll_push, keys_only, portal, mobile_type, event_types):
    device = keys_only()
    response = enroll_push(device, "token-1")
    assert (response.status_code, response.content) == (204, b"")
    assert event_types()[-1] == "PUSH_ENROLLMENT_SUCCESS"
    assert portal.start(mobile_type, device).status_code == 200


def test_new_push_token_replaces_the_old_one(enroll_push, keys_only):
    device = keys_only()
    for token in ("token-1", "token-2", "token-2"):
        assert enroll_push(device, token).status_code == 204
    assert PushEnrollment.objects.get().token == "token-2"


def test_two_profiles_of_one_device_share_its_token(enroll_push, keys_only):
    anna = keys_only()
    bert = TestDevice("", device_id=anna.device_id, device_token=anna.device_token)
    keys_only("bert", device=bert)
    assert enroll_push(anna, "token-1").status_code == 204
    assert enroll_push(bert, "token-1").status_code == 204
    assert PushEnrollment.objects.count() == 2


def test_token_in_use_by_another_device_is_rejected(enroll_push, keys_only, event_types):
    anna, bert = keys_only(), keys_only("bert")
    enroll_push(anna, "token-1")
    assert error_of(enroll_push(bert, "token-1")) == (409, "9016")
    assert event_types()[-1] == "PUSH_ENROLLMENT_FAILURE_EXISTING_PUSH_TOKEN"
    assert reachable() == {("anna", anna.device_id)}


def test_single_device_mode_rejects_the_second_device(enroll_push, keys_only, switch, event_types):
    switch(push_enrollment_mode="single_device")
    first, second = keys_only(), keys_only()
    enroll_push(first, "token-1")
    assert error_of(enroll_push(second, "token-2")) == (409, "9018")
    assert event_types()[-1] == "PUSH_ENROLLMENT_FAILURE_USER_ALREADY_ENROLLED"
    assert reachable() == {("anna", first.device_id)}
    assert enroll_push(first, "token-3").status_code == 204


def test_override_mode_removes_the_first_device_with_an_event(enroll_push, keys_only, switch, event_types):
    switch(push_enrollment_mode="override_allowed")
    first, second = keys_only(), keys_only()
    enroll_push(first, "token-1")
    assert enroll_push(second, "token-2").status_code == 204
    assert event_types()[-2:] == ["PUSH_ENROLLMENT_DROP_EXISTING_PUSH_ENROLLMENT", "PUSH_ENROLLMENT_SUCCESS"]
    assert reachable() == {("anna", second.device_id)}


def test_multiple_devices_mode_keeps_both(enroll_push, keys_only, switch):
    switch(push_enrollment_mode="multiple_devices")
    first, second = keys_only(), keys_only()
    enroll_push(first, "token-1")
    assert enroll_push(second, "token-2").status_code == 204
    assert reachable() == {("anna", first.device_id), ("anna", second.device_id)}


@pytest.mark.parametrize("mode", ["single_device", "override_allowed"])
def test_another_application_does_not_count(enroll_push, keys_only, switch, mode):
    switch(push_enrollment_mode=mode)
    first = keys_only()
    other = keys_only(version=factories.ApplicationVersionFactory())
    enroll_push(first, "token-1")
    assert enroll_push(other, "token-2").status_code == 204
    assert len(reachable()) == 2


@pytest.mark.parametrize("mode", ["single_device", "override_allowed"])
def test_another_user_does_not_count(enroll_push, keys_only, switch, mode):
    switch(push_enrollment_mode=mode)
    enroll_push(keys_only("anna"), "token-1")
    assert enroll_push(keys_only("bert"), "token-2").status_code == 204
    assert len(reachable()) == 2


@pytest.mark.parametrize("off", ["enrollment_enabled", "push_enrollment_enabled"])
def test_disabled_push_enrollment_is_rejected(enroll_push, keys_only, switch, event_types, off):
    device = keys_only()
    switch(**{off: False})
    assert error_of(enroll_push(device, "token-1")) == (403, "9017")
    assert event_types()[-1] == "PUSH_ENROLLMENT_FAILURE_FEATURE_DISABLED"


def test_push_enrollment_requires_a_push_configuration(enroll_push, keys_only, version):
    device = keys_only()
    version.push_messaging_configuration = None
    version.save()
    assert error_of(enroll_push(device, "token-1")) == (403, "9017")


def test_disabled_version_can_unenroll_but_not_enroll_for_push(enroll_push, keys_only, version):
    device = keys_only()
    version.status = "disabled"
    version.save()
    assert error_of(enroll_push(device, "token-1")) == (403, "version_not_enabled")
    assert device.pending() == []
    device.call("DELETE", f"/device/v1/enrollments/{device.profile_id}")


def test_login_only_version_can_enroll_for_push(enroll_push, keys_only, version):
    device = keys_only()
    version.status = "login_only"
    version.save()
    assert enroll_push(device, "token-1").status_code == 204


def event_facts(event_type):
    return list(Event.objects.filter(event_type=event_type).values_list("user_id", "app_name", "details"))


def test_profile_of_another_device_is_rejected_with_an_event(enroll_push, keys_only, version):
    anna, bert = keys_only(), keys_only("bert")
    facts = {"device_id": anna.device_id, "reason": "invalid_profile"}
    refusal = ("", version.application.name, facts)
    for number, profile_id in enumerate([bert.profile_id, "ZZZZZZ"], 1):
        assert error_of(enroll_push(anna, "token-1", profile_id=profile_id)) == (404, "invalid_profile")
        assert event_facts("PUSH_ENROLLMENT_FAILURE_KEYS_NOT_EXCHANGED") == [refusal] * number
    assert reachable() == set()


def test_unenrolled_user_of_a_shared_device_cannot_enroll_for_push(enroll_push, keys_only, event_types):
    anna = keys_only()
    bert = TestDevice("", device_id=anna.device_id, device_token=anna.device_token)
    keys_only("bert", device=bert)
    anna.call("DELETE", f"/device/v1/enrollments/{anna.profile_id}")
    assert error_of(enroll_push(anna, "token-1")) == (404, "invalid_profile")
    assert event_types()[-1] == "PUSH_ENROLLMENT_FAILURE_KEYS_NOT_EXCHANGED"
    assert enroll_push(bert, "token-1").status_code == 204


@pytest.mark.parametrize("profile_id", ["", "ZZZZZZ", "%00", "%ff", "é", "a" * 300])
def test_unknown_profile_is_rejected(enroll_push, keys_only, profile_id):
    status, error = error_of(enroll_push(keys_only(), "token-1", profile_id=profile_id))
    assert (status, error) in [(404, "invalid_profile"), (404, "not_found")]


def test_profile_of_another_device_is_rejected(enroll_push, keys_only):
    anna, bert = keys_only(), keys_only("bert")
    response = enroll_push(anna, "token-1", profile_id=bert.profile_id)
    assert error_of(response) == (404, "invalid_profile")


def test_device_cannot_remove_the_profile_of_another_device(client, keys_only):
    anna, bert = keys_only(), keys_only("bert")
    response = client.delete(
        f"/device/v1/enrollments/{bert.profile_id}", headers={"Authorization": f"Bearer {anna.device_token}"}
    )
    assert error_of(response) == (404, "invalid_profile")
    assert bert.pending() == []


def test_device_token_is_invalid_after_the_last_profile(client, keys_only):
    anna = keys_only()
    bert = TestDevice("", device_id=anna.device_id, device_token=anna.device_token)
    keys_only("bert", device=bert)
    anna.call("DELETE", f"/device/v1/enrollments/{anna.profile_id}")
    assert bert.pending() == []
    bert.call("DELETE", f"/device/v1/enrollments/{bert.profile_id}")
    response = client.get("/device/v1/transactions", headers={"Authorization": f"Bearer {bert.device_token}"})
    assert error_of(response) == (401, "invalid_device_token")


@pytest.mark.parametrize("token", ["", "unknown", "ÿþ", "a" * 10_000])
def test_push_enrollment_requires_a_valid_device_token(client, keys_only, enroll_push, token):
    response = enroll_push(keys_only(), "token-1", token=token)
    assert error_of(response) == (401, "invalid_device_token")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("value", [None, "", " ", 5, True, [], {}, "a\0b", "t" * 4097, "\ud800"], ids=ascii)
def test_malformed_push_token_is_rejected(client, keys_only, value):
    device = keys_only()
    body = {} if value is None else {"push_token": value}
    response = send_json(client, push_path(device.profile_id), body, method="PUT", token=device.device_token)
    assert error_of(response) == (400, "invalid_request")
    assert "push_token" in response.json()["error_description"]


def test_push_token_is_stored_encrypted(enroll_push, keys_only):
    enroll_push(keys_only(), "recognisable-token")
    stored = json.dumps(list(PushEnrollment.objects.values()), default=str)
    assert "recognisable-token" not in stored
