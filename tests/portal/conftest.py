"""What the tests of the portal API share: its versions, types of every method, a worker's turn."""

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
    """The portal API in its newest version."""
    return PortalApi(portal, 4)


@pytest.fixture(params=[2, 3, 4], ids=lambda version: f"v{version}")
def any_api(request, portal):
    return PortalApi(portal, request.param)


@pytest.fixture(params=[2, 3], ids=lambda version: f"v{version}")
def old_api(request, portal):
    return PortalApi(portal, request.param)


@pytest.fixture
def stranger(client, db):
    """The portal API as another client calls it."""
    return PortalApi(Portal(client, factories.ApiClientFactory()), 4)


@pytest.fixture
def make_type(db):
    """Make a type of a method, with the types that it falls back to after it."""

    def make(method, *fallbacks, **fields):
        fallback = make(*fallbacks) if fallbacks else None
        return factories.TypeFactory(method=method, fallback=fallback, **fields)

    return make


@pytest.fixture
def otp_type(make_type):
    return make_type("otp", default_messages={})


@pytest.fixture
def sms_type(make_type):
    return make_type("sms", default_messages={"en": "Your code: {code}"}, max_resends=1)


@pytest.fixture
def sms_started(api, sms_type):
    """Return the id of a transaction that waits for a code."""
    return api.start(sms_type, phone_number=PHONE_NUMBER).json()["transaction_id"]


@pytest.fixture
def scan(client):
    """Scan a one-time password with a device, and open the challenge."""

    def run(device, otp):
        answer = device.call("POST", "/device/v1/otp", {"profile_id": device.profile_id, "otp": otp})
        return device.open(answer["message"])

    return run


@pytest.fixture
def fcm(version):
    """A stand-in for FCM that the pushes of `version` go to."""
    with Fcm() as server:
        described = server.describe()
        configuration = version.push_messaging_configuration
        configuration.endpoint = described["endpoint"]
        configuration.service_account = factories.json.dumps(described["service_account"])
        configuration.save()
        yield server


@pytest.fixture
def deliver_pushes(transactional_db, fcm):
    """Do what the worker does with the pushes that are due; it gives its connection back before it sends."""

    def run():
        due = list(PushDelivery.objects.filter(state="due").values_list("pk", flat=True))
        list(push_delivery.deliver(claims.claim(PushDelivery, due)))

    return run
