"""Fixtures of CIBA: a client in poll mode that may use the types `login` (default) and `login-pin`."""

import pytest

from apps.applications.models import Api
from apps.ciba.models import CibaClient
from tests import factories
from tests.api.conftest import event_types, feature_off, switch  # noqa: F401 - fixtures
from tests.ciba.calls import CibaApi

PIN = "2468"


@pytest.fixture
def version(db):
    return factories.ApplicationVersionFactory(
        application__pin_enabled=True,
        application__max_pin_attempts=3,
        application__fingerprint_enabled=True,
        application__custom_authenticators=["face"],
    )


@pytest.fixture
def pin_device(device):
    """Return a device with a registered PIN. The derivation of its key takes time."""
    device.register_pin(PIN)
    return device


@pytest.fixture
def allow(db):
    """Return a function that creates types which a client may use."""

    def create(settings, *types):
        for fields in types:
            settings.types.add(factories.TypeFactory(**fields))

    return create


@pytest.fixture
def new_client(client, allow):
    """Return a function that creates a client of CIBA. The first type is its default."""

    def create(*types, **fields):
        api_client = factories.ApiClientFactory(apis=list(Api.values))
        types = types or ({"name": "login"}, {"name": "login-pin", "method": "push_with_pin"})
        settings = CibaClient.objects.create(client=api_client, **fields)
        allow(settings, *types)
        settings.default_type = settings.types.get(name=types[0]["name"])
        settings.save()
        return CibaApi(client, api_client)

    return create


@pytest.fixture
def ciba(new_client):
    return new_client()
