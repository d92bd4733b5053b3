"""Fixtures of devices with a registered PIN, fingerprint and custom authenticator."""

import secrets
import time

import pytest

from apps.callbacks.models import CallbackDelivery
from apps.system.models import Features
from clients.python.countersign_device import MessageType
from tests import factories
from tests.api.calls import answer_path, send_json
from tests.api.conftest import (  # noqa: F401 - fixtures
    enrollment_body,
    event_types,
    new_code,
    profile_row,
    public_key,
    row,
    switch,
)
from tests.conftest import TestDevice
from tests.geocontext.conftest import location_file, running_service, service  # noqa: F401 - fixtures
from tests.portal.conftest import deliver_pushes, fcm  # noqa: F401 - fixtures

METHODS = {
    "pin": "push_with_pin",
    "fingerprint": "push_with_fingerprint",
    "custom": "push_with_custom_authenticator",
}


class TokenDevice(TestDevice):
    """Device that stores the tokens of its authenticators."""

    __test__ = False

    def __init__(self, **fields):
        super().__init__(**fields)
        self.tokens = {}

    def registration(self, kind, **members):
        """Return a sealed registration request. Members set to None are omitted."""
        content = {"type": kind, "nonce": secrets.token_hex(8), "issued_at": int(time.time() * 1000), **members}
        content = {name: value for name, value in content.items() if value is not None}
        return self.seal(content, MessageType.REGISTRATION)

    def send_registration(self, client, message):
        path = f"/device/v1/enrollments/{self.profile_id}/authenticators"
        return send_json(client, path, {"message": message}, token=self.device_token)

    def register(self, client, kind, **members):
        """Register an authenticator with the PIN token, store its token and return the response."""
        if "pin" in self.tokens:
            members = {"pin_token": self.tokens["pin"], **members}
        response = self.send_registration(client, self.registration(kind, **members))
        if response.status_code == 201:
            opened = self.open(response.json()["message"], MessageType.TOKEN)
            self.tokens[members.get("authenticator_id") or kind] = opened["token"]
        return response

    def credential(self, name, token=None):
        """Return the credential of an approval. `name` is pin, fingerprint or the id of a custom authenticator."""
        kind = name if name in METHODS else "custom"
        own = {"authenticator_id": name} if kind == "custom" else {}
        return {"type": kind, **own, "token": token or self.tokens[name]}

    def sealed_answer(self, challenge, *, approve=True, **members):
        """Return a sealed answer. Members set to None are omitted."""
        content = {
            "transaction_id": challenge["transaction_id"],
            "token": challenge["token"],
            "authenticated": approve,
            **members,
        }
        return self.seal({name: value for name, value in content.items() if value is not None})

    def send(self, client, transaction_id, message):
        return send_json(client, answer_path(transaction_id), {"message": message}, token=self.device_token)


@pytest.fixture
def version(db):
    return factories.ApplicationVersionFactory(
        application__pin_enabled=True,
        application__max_pin_attempts=3,
        application__fingerprint_enabled=True,
        application__custom_authenticators=["face", "voice"],
    )


@pytest.fixture
def application(version):
    return version.application


@pytest.fixture
def set_application(application):
    """Change settings of the application."""

    def change(**values):
        for name, value in values.items():
            setattr(application, name, value)
        application.save()

    return change


@pytest.fixture
def set_feature(db):
    def change(**values):
        features = Features.get_solo()
        for name, value in values.items():
            setattr(features, name, value)
        features.save()

    return change


@pytest.fixture
def new_device(enroll):
    """Enrol a device without authenticators."""
    return lambda user_id="anna", **options: enroll(user_id, device=TokenDevice(), **options)


@pytest.fixture
def device(new_device, client):
    device = new_device()
    assert device.register(client, "pin").status_code == 201
    assert device.register(client, "fingerprint").status_code == 201
    assert device.register(client, "custom", authenticator_id="face").status_code == 201
    return device


@pytest.fixture
def type_of(db):
    """Return the authentication type of a kind (pin, fingerprint, custom, push)."""
    types = {}

    def find(kind):
        if kind not in types:
            types[kind] = factories.TypeFactory(method=METHODS.get(kind, kind), time_to_live=600)
        return types[kind]

    return find


@pytest.fixture
def start_challenge(portal, type_of, device):
    """Initiate a transaction of a kind and return its challenge."""

    def start(kind="pin", **fields):
        started = portal.start(type_of(kind), device, **fields)
        assert started.status_code == 200, started.content
        return device.fetch(started.json()["transaction_id"])

    return start


@pytest.fixture
def respond(client, device):
    """Answer a challenge with the credential `name`, an invalid `token` of it, or other members."""

    def run(challenge, name=None, token=None, **members):
        if name:
            members["credential"] = device.credential(name, token)
        return device.send(client, challenge["transaction_id"], device.sealed_answer(challenge, **members))

    return run


@pytest.fixture
def result(portal):
    """Return the result (E4) of a challenge's transaction."""
    return lambda challenge: portal.result(challenge["transaction_id"]).json()


@pytest.fixture
def callbacks(db):
    """Return the number of callbacks for a challenge's transaction."""
    return lambda challenge: CallbackDelivery.objects.filter(transaction_id=challenge["transaction_id"]).count()


@pytest.fixture
def signing_type(db):
    """Return the signing type of a kind."""
    types = {}

    def find(kind="push"):
        if kind not in types:
            types[kind] = factories.TypeFactory(method=METHODS.get(kind, kind), transaction_signing=True)
        return types[kind]

    return find
