"""Deletion of devices."""

import pytest
from django.db import connection

from apps.demo.device import DeviceApiError
from apps.enrollment.models import Authenticator, Device, Profile, PushEnrollment
from apps.events.models import Event
from tests.users.conftest import register_all

UNKNOWN = ["F" * 64, "x", "%00", "%E2%82%AC", "anna", "F" * 500]


def is_unknown(device):
    """Return True if the device token is unknown to the server."""
    with pytest.raises(DeviceApiError) as rejected:
        device.pending()
    return (rejected.value.status, rejected.value.body["error"]) == (401, "invalid_device_token")


def removal_events():
    events = Event.objects.filter(event_type="API_DEVICE_REMOVED").order_by("id")
    return [(event.user_id, event.client_id, event.details["device_id"]) for event in events]


def test_deletion_removes_the_device_and_its_data(any_api, device, enroll):
    register_all(device)
    other = enroll(push_token="")
    response = any_api.delete(device.device_id)
    assert (response.status_code, response.content) == (204, b"")
    assert [listed["id"] for listed in any_api.devices()] == [other.device_id]
    assert is_unknown(device)
    assert other.pending() == []
    assert not Authenticator.objects.exists()
    assert not PushEnrollment.objects.exists()
    assert removal_events() == [("anna", any_api.portal.api_client.client_id, device.device_id)]


def test_transaction_of_a_deleted_device_cannot_be_answered(api, portal, mobile_type, device, share):
    started = portal.start(mobile_type, device).json()["transaction_id"]
    share(device)
    api.delete(device.device_id)
    assert portal.result(started).json()["user_id"] == "anna"
    assert device.pending() == []
    with pytest.raises(DeviceApiError):
        device.fetch(started)


def test_deletion_keeps_other_users_of_the_device(any_api, api, device, share):
    bens = share(device)
    register_all(bens)
    assert any_api.delete(device.device_id).status_code == 204
    assert any_api.list_devices("anna").status_code == 404
    [listed] = api.devices("ben")
    assert (listed["id"], listed["pushAuthenticationEnabled"]) == (device.device_id, True)
    assert any_api.delete(device.device_id, "ben").status_code == 204
    # The device and its token are deleted with the last user.
    assert is_unknown(bens)
    assert not Device.objects.exists()


@pytest.mark.parametrize("device_id", UNKNOWN)
def test_deletion_of_an_unknown_device_succeeds(any_api, device, device_id):
    assert any_api.delete(device_id).status_code == 204
    assert len(any_api.devices()) == 1
    assert removal_events() == []


def test_device_of_another_user_is_not_deleted(any_api, device):
    assert any_api.delete(device.device_id, "ben").status_code == 204
    assert any_api.delete_named([device.device_id], "ben").status_code == 204
    assert any_api.delete_all("ben").status_code == 204
    assert len(any_api.devices()) == 1
    assert removal_events() == []


def test_repeated_deletion_records_one_event(any_api, device):
    assert [any_api.delete(device.device_id).status_code for _ in range(2)] == [204, 204]
    assert len(removal_events()) == 1


def test_delete_all_affects_one_user_only(any_api, enroll, share):
    devices = [enroll(push_token="") for _ in range(3)]
    bens = share(devices[0], push_token="")
    assert any_api.delete_all().status_code == 204
    assert any_api.list_devices().status_code == 404
    assert bens.pending() == []
    assert [device_id for _user, _client, device_id in removal_events()] == [device.device_id for device in devices]
    assert list(Device.objects.values_list("device_id", flat=True)) == [devices[0].device_id]
    assert any_api.delete_all().status_code == 204


def test_delete_named_devices_ignores_unknown_ids(any_api, enroll):
    devices = [enroll(push_token="") for _ in range(3)]
    ids = [devices[0].device_id, "F" * 64, devices[2].device_id, devices[2].device_id, "", "x" * 500]
    response = any_api.delete_named(ids)
    assert (response.status_code, response.content) == (204, b"")
    assert [listed["id"] for listed in any_api.devices()] == [devices[1].device_id]
    assert any_api.delete_named([]).status_code == 204
    assert len(any_api.devices()) == 1


def test_device_list_can_exceed_the_parameter_limit_of_a_statement(any_api, device):
    assert any_api.delete_named(["x"] * 40_000 + [device.device_id]).status_code == 204
    assert any_api.list_devices().status_code == 404


@pytest.fixture
def undeletable_device(db):
    """Create a trigger that prevents the deletion of a profile."""

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


def test_failed_deletion_does_not_prevent_others(any_api, enroll, undeletable_device):
    devices = [enroll(push_token="") for _ in range(3)]
    undeletable_device(devices[1])
    response = any_api.delete_named([device.device_id for device in devices])
    assert response.status_code == 500
    listed = response.json()
    assert list(listed) == ["code", "message", "details"]
    assert listed["code"] == "not_all_devices_deleted"
    assert listed["message"]
    [remaining] = listed["details"]
    assert list(remaining) == ["id", "status"]
    assert remaining["id"] == devices[1].device_id
    assert remaining["status"].pop("message")
    assert remaining["status"] == {"code": "device_not_deleted", "details": []}
    assert [each["id"] for each in any_api.devices()] == [devices[1].device_id]
    assert sorted(removal_events()) == sorted(
        ("anna", any_api.portal.api_client.client_id, devices[each].device_id) for each in (0, 2)
    )


def test_failed_deletion_is_an_error(any_api, enroll, undeletable_device):
    devices = [enroll(push_token="") for _ in range(2)]
    undeletable_device(devices[0])
    any_api.portal.client.raise_request_exception = False
    assert any_api.delete_all().status_code == 500
    assert [each["id"] for each in any_api.devices()] == [devices[0].device_id]
    assert any_api.delete(devices[0].device_id).status_code == 500
