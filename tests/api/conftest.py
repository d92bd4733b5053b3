"""Fixtures of the API tests."""

import pysequoia
import pytest

from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.events.models import Event
from apps.system.models import Features, GeneralConfiguration
from apps.transactions.models import Transaction


@pytest.fixture
def switch(db):
    """Return a function that changes the general configuration."""

    def change(**values):
        row = GeneralConfiguration.get_solo()
        for name, value in values.items():
            setattr(row, name, value)
        row.save()

    return change


@pytest.fixture
def feature_off(db):
    row = Features.get_solo()
    row.mobile_authentication = False
    row.save()


@pytest.fixture
def event_types(db):
    """Return a function that returns the types of all events, oldest first."""
    return lambda: list(Event.objects.order_by("id").values_list("event_type", flat=True))


@pytest.fixture
def new_code(version):
    """Return a function that creates an enrolment code."""

    def make(user_id="anna", version=version):
        return enrollment.create_enrollment_code(
            user_id=user_id, application_identifier=version.application.identifier
        )[0]

    return make


@pytest.fixture(scope="session")
def public_key():
    pair = pysequoia.Tsk.generate("device", profile=pysequoia.Profile.RFC4880)
    return str(pair.extract_certificate())


@pytest.fixture
def enrollment_body(version, public_key):
    """Return a function that builds the body of an enrolment. Members set to None are omitted."""

    def build(code, **changes):
        body = {
            "enrollment_code": code,
            "public_key": public_key,
            "application_id": version.application.identifier,
            "platform": version.platform,
            "app_version": version.version,
            "device_name": "Phone",
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    return build


@pytest.fixture
def started(portal, mobile_type, device):
    """Return the id of a pending transaction of the device."""
    return portal.start(mobile_type, device).json()["transaction_id"]


@pytest.fixture
def row():
    """Return a function that returns the row of a transaction."""
    return lambda transaction_id: Transaction.objects.get(pk=transaction_id)


@pytest.fixture
def profile_row(db):
    return lambda device: Profile.objects.get(device__device_id=device.device_id, profile_id=device.profile_id)
