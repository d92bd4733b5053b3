"""A device replaces its push token for all users on it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.enrollment.models import PushEnrollment
from tests.api.calls import error_of, send_json
from tests.devices.conftest import Phone


@pytest.fixture
def replace(client):
    def run(device, old, new):
        body = {"old_push_token": old, "push_token": new}
        return send_json(client, "/device/v1/push-token", body, method="PUT", token=device.device_token)

    return run


def tokens():
    return {row.profile.user_id: row.token for row in PushEnrollment.objects.select_related("profile")}


def test_it_is_replaced_for_every_user_of_the_device(bare_phone, enroll, replace, event_types):
    anna = bare_phone("anna", push_token="old")
    enroll("bert", device=Phone(device_id=anna.device_id, device_token=anna.device_token), push_token="old")
    bare_phone("carl", push_token="another")
    answer = replace(anna, "old", "new")
    assert (answer.status_code, answer.content) == (204, b"")
    assert tokens() == {"anna": "new", "bert": "new", "carl": "another"}
    assert event_types()[-2:] == ["PUSH_TOKEN_REPLACED"] * 2
    assert error_of(replace(anna, "old", "newer")) == (400, "invalid_request")


def test_all_profiles_of_the_device_are_locked_at_once_in_the_order_of_their_keys(bare_phone, enroll, replace):
    zed = bare_phone("zed", push_token="old")
    enroll("anna", device=Phone(device_id=zed.device_id, device_token=zed.device_token), push_token="old")
    with CaptureQueriesContext(connection) as captured:
        replace(zed, "old", "new")
    statements = [query["sql"] for query in captured]
    locks = [sql for sql in statements if "FOR UPDATE" in sql and "enrollment_profile" in sql]
    assert [sql.partition("ORDER BY")[2].split()[0] for sql in locks] == (
        [] if connection.vendor == "sqlite" else ['"enrollment_profile"."id"']
    )


def test_pushes_go_to_the_new_token(bare_phone, replace, portal, mobile_type, fcm, deliver_pushes):
    phone = bare_phone(push_token="old")
    replace(phone, "old", "new")
    portal.start(mobile_type, phone)
    deliver_pushes()
    assert [request["key"] for request in fcm.received if request.get("key") in {"old", "new"}] == ["new"]


def test_the_same_token_again_is_fine(bare_phone, replace):
    assert replace(bare_phone(push_token="old"), "old", "old").status_code == 204


@pytest.mark.parametrize("old", ["wrong", "another", "ol", "OLD"])
def test_an_old_token_that_does_not_match_is_refused(bare_phone, replace, old):
    phone = bare_phone("anna", push_token="old")
    bare_phone("bert", push_token="another")
    answer = replace(phone, old, "new")
    assert error_of(answer) == (400, "invalid_request")
    assert "old_push_token" in answer.json()["error_description"]
    assert tokens() == {"anna": "old", "bert": "another"}


def test_without_a_push_enrolment_there_is_nothing_to_replace(bare_phone, replace):
    assert error_of(replace(bare_phone(push_token=""), "old", "new")) == (400, "invalid_request")


def test_a_token_in_use_by_another_device_is_refused(bare_phone, replace):
    phone = bare_phone("anna", push_token="old")
    bare_phone("bert", push_token="taken")
    assert error_of(replace(phone, "old", "taken")) == (409, "9016")
    assert tokens() == {"anna": "old", "bert": "taken"}


def test_a_disabled_version_replaces_nothing(bare_phone, replace, version):
    phone = bare_phone(push_token="old")
    version.status = "disabled"
    version.save()
    assert error_of(replace(phone, "old", "new")) == (403, "version_not_enabled")
    assert tokens() == {"anna": "old"}


@pytest.mark.parametrize("member", ["old_push_token", "push_token"])
@pytest.mark.parametrize("value", [None, "", 5, True, [], {}, "a\0b", "t" * 4097, "\ud800"], ids=ascii)
def test_a_malformed_member_is_refused_by_name(bare_phone, client, member, value):
    phone = bare_phone(push_token="old")
    body = {"old_push_token": "old", "push_token": "new", member: value}
    answer = send_json(client, "/device/v1/push-token", body, method="PUT", token=phone.device_token)
    assert error_of(answer) == (400, "invalid_request")
    assert member in answer.json()["error_description"]


@pytest.mark.parametrize("token", ["", "unknown"])
def test_without_a_known_bearer_nothing_is_told(client, db, token):
    body = {"old_push_token": "old", "push_token": "new"}
    answer = send_json(client, "/device/v1/push-token", body, method="PUT", token=token)
    assert error_of(answer) == (401, "invalid_device_token")
