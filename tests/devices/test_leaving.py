"""A device that takes a user off itself."""

import pytest

from apps.enrollment.models import Device, Profile
from apps.events.models import Event

pytestmark = pytest.mark.django_db


def test_a_user_who_leaves_a_device_is_gone_with_it_and_that_is_an_event(bare_phone):
    phone = bare_phone("anna")
    bare_phone("bert")
    device_id = phone.device_id
    phone.unenroll()
    assert list(Profile.objects.values_list("user_id", flat=True)) == ["bert"]
    assert Device.objects.count() == 1
    event = Event.objects.get(event_type="DEVICE_UNENROLLED")
    assert (event.user_id, event.details["device_id"]) == ("anna", device_id)
