"""Two servers of OpenID CIBA with the same clients and users: Countersign, and oidc-provider as a Node process."""

import base64
import json
import subprocess
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

import httpx

from tests.clients.ciba.sites import OTHER, PING, POLL, POST, SECRET
from tests.flows.waiting import wait_until
from tests.ports import free_port

GRANT_TYPE = "urn:openid:params:grant-type:ciba"
FORM = "application/x-www-form-urlencoded"
USERS = ("compared/anna", "compared/bob")


@dataclass(frozen=True)
class Outcome:
    """What a client can observe in a response. The members of successful responses are compared apart."""

    status: int
    error: str
    content_type: str
    no_store: bool
    challenge: str
    members: frozenset[str] = field(compare=False)

    def __str__(self):
        return f"{self.status} {self.error}".strip()


def outcome(response):
    content_type = response.headers.get("Content-Type", "").partition(";")[0]
    body = response.json() if content_type == "application/json" and response.content else {}
    return Outcome(
        status=response.status_code,
        error=body.get("error", ""),
        content_type=content_type,
        no_store="no-store" in response.headers.get("Cache-Control", ""),
        challenge=response.headers.get("WWW-Authenticate", "").partition(" ")[0],
        members=frozenset(body),
    )


def basic(client_id, secret=SECRET):
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


class Server:
    """Requests of clients at a server. Subclasses define the paths and the devices of the users."""

    paths = {}

    def __init__(self, url):
        self.url = url
        self.http = httpx.Client(trust_env=False, timeout=20)

    def request(self, endpoint, fields, headers, method="POST"):
        content = fields if isinstance(fields, str) else urlencode(fields)
        headers = {"Content-Type": FORM, **headers}
        return self.http.request(method, self.url + self.paths[endpoint], content=content, headers=headers)

    def start(self, user_id, client_id=POLL, **fields):
        form = {"scope": "openid", "login_hint": user_id, **fields}
        response = self.request("authentication", form, basic(client_id))
        assert response.status_code == 200, response.text
        return response.json()["auth_req_id"]

    def token(self, auth_req_id, client_id=POLL):
        return self.request("token", {"grant_type": GRANT_TYPE, "auth_req_id": auth_req_id}, basic(client_id))

    def release(self, user_id):
        """End a request that no test uses further, if the server limits the pending ones of a user."""


class Countersign(Server):
    paths = {
        "authentication": "/oauth/bc-authorize",
        "token": "/oauth/token",
        "userinfo": "/oauth/userinfo",
        "discovery": "/.well-known/openid-configuration",
        "keys": "/oauth/jwks",
    }

    def __init__(self, site):
        super().__init__(site.url)
        self.site = site
        self.devices = {user_id: site.phones.enroll(user_id) for user_id in USERS}

    def answer(self, _auth_req_id, user_id, *, approve):
        answer = self.site.phones.approve_next if approve else self.site.phones.deny_next
        answer(self.devices[user_id])

    def release(self, user_id):
        self.answer("", user_id, approve=True)


class OidcProvider(Server):
    paths = {
        "authentication": "/backchannel",
        "token": "/token",
        "userinfo": "/me",
        "discovery": "/.well-known/openid-configuration",
        "keys": "/jwks",
    }

    def __init__(self, package):
        port = free_port()
        super().__init__(f"http://127.0.0.1:{port}")
        arguments = [str(port), json.dumps(clients()), json.dumps(USERS)]
        # Its warnings about settings for development are of no interest.
        self.process = subprocess.Popen(
            [package.node, package.path / "provider.js", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=package.path,
        )

    def __enter__(self):
        wait_until(lambda: b"ready" in self.process.stdout.readline() or self.process.poll() is not None)
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()

    def answer(self, auth_req_id, user_id, *, approve):
        members = {"authReqId": auth_req_id, "userId": user_id, "approve": approve}
        self.http.post(f"{self.url}/device", content=json.dumps(members)).raise_for_status()

    def ping(self):
        """Return the last ping, which it cannot send over plain HTTP."""
        return self.http.get(f"{self.url}/pings").json()[-1]


def clients():
    """Return the clients of oidc-provider."""
    common = {"client_secret": SECRET, "redirect_uris": [], "response_types": [], "grant_types": [GRANT_TYPE]}
    poll = {**common, "client_id": POLL, "backchannel_token_delivery_mode": "poll"}
    ping = {**common, "client_id": PING, "backchannel_token_delivery_mode": "ping"}
    ping["backchannel_client_notification_endpoint"] = "https://localhost/notification"
    posted = {**poll, "client_id": POST, "token_endpoint_auth_method": "client_secret_post"}
    code = {"grant_types": ["authorization_code"], "response_types": ["code"], "redirect_uris": ["https://localhost/"]}
    other = {**common, **code, "client_id": OTHER}
    return [poll, ping, posted, other]
