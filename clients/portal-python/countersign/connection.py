"""Connection of a client: its options, and the conversion of requests and responses to those of httpx."""

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, TypedDict
from urllib.parse import quote, urlsplit

import httpx

from countersign import errors
from countersign.flows import Request, Response, RetryPolicy
from countersign.version import VERSION

MAX_CONNECT_SECONDS = 5.0
# The request was not sent.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class Clock:
    """Clock of a client. A test can replace it."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ClientOptions(TypedDict, total=False):
    """Options of a client.

    `timeout`: seconds for each attempt's wait for data. `max_retries`, `max_wait`: retries of a request and the total
    seconds of their pauses. `verify`: a TLS context. `transport`: a transport of httpx. `clock`: for tests.
    """

    timeout: float
    max_retries: int
    max_wait: float
    verify: ssl.SSLContext | bool
    transport: Any
    clock: Clock


@dataclass(frozen=True)
class Connection:
    """Server and credentials of a client. `client_secret` is in no representation."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    options: ClientOptions = field(default_factory=ClientOptions, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("base_url must be an absolute http or https URL without query and fragment")
        if parts.username is not None or parts.password is not None:
            raise ValueError("base_url must not contain credentials")
        if not self.client_id or not self.client_secret:
            raise ValueError("client_id and client_secret must not be empty")

    @property
    def clock(self) -> Clock:
        return self.options.get("clock") or Clock()

    @property
    def retry_policy(self) -> RetryPolicy:
        defaults = RetryPolicy()
        return RetryPolicy(
            self.options.get("max_retries", defaults.max_retries),
            self.options.get("max_wait", defaults.max_wait_seconds),
        )

    def httpx_options(self) -> dict[str, Any]:
        """Return the arguments of `httpx.Client` and `httpx.AsyncClient`. Redirects are not followed."""
        timeout = self.options.get("timeout", 10.0)
        # Encoded as in RFC 6749, section 2.3.1, so that an id can contain a colon.
        credentials = (quote(self.client_id, safe=""), quote(self.client_secret, safe=""))
        return {
            "auth": httpx.BasicAuth(*credentials),
            "headers": {"Accept": "application/json", "User-Agent": f"countersign-python/{VERSION}"},
            "timeout": httpx.Timeout(timeout, connect=min(timeout, MAX_CONNECT_SECONDS)),
            "verify": self.options.get("verify", True),
            "transport": self.options.get("transport"),
            "follow_redirects": False,
        }

    def to_httpx(self, request: Request) -> dict[str, Any]:
        """Return the arguments of `request` of httpx."""
        body: dict[str, Any] = {}
        if request.json is not None:
            body = {"json": request.json}
        elif request.form is not None:
            body = {"data": dict(request.form)}
        url = self.base_url.rstrip("/") + request.path
        query = list(request.query) or None
        return {"method": request.method, "url": url, "params": query, "headers": dict(request.headers), **body}


def from_httpx(response: httpx.Response) -> Response:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(response.status_code, headers, response.content)


def network_error(error: httpx.HTTPError | httpx.InvalidURL) -> errors.NetworkError:
    """Return the error of a request without a response. The text has neither URL nor body."""
    processed = False if isinstance(error, NOT_SENT) else None
    return errors.NetworkError(f"{type(error).__name__}: {error}", processed=processed)
