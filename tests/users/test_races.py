"""Concurrent requests of the user API and the device."""

import pytest
from django.test import Client

from apps.enrollment.models import Device, Profile
from apps.events.models import Event
from tests.api.test_races import at_once, own_transactions  # noqa: F401 - a fixture
from tests.users.conftest import PIN, UserApi, register_all

pytestmark = pytest.mark.django_db(transaction=True)


def delete_call(api, device, user_id="anna"):
    def call(client):
        portal = type(api.portal)(client, api.portal.api_client)
        return UserApi(portal, 4).delete(device.device_id, user_id).status_code

    return call


def test_concurrent_deletions_of_the_last_users_delete_the_device(api, enroll, share):
    for number in range(5):
        device = enroll(push_token=f"anna {number}")
        share(device, push_token=f"ben {number}")
        assert at_once(delete_call(api, device), delete_call(api, device, "ben")) == [204, 204]
    assert not Profile.objects.exists()
    assert not Device.objects.exists()


def test_concurrent_deletions_of_a_device_record_one_event(api, device):
    assert set(at_once(*[delete_call(api, device)] * 6)) == {204}
    assert Event.objects.filter(event_type="API_DEVICE_REMOVED").count() == 1


def test_concurrent_deletion_and_pin_limit_do_not_deadlock(api, enroll, portal, mobile_type, version):
    version.application.max_pin_attempts = 1
    version.application.save()
    mobile_type.method = "push_with_pin"
    mobile_type.save()
    for number in range(3):
        device = enroll(push_token=f"push {number}")
        register_all(device)
        started = portal.start(mobile_type, device).json()["transaction_id"]
        sealed = device.sealed_answer(device.fetch(started), approve=True, pin=PIN[::-1])

        def send_answer(client, device=device, started=started, sealed=sealed):
            return client.post(
                f"/device/v1/transactions/{started}/answer",
                {"message": sealed},
                content_type="application/json",
                headers={"Authorization": f"Bearer {device.device_token}"},
            ).status_code

        deleted, answered = at_once(delete_call(api, device), send_answer)
        assert deleted == 204
        assert answered in (401, 404, 410)
        assert not Device.objects.exists()


def test_concurrent_deletion_and_push_enrollment_do_not_deadlock(api, enroll):
    for number in range(3):
        device = enroll(push_token=f"push {number}")
        path = f"/device/v1/enrollments/{device.profile_id}/push"

        def enroll_push(client: Client, device=device, path=path, number=number):
            return client.put(
                path,
                {"push_token": f"new {number}"},
                content_type="application/json",
                headers={"Authorization": f"Bearer {device.device_token}"},
            ).status_code

        deleted, enrolled = at_once(delete_call(api, device), enroll_push)
        assert deleted == 204
        assert enrolled in (204, 401, 404, 500)
        assert not Device.objects.exists()
