"""Command of a first request with a new client secret."""

import shlex
from urllib.parse import quote

from django.conf import settings

from apps.applications.models import Api, ApiClient

# A request of each API that changes nothing.
PATHS = {
    Api.MOBILE_AUTHENTICATION: "/oauth/api/v4/authenticate/user/anna/enabled",
    Api.EVENTS: "/oauth/api/v1/events?size=1",
    Api.END_USER: "/oauth/api/v4/users/anna/devices",
}


def first_request(client: ApiClient, secret: str) -> str:
    """Return a curl command with the secret, or an empty string. The id is form-urlencoded (RFC 6749)."""
    path = next((path for api, path in PATHS.items() if api in client.apis), "")
    credentials = f"{quote(client.client_id, safe='')}:{secret}"
    return shlex.join(["curl", "-u", credentials, settings.PUBLIC_URL + path]) if path else ""
