"""Server of the web phone, and a portal with a page on which users sign in."""

import base64
import json
import socket
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from apps.push.providers.web_push import vapid
from tests.fakes.tcp_proxy import TcpProxy
from tests.fakes.web_push import WebPushService
from tests.flows.installation import database
from tests.flows.programs import Program
from tests.flows.stack import Stack
from tests.flows.waiting import wait_until
from tests.ports import free_port

CLIENT_ID, CLIENT_SECRET = "portal", "client-secret-of-the-portal"
MAX_PIN_ATTEMPTS = 3
APPLICATIONS = ("shop", "bank")
MESSAGES = {"default_messages": {"en": "Sign in to the shop?"}}
TYPES = [
    {"name": "login", "method": "push"},
    {"name": "login-number", "method": "push", "number_matching_digits": 2},
    {"name": "login-pin", "method": "push_with_pin"},
    {"name": "login-fingerprint", "method": "push_with_fingerprint"},
    {"name": "login-custom", "method": "push_with_custom_authenticator"},
    {"name": "code", "method": "push", "code_to_phone": True},
    {"name": "code-pin", "method": "push_with_pin", "code_to_phone": True},
    {"name": "code-fingerprint", "method": "push_with_fingerprint", "code_to_phone": True},
    {"name": "code-short", "method": "push", "code_to_phone": True, "time_to_live": 4},
    {"name": "login-short", "method": "push", "time_to_live": 2},
    {"name": "pay", "method": "push_with_pin", "transaction_signing": True},
    {"name": "scan", "method": "otp"},
]


def configuration(*vapid_private_keys):
    """Return a configuration file with an application for each of the VAPID keys."""
    names = ("browser", "browser-bank")
    return {
        "features": {"transaction_signing": True, "custom_authenticators": True},
        "general": {"lock_profile_on_fraud_report": True},
        "api_clients": [
            {
                "name": "Portal",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "apis": ["mobile_authentication", "end_user"],
            }
        ],
        "push_messaging_configurations": [
            {"name": name, "platform": "web", "contact": "mailto:admin@example.com", "vapid_private_key": key}
            for name, key in zip(names, vapid_private_keys, strict=True)
        ],
        "applications": [
            {
                "identifier": "shop",
                "name": "Shop",
                "web_phone": True,
                "pin_enabled": True,
                "max_pin_attempts": MAX_PIN_ATTEMPTS,
                "fingerprint_enabled": True,
                "custom_authenticators": ["face"],
                "versions": [{"platform": "web", "version": "1.0.0", "push_messaging_configuration": "browser"}],
            },
            {
                "identifier": "bank",
                "name": "Bank",
                "web_phone": True,
                "versions": [{"platform": "web", "version": "1.0.0", "push_messaging_configuration": "browser-bank"}],
            },
        ],
        "mobile_authentication_types": [{**members, **MESSAGES} for members in TYPES],
    }


@dataclass
class Site:
    """Server with its portal. `base` is the origin that browsers use: WebAuthn accepts no IP address.

    `vapid_keys` are the public keys of the push messages by application.
    """

    base: str
    push_service: WebPushService
    vapid_keys: dict[str, str]
    stack: Stack
    phone_origin: str = ""

    @property
    def phone(self):
        """URL of the app."""
        return f"{self.phone_origin or self.base}/phone/"

    def call(self, path, fields=None, method=None):
        """Call the portal API and return the members of the response."""
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        request = urllib.request.Request(
            f"{self.base}/oauth/api/v4/{path}",
            data=None if fields is None else urlencode(fields).encode(),
            headers={"Authorization": f"Basic {pair}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or "{}")

    def enrollment(self, user_id, application_id="shop"):
        """Create an enrolment code. Return the members of the response."""
        return self.call(f"users/{user_id}/enrollment-codes", {"application_id": application_id})

    def devices(self, user_id):
        """Return the devices of a user, or none."""
        try:
            return self.call(f"users/{user_id}/devices")["devices"]
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return []

    def start(self, user_id, mobile_type="login", **fields):
        """Initiate a transaction (E3) for the only device of a user. Return the members of the response."""
        [device] = self.devices(user_id)
        fields = {"user_id": user_id, "device_id": device["id"], **fields}
        return self._start(mobile_type, fields)

    def start_otp(self):
        """Initiate a transaction with a one-time password."""
        return self._start("scan", {})

    def _start(self, mobile_type, fields):
        callback = {"callback_uri": "http://127.0.0.1:9/callback"}
        return self.call("authenticate/user", {"type": mobile_type, **callback, **fields})

    def result(self, transaction):
        """Return the result of a transaction (E4)."""
        return self.call(f"authenticate/transaction/{transaction['transaction_id']}")

    def verify(self, user_id, transaction, code):
        """Verify the code that the phone shows. Return the members of the response."""
        fields = {"transaction_id": transaction["transaction_id"], "code": code}
        return self.call(f"authenticate/user/{user_id}/code", fields)

    def cancel(self, transaction):
        self.call(f"authenticate/transaction/{transaction['transaction_id']}", method="DELETE")


@contextmanager
def running_site(directory, push_service):
    """Run a server with a fake push service."""
    with ExitStack() as exit_stack:
        stack = Stack(directory, **database())
        exit_stack.callback(stack.stop)
        base = stack.url.replace("127.0.0.1", "localhost")
        stack.environment["PUBLIC_URL"] = base
        hosts = {"WEB_PUSH_HOSTS": "localhost", "WEB_PUSH_CA_FILE": str(push_service.describe()["ca_file"])}
        stack.environment.update(hosts)
        stack.command("migrate", "--no-input")
        keys = [vapid.generate_private_key() for _application in APPLICATIONS]
        stack.configure(configuration(*keys))
        stack.start()
        vapid_keys = dict(zip(APPLICATIONS, map(vapid.public_key, keys), strict=True))
        yield Site(base, push_service, vapid_keys, stack)


@contextmanager
def phone_origin(site):
    """Serve the site by another web process, with the phone at an origin of its own. Yield this site."""
    port = free_port()
    proxy = TcpProxy(socket.AF_INET, ("127.0.0.1", port))
    # Browsers resolve all names below localhost to the loopback address.
    base, origin = f"http://localhost:{port}", f"http://phone.localhost:{proxy.port}"
    variables = {**site.stack.environment, "PORT": str(port), "PUBLIC_URL": base, "PHONE_URL": origin}
    program = Program("phone", ["manage.py", "serve", "--host", "127.0.0.1"], variables, site.stack.directory).start()
    try:
        wait_until(lambda: program.alive() and is_ready(base), 30)
        yield replace(site, base=base, phone_origin=origin)
    finally:
        proxy.disconnect()
        program.stop()


def is_ready(base):
    try:
        return urllib.request.urlopen(f"{base}/readyz", timeout=10).status == 200
    except OSError:
        return False


PAGE = """<!doctype html><html lang="en"><title>Shop</title><h1>{title}</h1><p id="number">{number}</p>
<form method="post"><button>Sign in</button></form>"""


@contextmanager
def portal_page(site, user_id):
    """Serve a page on which a user signs in with a number. Yield its URL."""
    started = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status = site.result(started)["status"] if started else ""
            titles = {"": "Welcome to the shop", "pending": "Look at your phone", "authenticated": "Hello again"}
            content = PAGE.format(
                title=titles.get(status, "Not signed in"),
                number=started["verification_number"] if status == "pending" else "",
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            started.update(site.start(user_id, "login-number"))
            self.send_response(303)
            self.send_header("Location", "/")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
