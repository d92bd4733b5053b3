"""Fixtures of the user API."""

import pytest

from apps.system.models import Features
from tests import factories
from tests.api.calls import send_json
from tests.api.conftest import event_types, feature_off, profile_row  # noqa: F401 - fixtures
from tests.conftest import TestDevice

PIN = "13579"


class UserApi:
    """Client of one version of the user API."""

    def __init__(self, portal, version):
        self.portal, self.version = portal, version

    def path(self, user_id="anna", rest=""):
        return f"/oauth/api/v{self.version}/users/{user_id}/devices{rest}"

    def send(self, method, path, body=""):
        return send_json(self.portal.client, path, body, method=method, Authorization=self.portal.authorization)

    def list_devices(self, user_id="anna"):
        return self.portal.get(self.path(user_id))

    def devices(self, user_id="anna"):
        response = self.list_devices(user_id)
        assert response.status_code in (200, 404), response.content
        return response.json().get("devices", [])

    def delete(self, device_id, user_id="anna"):
        return self.send("DELETE", self.path(user_id, f"/{device_id}"))

    def delete_all(self, user_id="anna"):
        return self.send("DELETE", self.path(user_id))

    def delete_named(self, device_ids, user_id="anna"):
        return self.send("POST", self.path(user_id), {"delete": device_ids})

    def disable(self, target, device_id, user_id="anna"):
        return self.send("POST", self.path(user_id, f"/{device_id}/disable{target}"))


@pytest.fixture(params=[3, 4], ids=lambda version: f"v{version}")
def any_api(request, portal):
    return UserApi(portal, request.param)


@pytest.fixture
def api(portal):
    return UserApi(portal, 4)


@pytest.fixture
def v3(portal):
    return UserApi(portal, 3)


@pytest.fixture
def version(db):
    """Return an application version with all authenticators enabled."""
    features = Features.get_solo()
    features.custom_authenticators = True
    features.save()
    return factories.ApplicationVersionFactory(
        application__name="Shop",
        application__pin_enabled=True,
        application__fingerprint_enabled=True,
        application__custom_authenticators=["face"],
    )


@pytest.fixture
def share(enroll):
    """Enrol another user on the same device."""

    def run(device, user_id="ben", push_token="push-token-of-{user_id}"):
        second = device.add_user()
        assert isinstance(second, TestDevice)
        return enroll(user_id=user_id, device=second, push_token=push_token)

    return run


def register_all(device):
    device.register_pin(PIN)
    device.register_fingerprint(pin=PIN)
    device.register_custom("face", pin=PIN)
