"""Percent-encoded ids in paths, with any character."""

from urllib.parse import quote

import pytest
from django.test import Client

from apps.enrollment.models import Profile
from tests import factories
from tests.api.calls import CODES, INITIATE, error_of, post_form
from tests.conftest import TestDevice

USER_IDS = ["/", "a/b", "a//b/", "%2F", "%", "100%25", "a+b c", "..", ".", "a?b#c;d=e&f", "é€😀", "a@b.c:d", "\n\\"]
PHONE_NUMBER = "+31612345678"


class TargetClient(Client):
    """Client of a server that adds the undecoded request target to the environment."""

    def generic(self, method, path, *args, **extra):
        return super().generic(method, path, *args, **{"RAW_URI": path, **extra})


@pytest.fixture
def client():
    return TargetClient()


@pytest.fixture
def user(client, portal, version):
    """Enrol the user of an id, with a code from the user API."""

    def run(user_id):
        path, application = CODES.format(user_id=quote(user_id, safe="")), version.application.identifier
        response = post_form(client, path, {"application_id": application}, Authorization=portal.authorization)
        device = TestDevice("")
        device.client = client
        device.enroll(
            response.json()["enrollment_code"],
            application_id=application,
            platform=version.platform,
            app_version=version.version,
            device_name="Phone",
        )
        device.enroll_push("push-token")
        return device

    return run


@pytest.fixture
def devices(client, portal):
    def call(method, user_id, rest=""):
        path = f"/oauth/api/v4/users/{user_id}/devices{rest}"
        return client.generic(method, path, headers={"Authorization": portal.authorization})

    return call


@pytest.mark.parametrize("user_id", USER_IDS)
def test_user_id_of_any_characters_works_in_every_endpoint(portal, user, devices, user_id):
    device, encoded = user(user_id), quote(user_id, safe="")
    push, sms = factories.TypeFactory(name="push"), factories.TypeFactory(name="sms", method="sms", max_resends=1)
    base = f"{INITIATE}/{encoded}"

    assert portal.get(f"{base}/device/{device.device_id}/enabled").json() == {"enabled": ["push", "sms"]}
    assert [one["type"] for one in portal.get(f"{base}/enabled").json()["enabled"]] == ["push", "sms"]
    old = "/oauth/api/v3/authenticate/user"
    application = Profile.objects.get().device.version.application.identifier
    assert portal.get(f"{old}/{encoded}/application/{application}/enabled").json() == {"enabled": ["push", "sms"]}
    names = portal.get(f"/oauth/api/v2/authenticate/user/{encoded}/enabled/types")
    assert names.json() == {"enabled": ["push", "sms"]}
    assert portal.start(push, device, user_id=user_id).json()["auth_method"] == "push"

    started = portal.start(sms, device, user_id=user_id, phone_number=PHONE_NUMBER).json()["transaction_id"]
    wrong = portal.post(f"{base}/sms", {"transaction_id": started, "sms_code": "wrong"})
    assert error_of(wrong) == (404, "3003")
    assert portal.post(f"{base}/sms/resend", {"transaction_id": started}).status_code == 204

    assert devices("GET", encoded).json()["devices"][0]["pushAuthenticationEnabled"] is True
    assert devices("POST", encoded, f"/{device.device_id}/disablePushAuthentication").status_code == 204
    assert devices("GET", encoded).json()["devices"][0]["pushAuthenticationEnabled"] is False
    events = portal.get(f"/oauth/api/v1/events?user_id={encoded}&event_type=PUSH_ENROLLMENT_SUCCESS").json()
    assert [event["user_id"] for event in events["result_set"]] == [user_id]
    assert devices("DELETE", encoded, f"/{device.device_id}").status_code == 204
    assert devices("GET", encoded).status_code == 404


def test_path_is_decoded_once(user, devices):
    user("%2F")
    assert devices("GET", "%252F").status_code == 200
    assert devices("GET", "%2F").status_code == 404
    assert devices("GET", "%25252F").status_code == 404


@pytest.mark.parametrize("segment", ["%00", "anna%00", "%ff", "%C3%28", "%ED%A0%80"])
def test_undecodable_segment_is_an_unknown_user(client, portal, user, devices, segment):
    user("anna")
    assert portal.get(f"{INITIATE}/{segment}/enabled").json() == {"enabled": []}
    assert portal.get(f"{INITIATE}/{segment}/device/{segment}/enabled").json() == {"enabled": []}
    assert (devices("GET", segment).status_code, devices("DELETE", segment).status_code) == (404, 204)
    code = post_form(client, CODES.format(user_id=segment), {"application_id": "x"}, Authorization=portal.authorization)
    assert code.status_code == 400
    assert Profile.objects.get().user_id == "anna"


def test_device_id_with_a_slash_is_an_unknown_device(user, devices):
    device = user("anna")
    for device_id in (quote(f"x/{device.device_id}", safe=""), f"{device.device_id}%2Fx"):
        assert devices("DELETE", "anna", f"/{device_id}").status_code == 204
    assert devices("GET", "anna").status_code == 200


@pytest.mark.parametrize("path", ["/oauth%2Fapi/v4/users/anna/devices", "/oauth/api/v4/users%2Fanna/devices"])
def test_encoded_slash_separates_no_segments(portal, path):
    assert error_of(portal.get(path)) == (404, "not_found")


@pytest.mark.parametrize("target", ["/oauth/api/v4/users/ben/devices", "http://localhost/", "*", "", "é€", "?x"])
def test_target_of_another_path_is_ignored(client, portal, user, target):
    user("anna")
    path, headers = "/oauth/api/v4/users/anna/devices", {"Authorization": portal.authorization}
    assert client.get(path, headers=headers, RAW_URI=target).status_code == 200


def test_without_the_target_other_characters_are_decoded_once(user, portal):
    user("100%25 é")
    portal.client = Client()
    assert portal.get("/oauth/api/v4/users/100%2525%20%C3%A9/devices").status_code == 200
    assert error_of(portal.get("/oauth/api/v4/users/a%2Fb/devices")) == (404, "not_found")
