"""What every test shares: no connection leaves the loopback; a portal and a device come in through the door."""

import base64
import json
import os
import socket
from urllib.parse import urlencode

import pytest
from django.test import TransactionTestCase
from django.utils import translation
from django.utils.http import http_date

from apps.demo.device import Device
from apps.enrollment import services as enrollment
from tests import factories
from tests.database_cleanup import empty_tables

# Commands speak the language of the terminal, and tests read English on everybody's.
os.environ["LANGUAGE"] = "en"
TransactionTestCase._fixture_teardown = empty_tables
LOOPBACK = ("127.0.0.1", "::1", "localhost")


# Fixtures that start servers once for a whole process of tests.
SHARED_SERVERS = ("shared", "demo")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Run the tests of a file in one process, and those that share servers too; what waits for processes first.

    Tests that only compute fill the time in which others wait; the long ones would be all that is left at the end.
    """
    for item in items:
        shared = [name for name in SHARED_SERVERS if name in getattr(item, "fixturenames", ())]
        item.add_marker(pytest.mark.xdist_group(shared[0] if shared else item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)


@pytest.fixture(autouse=True)
def block_external_connections(monkeypatch):
    """Fail any connection that leaves the loopback."""
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def english():
    """A request in another language leaves it behind for what the same thread does next."""
    translation.activate("en")
    yield
    translation.activate("en")


class Portal:
    """A portal that calls the REST APIs with its own credentials."""

    def __init__(self, client, api_client, secret=factories.CLIENT_SECRET):
        self.client, self.api_client, self.secret = client, api_client, secret

    @property
    def authorization(self):
        pair = f"{self.api_client.client_id}:{self.secret}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def post(self, path, fields, **headers):
        return self.client.post(
            path,
            urlencode(fields, doseq=True),
            content_type="application/x-www-form-urlencoded",
            headers={"Authorization": self.authorization, **headers},
        )

    def get(self, path, **headers):
        return self.client.get(path, headers={"Authorization": self.authorization, **headers})

    def start(self, mobile_type, device, user_id="anna", **fields):
        """E3 for a push to a device; fields set to None are left out."""
        form = {
            "type": mobile_type.name,
            "user_id": user_id,
            "device_id": device.device_id,
            "callback_uri": "http://127.0.0.1:9/callback",
            **fields,
        }
        return self.post("/oauth/api/v4/authenticate/user", {k: v for k, v in form.items() if v is not None})

    def result(self, transaction_id):
        return self.get(f"/oauth/api/v4/authenticate/transaction/{transaction_id}")


class TestDevice(Device):
    """The demo's device program, which here calls the server in this process."""

    __test__ = False
    client = None

    def exchange(self, method, path, body):
        answer = self.client.generic(
            method,
            path,
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.device_token}"} if self.device_token else {},
        )
        # The header is the web server's, which there is none of here.
        return answer.status_code, http_date(), answer.content


@pytest.fixture
def portal(client, db):
    return Portal(client, factories.ApiClientFactory())


@pytest.fixture
def mobile_type(db):
    return factories.TypeFactory()


@pytest.fixture
def version(db):
    return factories.ApplicationVersionFactory()


@pytest.fixture
def enroll(client, version):
    """Enrol a user's device, for push too unless `push_token` is empty."""

    def run(user_id="anna", push_token="push-token-of-{user_id}", version=version, device=None):
        code, _row = enrollment.create_enrollment_code(
            user_id=user_id, application_identifier=version.application.identifier
        )
        device = device or TestDevice("")
        device.client = client
        device.enroll(
            code,
            application_id=version.application.identifier,
            platform=version.platform,
            app_version=version.version,
            device_name=f"Phone of {user_id}",
        )
        if push_token:
            device.enroll_push(push_token.format(user_id=user_id))
        return device

    return run


@pytest.fixture
def device(enroll):
    return enroll()
