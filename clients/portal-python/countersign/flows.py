"""Requests, retries and polling, without input and output: generators that both clients drive.

A flow yields a `Request` and gets a `Response` or a `NetworkError`, or it yields a `Pause` and gets None.
"""

import json
import secrets
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from countersign import errors

T = TypeVar("T")

FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.5, 8.0
# Statuses of proxies and of the server after which a request can be repeated.
TRANSIENT = (429, 503)
TRANSIENT_IF_REPEATABLE = (502, 504)


@dataclass(frozen=True)
class Request:
    """Request to the API. `repeatable` is True if the request has the same effect when it is received twice."""

    method: str
    path: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    json: Any = field(default=None, repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    repeatable: bool = True


@dataclass(frozen=True)
class Response:
    """Response of the server. The names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Pause:
    seconds: float


Reply = Response | errors.NetworkError | None
Flow = Generator[Request | Pause, Reply, T]


@dataclass(frozen=True)
class RetryPolicy:
    """Number of retries of a request, and the total time that its pauses can take."""

    max_retries: int = 5
    max_wait_seconds: float = 30.0


class Sender:
    """Sends requests with retries."""

    def __init__(self, policy: RetryPolicy) -> None:
        self.policy = policy

    def send(self, request: Request) -> Flow[Response]:
        """Send a request and return the response with a status of 2xx. Raises a CountersignError."""
        response, _is_ambiguous = yield from self.send_tracked(request)
        return require_success(response)

    def send_tracked(self, request: Request) -> Flow[tuple[Response, bool]]:
        """Send a request and return the last response, and True if the server can have processed an earlier attempt."""
        waited, is_ambiguous = 0.0, False
        for retries in range(self.policy.max_retries + 1):
            reply = _received((yield request))
            pause = max(_backoff(retries), _minimum_pause(reply))
            is_last = retries == self.policy.max_retries or waited + pause > self.policy.max_wait_seconds
            if is_last or not _is_transient(request, reply):
                break
            is_ambiguous |= isinstance(reply, errors.NetworkError) and reply.processed is not False
            is_ambiguous |= isinstance(reply, Response) and reply.status in TRANSIENT_IF_REPEATABLE
            waited += pause
            yield Pause(pause)
        if isinstance(reply, errors.NetworkError):
            raise reply
        return reply, is_ambiguous


def require_success(response: Response) -> Response:
    """Return the response if its status is 2xx. Raises ApiError, or UnexpectedResponse if it has another format."""
    if 200 <= response.status < 300:
        return response
    body = read_json(response)
    if not isinstance(body.get("error", body.get("code")), str):
        raise errors.UnexpectedResponse(response.status, "the response is no error of the API")
    raise errors.from_response(response.status, body, response.headers)


def read_json(response: Response) -> Mapping[str, Any]:
    """Return the members of the body. Raises UnexpectedResponse."""
    try:
        body = json.loads(response.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise errors.UnexpectedResponse(response.status, "the body is not a JSON object")
    return body


def parse(build: Callable[[Mapping[str, Any]], T], response: Response) -> T:
    """Build an object from the body. Raises UnexpectedResponse if a member is missing or has another type."""
    body = read_json(response)
    try:
        return build(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise errors.UnexpectedResponse(response.status, f"unexpected body ({type(error).__name__})") from None


def _received(reply: Reply) -> Response | errors.NetworkError:
    """Return the reply to a request. Only a pause has none."""
    if reply is None:
        raise TypeError("a request needs a response or a NetworkError")
    return reply


def _is_transient(request: Request, reply: Response | errors.NetworkError) -> bool:
    if isinstance(reply, errors.NetworkError):
        return request.repeatable or reply.processed is False
    if reply.status == 409:
        return b'"idempotency_in_progress"' in reply.body
    return reply.status in TRANSIENT or (request.repeatable and reply.status in TRANSIENT_IF_REPEATABLE)


def _minimum_pause(reply: Response | errors.NetworkError) -> float:
    return 0.0 if isinstance(reply, errors.NetworkError) else errors.retry_after(reply.headers) or 0.0


def _backoff(retries: int) -> float:
    """Return the pause before a retry, with jitter: between half of the backoff and the whole."""
    seconds: float = min(FIRST_BACKOFF_SECONDS * 2**retries, MAX_BACKOFF_SECONDS)
    return seconds * (0.5 + secrets.randbelow(1000) / 2000)
