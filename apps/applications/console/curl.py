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
# A request for tokens that do not exist: the error is `invalid_grant` if the secret is right, else `invalid_client`.
TOKEN_REQUEST = ("-d", "grant_type=urn:openid:params:grant-type:ciba", "-d", "auth_req_id=none", "/oauth/token")


def first_request(client: ApiClient, secret: str) -> str:
    """Return a curl command with the secret, or an empty string. The id is form-urlencoded (RFC 6749)."""
    paths = [path for api, path in PATHS.items() if api in client.apis]
    if not paths and not uses_tokens(client):
        return ""
    *options, path = paths[:1] or TOKEN_REQUEST
    credentials = f"{quote(client.client_id, safe='')}:{secret}"
    return shlex.join(["curl", "-u", credentials, *options, settings.PUBLIC_URL + path])


def uses_tokens(client: ApiClient) -> bool:
    """Return True if the client can use CIBA only."""
    return [*client.apis] == [Api.CIBA]
