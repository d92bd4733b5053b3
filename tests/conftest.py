"""Fixtures of all tests: portal, device and configuration. Connections outside the loopback are blocked."""

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
from clients.python.countersign_device import KeyKind
from tests import factories
from tests.database_cleanup import empty_tables

# Commands use the language of the terminal; tests expect English.
os.environ["LANGUAGE"] = "en"
TransactionTestCase._fixture_teardown = empty_tables
LOOPBACK = ("127.0.0.1", "::1", "localhost")


# Fixtures that start servers once per test process.
SHARED_SERVERS = ("shared", "demo", "console_site", "phone_site", "portal_site", "typescript_site")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Run the tests of a file, or of a shared server, in one process. Tests that start processes run first.

    Other tests use the CPU while these wait. At the end of the run, only the slow tests would be left.
    """
    for item in items:
        shared = [name for name in SHARED_SERVERS if name in getattr(item, "fixturenames", ())]
        item.add_marker(pytest.mark.xdist_group(shared[0] if shared else item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)


@pytest.fixture(autouse=True)
def block_external_connections(monkeypatch):
    """Fail a test that connects to an address outside the loopback."""
    connect = socket.socket.connect

    def connect_to_loopback(self, address):
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            raise AssertionError(f"the test connected to {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_to_loopback)


@pytest.fixture(autouse=True)
def english_language():
    """Activate English before and after a test: a request can leave another language active in its thread."""
    translation.activate("en")
    yield
    translation.activate("en")


class Portal:
    """Client of the REST APIs with the credentials of a portal."""

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
        """Initiate a transaction for a device (E3). Fields with the value None are omitted."""
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
    """Device of the demo that calls the server in the process of the test."""

    __test__ = False
    client = None
    # Kind of the keys of a device without a `kind`. The fixture `each_kind` changes it.
    default_kind = KeyKind.P256

    def __init__(self, server="", **fields):
        super().__init__(server, **{"kind": self.default_kind, **fields})

    def exchange(self, method, path, body):
        response = self.client.generic(
            method,
            path,
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.device_token}"} if self.device_token else {},
        )
        # Without a web server, the response has no Date header.
        return response.status_code, http_date(), response.content


@pytest.fixture(params=[KeyKind.P256, KeyKind.CURVE25519])
def each_kind(request, monkeypatch):
    """Run the test once with JOSE keys and once with OpenPGP keys."""
    monkeypatch.setattr(TestDevice, "default_kind", request.param)
    return request.param


# For tests of one kind in a module whose tests run with each kind.
jose_only = pytest.mark.parametrize("each_kind", [KeyKind.P256], indirect=True)
openpgp_only = pytest.mark.parametrize("each_kind", [KeyKind.CURVE25519], indirect=True)


@pytest.fixture
def openpgp_keys(monkeypatch):
    """Run the test with OpenPGP keys."""
    monkeypatch.setattr(TestDevice, "default_kind", KeyKind.CURVE25519)


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
    """Return a function that enrols a device of a user, also for push unless `push_token` is empty."""

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
            device.enroll_push(push_token.replace("{user_id}", user_id))
        return device

    return run


@pytest.fixture
def device(enroll):
    return enroll()
