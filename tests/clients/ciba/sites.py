"""Clients of OpenID CIBA at the installation of the portals."""

from tests.fakes import key_set
from tests.ports import free_port

POLL, PING, POST, SIGNED = "agent poll", "agent-ping", "agent-post", "agent-signed"
# Client without the API of CIBA.
OTHER = "other-portal"
SECRET = "client secret%20of the agent+"
# Type of all requests, which signs authorization details.
TYPE = "login-again"
NOTIFICATION_PORT = free_port()
# Key of the client that authenticates with private_key_jwt.
KEY = key_set.key("agent")
COMMON = {"default_type": TYPE, "authorization_details_types": ["transfer"]}
SETTINGS = {
    POLL: {},
    POST: {},
    PING: {"delivery_mode": "ping", "notification_endpoint": f"http://127.0.0.1:{NOTIFICATION_PORT}/notification"},
    SIGNED: {"authentication_methods": ["private_key_jwt"], "jwks": key_set.public(KEY)},
}


def client(client_id, **members):
    return {"name": client_id, "client_id": client_id, "client_secret": SECRET, **members}


CLIENTS = [client(name, apis=["ciba"], ciba={**COMMON, **members}) for name, members in SETTINGS.items()]
CLIENTS.append(client(OTHER, apis=["events"]))
