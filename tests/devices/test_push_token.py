"""Replacement of a device's push token for all its users."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.enrollment.models import PushEnrollment
from tests.api.calls import error_of, send_json
from tests.devices.conftest import TokenDevice


@pytest.fixture
def replace(client):
    def run(device, old, new):
        body = {"old_push_token": old, "push_token": new}
        return send_json(client, "/device/v1/push-token", body, method="PUT", token=device.device_token)

    return run


def tokens():
    return {row.profile.user_id: row.token for row in PushEnrollment.objects.select_related("profile")}


def test_token_is_replaced_for_every_user_of_the_device(new_device, enroll, replace, event_types):
    anna = new_device("anna", push_token="old")
    enroll("bert", device=TokenDevice(device_id=anna.device_id, device_token=anna.device_token), push_token="old")
    new_device("carl", push_token="another")
    response = replace(anna, "old", "new")
    assert (response.status_code, response.content) == (204, b"")
    assert tokens() == {"anna": "new", "bert": "new", "carl": "another"}
    assert event_types()[-2:] == ["PUSH_TOKEN_REPLACED"] * 2
    assert error_of(replace(anna, "old", "newer")) == (400, "invalid_request")


def test_replacement_locks_all_profiles_in_key_order(new_device, enroll, replace):
    zed = new_device("zed", push_token="old")
    enroll("anna", device=TokenDevice(device_id=zed.device_id, device_token=zed.device_token), push_token="old")
    with CaptureQueriesContext(connection) as captured:
        replace(zed, "old", "new")
    statements = [query["sql"] for query in captured]
    locks = [sql for sql in statements if "FOR UPDATE" in sql and "enrollment_profile" in sql]
    assert [sql.partition("ORDER BY")[2].split()[0] for sql in locks] == (
        [] if connection.vendor == "sqlite" else ['"enrollment_profile"."id"']
    )


def test_pushes_are_sent_to_the_new_token(new_device, replace, portal, mobile_type, fcm, deliver_pushes):
    device = new_device(push_token="old")
    replace(device, "old", "new")
    portal.start(mobile_type, device)
    deliver_pushes()
    assert [request["key"] for request in fcm.received if request.get("key") in {"old", "new"}] == ["new"]


def test_replacement_by_the_same_token_succeeds(new_device, replace):
    assert replace(new_device(push_token="old"), "old", "old").status_code == 204


@pytest.mark.parametrize("old", ["wrong", "another", "ol", "OLD"])
def test_unknown_old_token_is_rejected(new_device, replace, old):
    device = new_device("anna", push_token="old")
    new_device("bert", push_token="another")
    response = replace(device, old, "new")
    assert error_of(response) == (400, "invalid_request")
    assert "old_push_token" in response.json()["error_description"]
    assert tokens() == {"anna": "old", "bert": "another"}


def test_replacement_requires_a_push_enrollment(new_device, replace):
    assert error_of(replace(new_device(push_token=""), "old", "new")) == (400, "invalid_request")


def test_token_of_another_device_is_rejected(new_device, replace):
    device = new_device("anna", push_token="old")
    new_device("bert", push_token="taken")
    assert error_of(replace(device, "old", "taken")) == (409, "9016")
    assert tokens() == {"anna": "old", "bert": "taken"}


def test_disabled_version_cannot_replace_a_token(new_device, replace, version):
    device = new_device(push_token="old")
    version.status = "disabled"
    version.save()
    assert error_of(replace(device, "old", "new")) == (403, "version_not_enabled")
    assert tokens() == {"anna": "old"}


@pytest.mark.parametrize("member", ["old_push_token", "push_token"])
@pytest.mark.parametrize("value", [None, "", 5, True, [], {}, "a\0b", "t" * 4097, "\ud800"], ids=ascii)
def test_malformed_member_is_named_in_the_error(new_device, client, member, value):
    device = new_device(push_token="old")
    body = {"old_push_token": "old", "push_token": "new", member: value}
    response = send_json(client, "/device/v1/push-token", body, method="PUT", token=device.device_token)
    assert error_of(response) == (400, "invalid_request")
    assert member in response.json()["error_description"]


@pytest.mark.parametrize("token", ["", "unknown"])
def test_replacement_requires_a_valid_device_token(client, db, token):
    body = {"old_push_token": "old", "push_token": "new"}
    response = send_json(client, "/device/v1/push-token", body, method="PUT", token=token)
    assert error_of(response) == (401, "invalid_device_token")
