"""Fixtures of the portal API: its versions, types of all methods, and the delivery of pushes."""

import pytest

from apps.outbox import claims
from apps.transactions.methods.push import delivery as push_delivery
from apps.transactions.models import PushDelivery
from tests import factories
from tests.api.conftest import event_types, feature_off, profile_row, row, switch  # noqa: F401 - fixtures
from tests.conftest import Portal
from tests.fakes.fcm import Fcm
from tests.portal.calls import PortalApi

PHONE_NUMBER = "+31612345678"


@pytest.fixture
def api(portal):
    """Return a client of the newest version."""
    return PortalApi(portal, 4)


@pytest.fixture(params=[2, 3, 4], ids=lambda version: f"v{version}")
def any_api(request, portal):
    return PortalApi(portal, request.param)


@pytest.fixture(params=[2, 3], ids=lambda version: f"v{version}")
def old_api(request, portal):
    return PortalApi(portal, request.param)


@pytest.fixture
def other_client_api(client, db):
    """Return a client of the newest version with the credentials of another API client."""
    return PortalApi(Portal(client, factories.ApiClientFactory()), 4)


@pytest.fixture
def make_type(db):
    """Create a type of a method. Further methods are its fallbacks, in order."""

    def create(method, *fallbacks, **fields):
        fallback = create(*fallbacks) if fallbacks else None
        return factories.TypeFactory(method=method, fallback=fallback, **fields)

    return create


@pytest.fixture
def otp_type(make_type):
    return make_type("otp", default_messages={})


@pytest.fixture
def sms_type(make_type):
    return make_type("sms", default_messages={"en": "Your code: {code}"}, max_resends=1)


@pytest.fixture
def sms_started(api, sms_type):
    """Return the id of a pending SMS transaction."""
    return api.start(sms_type, phone_number=PHONE_NUMBER).json()["transaction_id"]


@pytest.fixture
def scan(client):
    """Scan a one-time password with a device and open the challenge."""

    def run(device, otp):
        response = device.call("POST", "/device/v1/otp", {"profile_id": device.profile_id, "otp": otp})
        return device.open(response["message"])

    return run


@pytest.fixture
def fcm(version):
    """Run a fake FCM for the pushes of `version`."""
    with Fcm() as server:
        described = server.describe()
        configuration = version.push_messaging_configuration
        configuration.endpoint = described["endpoint"]
        configuration.service_account = factories.json.dumps(described["service_account"])
        configuration.save()
        yield server


@pytest.fixture
def deliver_pushes(transactional_db, fcm):
    """Deliver the due pushes as a worker does. The delivery closes the database connection before it sends."""

    def run():
        due = list(PushDelivery.objects.filter(state="due").values_list("pk", flat=True))
        list(push_delivery.deliver(claims.claim(PushDelivery, due)))

    return run
