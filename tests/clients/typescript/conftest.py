"""The device library in TypeScript, compiled once for all tests, and a server with a portal."""

import json
import os
from contextlib import ExitStack

import pytest

from apps.push.providers.web_push import vapid
from scripts import typescript
from tests.fakes.fcm import Fcm
from tests.flows.installation import database
from tests.flows.stack import Stack

CLIENT_ID, CLIENT_SECRET = "portal", "client-secret-of-the-portal"
TYPES = {
    "login": "push",
    "login-pin": "push_with_pin",
    "login-fingerprint": "push_with_fingerprint",
    "login-custom": "push_with_custom_authenticator",
    "scan": "otp",
}
MESSAGES = {"default_messages": {"en": "Sign in?"}}


@pytest.fixture(scope="session")
def library():
    """Install the npm packages and compile the library. Return the module that runs Node."""
    typescript.build()
    return typescript


@pytest.fixture(scope="session")
def typescript_site(tmp_path_factory):
    """A web process without worker: the devices list their transactions. Return the configuration of the scenarios."""
    with ExitStack() as exit_stack:
        fcm = exit_stack.enter_context(Fcm())
        stack = Stack(tmp_path_factory.mktemp("site"), WEB_PUSH_HOSTS="localhost", **database())
        exit_stack.callback(stack.stop)
        # Enrolment links start with this URL.
        stack.environment["PUBLIC_URL"] = stack.url
        stack.command("migrate", "--no-input")
        stack.configure(configuration(fcm))
        stack.start_web()
        yield {"server": stack.url, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}


def configuration(fcm):
    account = fcm.describe()
    return {
        "features": {"transaction_signing": True, "custom_authenticators": True},
        "api_clients": [
            {
                "name": "Portal",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "apis": ["mobile_authentication", "end_user"],
            }
        ],
        "push_messaging_configurations": [
            {
                "name": "google",
                "platform": "android",
                "fcm_api_version": "http_v1",
                "service_account": account["service_account"],
                "endpoint": account["endpoint"],
            },
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
                "pin_enabled": True,
                "max_pin_attempts": 3,
                "fingerprint_enabled": True,
                "custom_authenticators": ["face"],
                "versions": [
                    {"platform": "android", "version": "1.0.0", "push_messaging_configuration": "google"},
                    {"platform": "web", "version": "1.0.0", "push_messaging_configuration": "browser"},
                ],
            }
        ],
        "mobile_authentication_types": [
            *({"name": name, "method": method, **MESSAGES} for name, method in TYPES.items()),
            {"name": "terminal", "method": "push_with_pin", "code_to_phone": True, **MESSAGES},
            {"name": "terminal-push", "code_to_phone": True, **MESSAGES},
            {
                "name": "pay",
                "method": "push_with_pin",
                "transaction_signing": True,
                "number_matching_digits": 2,
                **MESSAGES,
            },
        ],
    }


@pytest.fixture
def site(typescript_site):
    return typescript_site


@pytest.fixture
def node(library, site):
    """Return a function that runs Node with the configuration of the scenarios."""

    def run(*arguments, **options):
        environment = {**os.environ, "COUNTERSIGN_TEST_SERVER": json.dumps(site)}
        return library.run(*arguments, env=environment, capture_output=True, timeout=100, **options)

    return run
