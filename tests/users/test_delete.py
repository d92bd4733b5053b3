"""Taking devices from a user."""

import pytest
from django.db import connection

from apps.demo.device import DeviceApiError
from apps.enrollment.models import Authenticator, Device, Profile, PushEnrollment
from apps.events.models import Event
from tests.users.conftest import register_all

UNKNOWN = ["F" * 64, "x", "%00", "%E2%82%AC", "anna", "F" * 500]


def is_unknown(device):
    """Say whether the server does not know the phone's bearer token any more."""
    with pytest.raises(DeviceApiError) as refused:
        device.pending()
    return (refused.value.status, refused.value.body["error"]) == (401, "invalid_device_token")


def removed():
    found = Event.objects.filter(event_type="API_DEVICE_REMOVED").order_by("id")
    return [(event.user_id, event.client_id, event.details["device_id"]) for event in found]


def test_a_deleted_device_is_gone_with_all_that_it_had(any_api, device, enroll):
    register_all(device)
    other = enroll(push_token="")
    answer = any_api.delete(device.device_id)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [told["id"] for told in any_api.devices()] == [other.device_id]
    assert is_unknown(device)
    assert other.pending() == []
    assert not Authenticator.objects.exists()
    assert not PushEnrollment.objects.exists()
    assert removed() == [("anna", any_api.portal.api_client.client_id, device.device_id)]


def test_what_was_started_with_it_stays_in_the_history_and_cannot_be_answered(api, portal, mobile_type, device, share):
    started = portal.start(mobile_type, device).json()["transaction_id"]
    share(device)
    api.delete(device.device_id)
    assert portal.result(started).json()["user_id"] == "anna"
    assert device.pending() == []
    with pytest.raises(DeviceApiError):
        device.fetch(started)


def test_another_user_of_the_device_keeps_theirs(any_api, api, device, share):
    bens = share(device)
    register_all(bens)
    assert any_api.delete(device.device_id).status_code == 204
    assert any_api.listed("anna").status_code == 404
    [told] = api.devices("ben")
    assert (told["id"], told["pushAuthenticationEnabled"]) == (device.device_id, True)
    assert any_api.delete(device.device_id, "ben").status_code == 204
    # The last user is gone, and the device with its token.
    assert is_unknown(bens)
    assert not Device.objects.exists()


@pytest.mark.parametrize("device_id", UNKNOWN)
def test_a_device_that_is_not_there_counts_as_deleted(any_api, device, device_id):
    assert any_api.delete(device_id).status_code == 204
    assert len(any_api.devices()) == 1
    assert removed() == []


def test_a_device_of_another_user_is_not_touched(any_api, device):
    assert any_api.delete(device.device_id, "ben").status_code == 204
    assert any_api.delete_some([device.device_id], "ben").status_code == 204
    assert any_api.delete_all("ben").status_code == 204
    assert len(any_api.devices()) == 1
    assert removed() == []


def test_deleting_twice_is_deleting_once(any_api, device):
    assert [any_api.delete(device.device_id).status_code for _ in range(2)] == [204, 204]
    assert len(removed()) == 1


def test_all_devices_of_a_user_go_and_no_others(any_api, enroll, share):
    phones = [enroll(push_token="") for _ in range(3)]
    bens = share(phones[0], push_token="")
    assert any_api.delete_all().status_code == 204
    assert any_api.listed().status_code == 404
    assert bens.pending() == []
    assert [device_id for _user, _client, device_id in removed()] == [phone.device_id for phone in phones]
    assert list(Device.objects.values_list("device_id", flat=True)) == [phones[0].device_id]
    assert any_api.delete_all().status_code == 204


def test_named_devices_go_and_unknown_ones_count_as_done(any_api, enroll):
    phones = [enroll(push_token="") for _ in range(3)]
    ids = [phones[0].device_id, "F" * 64, phones[2].device_id, phones[2].device_id, "", "x" * 500]
    answer = any_api.delete_some(ids)
    assert (answer.status_code, answer.content) == (204, b"")
    assert [told["id"] for told in any_api.devices()] == [phones[1].device_id]
    assert any_api.delete_some([]).status_code == 204
    assert len(any_api.devices()) == 1


def test_more_ids_than_a_statement_can_carry(any_api, device):
    assert any_api.delete_some(["x"] * 40_000 + [device.device_id]).status_code == 204
    assert any_api.listed().status_code == 404


@pytest.fixture
def stuck(db):
    """Let the database refuse to delete a user from a device."""

    def run(device, user_id="anna"):
        pk = Profile.objects.get(device__device_id=device.device_id, user_id=user_id).pk
        for statement in STATEMENTS[connection.vendor]:
            with connection.cursor() as cursor:
                cursor.execute(statement.format(pk=pk))

    return run


TRIGGER = "CREATE TRIGGER stuck BEFORE DELETE ON enrollment_profile"
STATEMENTS = {
    "sqlite": [f"{TRIGGER} WHEN OLD.id = {{pk}} BEGIN SELECT RAISE(ABORT, 'stuck'); END"],
    "postgresql": [
        "CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stuck''; END'",
        f"{TRIGGER} FOR EACH ROW WHEN (OLD.id = {{pk}}) EXECUTE FUNCTION stuck()",
    ],
}


def test_one_that_cannot_be_deleted_does_not_keep_the_others(any_api, enroll, stuck):
    phones = [enroll(push_token="") for _ in range(3)]
    stuck(phones[1])
    answer = any_api.delete_some([phone.device_id for phone in phones])
    assert answer.status_code == 500
    told = answer.json()
    assert list(told) == ["code", "message", "details"]
    assert told["code"] == "not_all_devices_deleted"
    assert told["message"]
    [left] = told["details"]
    assert list(left) == ["id", "status"]
    assert left["id"] == phones[1].device_id
    assert left["status"].pop("message")
    assert left["status"] == {"code": "device_not_deleted", "details": []}
    assert [each["id"] for each in any_api.devices()] == [phones[1].device_id]
    assert sorted(removed()) == sorted(
        ("anna", any_api.portal.api_client.client_id, phones[each].device_id) for each in (0, 2)
    )


def test_success_is_never_claimed_for_what_is_still_there(any_api, enroll, stuck):
    phones = [enroll(push_token="") for _ in range(2)]
    stuck(phones[0])
    any_api.portal.client.raise_request_exception = False
    assert any_api.delete_all().status_code == 500
    assert [each["id"] for each in any_api.devices()] == [phones[0].device_id]
    assert any_api.delete(phones[0].device_id).status_code == 500
