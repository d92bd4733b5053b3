"""A server with worker for the tests of both portal libraries and of the clients of OpenID CIBA."""

from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.clients.ciba import sites as ciba
from tests.clients.portal import typescript
from tests.clients.portal.site import CLIENT_ID, CLIENT_SECRET, CREDENTIALS, SIGNING_SECRETS, TYPES, Phones, PhoneServer
from tests.fakes.fcm import Fcm
from tests.fakes.sms_service import SmsService
from tests.fakes.tls_proxy import TlsProxy
from tests.flows.installation import database
from tests.flows.stack import Stack
from tests.ports import free_port

MESSAGES = {"sms": {"en": "Your code: {code}"}}
# Portals of the examples and snippets, each with a callback endpoint.
PORTALS = ("django", "fastapi", "express")


@dataclass
class Site:
    """Running installation. `ports`: the ports of the portals whose callbacks are configured.

    `tls` is the proxy whose URL is the public one; `url` is the one of the web process.
    """

    url: str
    tls: TlsProxy
    phones: Phones
    phones_url: str
    ports: dict[str, int]

    def environment(self, portal=""):
        """Return the environment of a portal."""
        return {
            "COUNTERSIGN_URL": self.url,
            "COUNTERSIGN_CLIENT_ID": CLIENT_ID,
            "COUNTERSIGN_CLIENT_SECRET": CLIENT_SECRET,
            "COUNTERSIGN_SIGNING_SECRETS": " ".join(SIGNING_SECRETS),
            "COUNTERSIGN_CALLBACK_USERNAME": CREDENTIALS[0],
            "COUNTERSIGN_CALLBACK_PASSWORD": CREDENTIALS[1],
            **({"PORT": str(self.ports[portal])} if portal else {}),
        }


@pytest.fixture(scope="session")
def portal_site(tmp_path_factory):
    with ExitStack() as exit_stack:
        fcm, sms_service = exit_stack.enter_context(Fcm()), exit_stack.enter_context(SmsService())
        ports = {name: free_port() for name in PORTALS}
        gateway = sms_service.describe()["environment"]
        directory = tmp_path_factory.mktemp("portal-site")
        stack = Stack(directory, **gateway, **database())
        exit_stack.callback(stack.stop)
        tls = exit_stack.enter_context(TlsProxy(stack.port, directory))
        stack.environment["PUBLIC_URL"] = tls.url
        stack.command("migrate", "--no-input")
        stack.configure(configuration(fcm, ports))
        stack.start()
        phones = Phones(stack.url, sms_service)
        phones_url = exit_stack.enter_context(PhoneServer(phones)).url
        yield Site(stack.url, tls, phones, phones_url, ports)


def configuration(fcm, ports):
    account = fcm.describe()
    return {
        "features": {"transaction_signing": True},
        "general": {"push_enrollment_mode": "multiple_devices", "sms_per_number_per_hour": 100},
        "api_clients": [
            {
                "name": "Portal",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "apis": ["mobile_authentication", "end_user", "events"],
            },
            *ciba.CLIENTS,
        ],
        "push_messaging_configurations": [
            {
                "name": "google",
                "platform": "android",
                "fcm_api_version": "http_v1",
                "service_account": account["service_account"],
                "endpoint": account["endpoint"],
            }
        ],
        "applications": [
            {
                "identifier": "demo",
                "name": "Demo",
                "versions": [{"platform": "android", "version": "1.0.0", "push_messaging_configuration": "google"}],
            }
        ],
        "mobile_authentication_types": [
            {
                "name": name,
                **members,
                # Portals send no signing data, so their requests need no signature.
                "transaction_signing": name == ciba.TYPE,
                "default_messages": MESSAGES.get(members["method"], {"en": "Sign in?"}),
            }
            for name, members in sorted(TYPES.items(), key=lambda item: "fallback" in item[1])
        ],
        "callback_endpoints": [
            {
                "url": callback_url(port),
                "username": CREDENTIALS[0],
                "password": CREDENTIALS[1],
                "signing_secret": list(SIGNING_SECRETS),
            }
            for port in ports.values()
        ],
    }


def callback_url(port):
    return f"http://127.0.0.1:{port}/countersign/callback"


@pytest.fixture
def site_json(portal_site):
    """Return the configuration of scenarios in TypeScript."""
    phones = {"phones": portal_site.phones_url, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
    return {"server": portal_site.url, **phones}


@pytest.fixture(scope="session")
def typescript_library():
    """Install the npm packages and compile the library in TypeScript."""
    typescript.build()
