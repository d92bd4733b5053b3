"""An installation with its surroundings: a stack, fakes of push services and a portal, and enrolled users."""

import base64
import itertools
import json
import os
import sqlite3
import urllib.error
import urllib.request
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.parse import urlencode

import psycopg

from apps.demo.device import Device
from apps.push.providers.web_push import vapid
from tests.fakes.apns import ApnsControl
from tests.fakes.fcm import FcmControl
from tests.fakes.keycloak import Keycloak
from tests.fakes.portal import PortalControl
from tests.fakes.web_push import WebPushControl
from tests.flows.programs import ROOT, FakeServerProgram
from tests.flows.stack import Stack
from tests.flows.waiting import wait_until

CLIENT_SECRET = "client-secret-of-the-portal"
CALLBACK_PASSWORD = "callback-password-of-the-portal"
VERSIONS = {"1.0.0": "google", "2.0.0": "google-counted", "3.0.0": "google-unreachable", "4.0.0": "google-refused"}
APPLE_FIELDS = ("team_id", "key_id", "signing_key")
_numbers = itertools.count()


@dataclass
class EnrolledUser:
    user_id: str
    push_token: str
    device: Device


class Installation:
    """Installation of a test. `stack` controls the processes; `fcm`, `apple`, `browsers` and `portal` the fakes.

    `keycloak` is a fake in this process; None for the code of an older version.
    """

    def __init__(self, stack, fcm, apple, browsers, portal, keycloak=None):
        self.stack, self.fcm, self.apple, self.browsers, self.portal = stack, fcm, apple, browsers, portal
        self.keycloak = keycloak

    def configuration(self):
        account, apple = self.fcm.describe(), self.apple.describe()
        return {
            # The users of these tests get more pushes than usual.
            "general": {"max_pending_transactions": 1000, "max_pushes_without_success": 1000},
            "api_clients": [
                {
                    "name": "Portal",
                    "client_id": "portal",
                    "client_secret": CLIENT_SECRET,
                    "apis": ["mobile_authentication", "end_user", "events"],
                },
                {
                    "name": "Agent",
                    "client_id": "agent",
                    "client_secret": CLIENT_SECRET,
                    "apis": ["ciba"],
                    "ciba": {
                        "delivery_mode": "push",
                        "notification_endpoint": f"{self.portal.url}/ciba",
                        "default_type": "login",
                    },
                },
            ],
            "push_messaging_configurations": [
                {
                    "name": name,
                    "platform": "android",
                    "fcm_api_version": "http_v1",
                    "service_account": account["service_account"],
                    "endpoint": account["endpoint"],
                }
                for name in VERSIONS.values()
            ]
            + [
                {"name": "apple", "platform": "ios", **{name: apple[name] for name in APPLE_FIELDS}},
                {
                    "name": "browser",
                    "platform": "web",
                    "contact": "mailto:operator@example.com",
                    "vapid_private_key": vapid.generate_private_key(),
                },
            ],
            "applications": [
                {
                    "identifier": "shop",
                    "name": "Shop",
                    "versions": [
                        {"platform": "android", "version": version, "push_messaging_configuration": name}
                        for version, name in VERSIONS.items()
                    ]
                    + [
                        {
                            "platform": "ios",
                            "version": "1.0.0",
                            "push_messaging_configuration": "apple",
                            "bundle_identifier": apple["topic"],
                        },
                        {"platform": "web", "version": "1.0.0", "push_messaging_configuration": "browser"},
                    ],
                }
            ],
            "mobile_authentication_types": [
                {"name": "login", "method": "push", "time_to_live": 300, "default_messages": {"en": "Sign in?"}},
                {"name": "short", "method": "push", "time_to_live": 2, "default_messages": {"en": "Sign in?"}},
            ],
            "callback_endpoints": [
                {"url": self.portal.url + "/basic", "username": "portal", "password": CALLBACK_PASSWORD}
            ],
            **({"keycloak_integrations": [self.keycloak_integration()]} if self.keycloak else {}),
        }

    def keycloak_integration(self):
        return {"name": "demo", "realm_url": self.keycloak.realm_url, "api_client": "portal", "type": "login"}

    def start_at_keycloak(self, user):
        """Start an authentication of the user at Keycloak. Return its id there and the transaction id."""

        def post(body, token):
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
            url = f"{self.stack.url}/integrations/keycloak/demo"
            request = urllib.request.Request(url, json.dumps(body).encode(), headers)
            with urllib.request.urlopen(request, timeout=30) as response:
                return SimpleNamespace(status_code=response.status)

        response, jti = self.keycloak.authenticate(post, user.user_id)
        assert response.status_code == 201
        [pending] = user.device.pending()
        return jti, pending["transaction_id"]

    def call(self, path, fields=None, *, client="portal", **headers):
        """Call the REST API as the portal does, or as another client. Return status and body."""
        pair = base64.b64encode(f"{client}:{CLIENT_SECRET}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
        request = urllib.request.Request(self.stack.url + path, headers=headers)
        if fields is not None:
            request.data = urlencode(fields).encode()
            request.add_header("Content-Type", "application/x-www-form-urlencoded")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def enroll(self, version="1.0.0", platform="android"):
        """Enrol a new user with a new device."""
        number = next(_numbers)
        user = EnrolledUser(f"user-{number}", self.new_push_token(platform), Device(self.stack.url))
        status, response = self.call(f"/oauth/api/v4/users/{user.user_id}/enrollment-codes", {"application_id": "shop"})
        assert status == 201, response
        user.device.enroll(response["enrollment_code"], application_id="shop", platform=platform, app_version=version)
        user.device.enroll_push(user.push_token)
        return user

    def new_push_token(self, platform):
        if platform == "web":
            return self.browsers.subscribe()
        return os.urandom(32).hex() if platform == "ios" else f"push-token-{os.urandom(8).hex()}"

    def path(self):
        """Return a callback path that no other test uses."""
        return f"/callback/{next(_numbers)}"

    def start(self, user, path="/callback", *, mobile_type="login", base=None):
        """E3. Return the transaction id."""
        status, body = self.call(
            "/oauth/api/v4/authenticate/user",
            {
                "type": mobile_type,
                "user_id": user.user_id,
                "device_id": user.device.device_id,
                "callback_uri": (base or self.portal.url) + path,
            },
        )
        assert status == 200, body
        return body["transaction_id"]

    def start_ciba(self, user):
        """Send an authentication request of CIBA, whose result is pushed. Return its id and the transaction id."""
        fields = {"scope": "openid", "login_hint": user.user_id, "client_notification_token": "notification-token"}
        status, body = self.call("/oauth/bc-authorize", fields, client="agent")
        assert status == 200, body
        return body["auth_req_id"], user.device.pending()[-1]["transaction_id"]

    def result(self, transaction_id):
        """E4."""
        status, body = self.call(f"/oauth/api/v4/authenticate/transaction/{transaction_id}")
        assert status == 200, body
        return body

    def wait_for_status(self, transaction_id, status, seconds=5):
        wait_until(lambda: self.result(transaction_id)["status"] == status, seconds)
        return self.result(transaction_id)

    def events(self, transaction_id, *types):
        """Return the events of these types, newest first."""
        query = urlencode({"transaction_id": transaction_id, "event_type": types}, doseq=True)
        status, body = self.call(f"/oauth/api/v1/events?{query}")
        assert status == 200, body
        return body["result_set"]

    def check_callback(self, transaction_id, calls, *, attempts):
        """Check that all attempts of a callback are identical, and that E4 and the events confirm its delivery."""
        assert {call["body"] for call in calls} == {calls[0]["body"]}
        assert len({call["headers"]["webhook-id"] for call in calls}) == 1
        assert json.loads(calls[0]["body"])["transaction_id"] == transaction_id
        assert self.result(transaction_id)["is_authenticated"]
        # The callback can arrive before its outcome is recorded.
        sent = wait_until(lambda: self.events(transaction_id, "PUSH_AUTH_CALLBACK_SENT"), 5)
        assert [event["details"]["attempt"] for event in sent] == [attempts]

    def answer(self, user, transaction_id, *, approve=True):
        return user.device.answer(user.device.fetch(transaction_id), approve=approve)


@contextmanager
def locked_rows(stack, *tables):
    """Lock all rows of these tables, on SQLite of all tables, so that a worker must wait to record an outcome.

    The test kills the worker meanwhile. PostgreSQL would still finish the waiting statements of its sessions.
    """
    if "DATABASE_URL" not in stack.environment:
        with closing(sqlite3.connect(stack.directory / "countersign.sqlite3", timeout=10)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.rollback()
        return
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        for table in tables:
            connection.execute(f"SELECT id FROM {table} FOR UPDATE")
        yield
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        connection.rollback()


def database(offset=1):
    """Return environment variables of a separate database and broker on the servers of the tests."""
    if os.environ["TEST_BACKEND"] == "sqlite":
        return {}
    name = f"flows_{os.urandom(6).hex()}"
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    head, _slash, tail = url.partition("?")
    number = offset + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    return {
        "DATABASE_URL": f"{head.rpartition('/')[0]}/{name}" + (f"?{tail}" if tail else ""),
        "BROKER_URL": f"{os.environ['BROKER_URL'].rpartition('/')[0]}/{number}",
    }


@contextmanager
def running(directory, project=ROOT, **environment):
    """Run an installation with the code of `project` and stop all its processes afterwards."""
    with ExitStack() as stack_exit:
        fcm = FcmControl(stack_exit.enter_context(FakeServerProgram("tests.fakes.fcm"))["url"])
        apple = stack_exit.enter_context(FakeServerProgram("tests.fakes.apns"))
        browsers = stack_exit.enter_context(FakeServerProgram("tests.fakes.web_push"))
        portal = PortalControl(stack_exit.enter_context(FakeServerProgram("tests.fakes.portal"))["url"])
        stack = Stack(
            directory,
            project,
            PUSH_APNS_PRODUCTION_URL=apple["production_url"],
            PUSH_APNS_DEVELOPMENT_URL=apple["development_url"],
            PUSH_APNS_CA_FILE=apple["ca_file"],
            WEB_PUSH_HOSTS="localhost",
            WEB_PUSH_CA_FILE=browsers["ca_file"],
            **environment,
        )
        stack_exit.callback(stack.stop)
        keycloak = stack_exit.enter_context(Keycloak()) if project == ROOT else None
        installation = Installation(
            stack, fcm, ApnsControl(apple["url"]), WebPushControl(browsers["url"]), portal, keycloak
        )
        stack.command("migrate", "--no-input")
        stack.configure(installation.configuration())
        stack.start()
        yield installation
