"""Unenrolment of a user by the device."""

import pytest

from apps.enrollment.models import Device, Profile
from apps.events.models import Event

pytestmark = pytest.mark.django_db


def test_unenrollment_removes_the_profile_and_records_an_event(new_device):
    device = new_device("anna")
    new_device("bert")
    device_id = device.device_id
    device.unenroll()
    assert list(Profile.objects.values_list("user_id", flat=True)) == ["bert"]
    assert Device.objects.count() == 1
    event = Event.objects.get(event_type="DEVICE_UNENROLLED")
    assert (event.user_id, event.details["device_id"]) == ("anna", device_id)
