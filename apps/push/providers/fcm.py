"""Firebase Cloud Messaging, HTTP v1.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and .../v1/ErrorCode for the table below.
"""

import json
import threading
from collections.abc import Mapping
from typing import Any

from google.auth import exceptions as google_exceptions
from google.auth import transport
from google.oauth2.service_account import Credentials

from apps.common import http
from apps.common.retries import retry_after_seconds
from apps.push.models import PushMessagingConfiguration
from apps.push.providers.base import Outcome, PushMessage, Result

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 9.0
# Waiting for another thread's exchange, an own one and the message together stay below the lease of a claim.
TOKEN_SECONDS = 5.0

DEAD_TOKEN = {"UNREGISTERED", "SENDER_ID_MISMATCH"}
RETRY = {"QUOTA_EXCEEDED", "UNAVAILABLE", "INTERNAL"}


class _TokenTransport(transport.Request):
    """Lets google-auth ask for access tokens through our one HTTP client."""

    def __call__(  # type: ignore[no-untyped-def]
        self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, **kwargs: Any
    ):
        content = body.encode() if isinstance(body, str) else body or b""
        request = http.Request(method, url, dict(headers or {}), content, CONNECT_SECONDS, TOKEN_SECONDS)
        try:
            answer = http.send(request)
        except http.NoAnswer as error:
            raise google_exceptions.TransportError(error.reason) from error
        if answer.status == 429 or answer.status >= 500 or (answer.status == 200 and not _is_object(answer.body)):
            # Told as a fault of the way: google-auth would sleep and try again, for longer than the claim's lease.
            raise google_exceptions.TransportError(f"HTTP {answer.status}")
        return _TokenAnswer(answer)


class _TokenAnswer(transport.Response):
    def __init__(self, answer: http.Response) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.body


class _TokenCache:
    """Access tokens per service account, for this process; google-auth renews them some minutes before their end."""

    def __init__(self) -> None:
        self._credentials: dict[tuple[Any, ...], Credentials] = {}
        self._locks: dict[tuple[Any, ...], threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, configuration: PushMessagingConfiguration) -> str:
        """Return a token; google-auth's exceptions when none can be had. Threads that need the same one wait for it."""
        key = self._key(configuration)
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        if not lock.acquire(timeout=TOKEN_SECONDS):
            raise google_exceptions.TransportError("the token server is slow")
        try:
            credentials = self._credentials.get(key)
            if credentials is None:
                credentials = Credentials.from_service_account_info(configuration.service_account_info, scopes=[SCOPE])
                self._credentials[key] = credentials
            if not credentials.valid:
                credentials.refresh(_TokenTransport())
            return str(credentials.token)
        finally:
            lock.release()

    def forget(self, configuration: PushMessagingConfiguration, token: str) -> None:
        """Drop a token that FCM refused, unless another thread has a newer one already."""
        key = self._key(configuration)
        credentials = self._credentials.get(key)
        if credentials is not None and credentials.token == token:
            self._credentials.pop(key, None)

    @staticmethod
    def _key(configuration: PushMessagingConfiguration) -> tuple[Any, ...]:
        return (configuration.pk, configuration.updated_at)


_tokens = _TokenCache()


def send(configuration: PushMessagingConfiguration, message: PushMessage) -> Result:
    """Send one message; every fault of the other side comes back as a Result."""
    try:
        access_token = _tokens.get(configuration)
    except google_exceptions.TransportError as error:
        return Result(Outcome.RETRY, f"no access token: {error}")
    except google_exceptions.RefreshError as error:
        return _token_refused(error)
    request = http.Request(
        "POST",
        configuration.message_url,
        {"Authorization": f"Bearer {access_token}", "Content-Type": "application/json"},
        json.dumps({"message": payload(message)}).encode(),
        CONNECT_SECONDS,
        ANSWER_SECONDS,
    )
    try:
        answer = http.send(request)
    except http.NoAnswer as error:
        return Result(Outcome.RETRY, error.reason)
    result = judge(answer)
    if result.credential_refused:
        _tokens.forget(configuration, access_token)
    return result


def _token_refused(error: google_exceptions.RefreshError) -> Result:
    """Google's words stand in the first argument; the second is the whole answer and stays out of the log."""
    outcome = Outcome.RETRY if error.retryable else Outcome.REFUSED
    return Result(outcome, f"no access token: {str(error.args[0] if error.args else error)[:200]}")


def payload(message: PushMessage) -> dict[str, Any]:
    """Build a data message: the app shows it, and fetches the challenge with the ids in it."""
    content = {
        "og_transaction_id": message.transaction_id,
        "og_profile_id": message.profile_id,
        "og_message": message.text,
    }
    built: dict[str, Any] = {
        "token": message.token,
        "data": {"content": json.dumps(content)},
        "android": {
            "priority": "HIGH",
            "ttl": f"{message.seconds_to_live}s",
            "collapse_key": message.transaction_id,
        },
    }
    if message.cordova:
        built["notification"] = {"body": message.text}
    return built


def judge(answer: http.Response) -> Result:
    """Say what an answer of FCM means."""
    if 200 <= answer.status < 300:
        if not _is_object(answer.body):
            # Somebody on the way answered, not FCM.
            return Result(Outcome.RETRY, "not an answer of FCM", answer.status)
        return Result(Outcome.ACCEPTED, status=answer.status)
    reason = error_code(answer)
    if reason in DEAD_TOKEN or (answer.status == 404 and reason == "NOT_FOUND"):
        outcome = Outcome.DEAD_TOKEN
    elif answer.status in (401, 429) or answer.status >= 500 or reason in RETRY:
        outcome = Outcome.RETRY
    else:
        outcome = Outcome.REFUSED
    return Result(
        outcome,
        reason,
        answer.status,
        retry_after_seconds(answer.headers.get("retry-after", "")),
        credential_refused=answer.status == 401,
    )


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def error_code(answer: http.Response) -> str:
    """Return FCM's own code (`details[].errorCode`), else the general status, else the HTTP status in words."""
    try:
        error = json.loads(answer.body)["error"]
        details = [detail["errorCode"] for detail in error.get("details", []) if "errorCode" in detail]
        return str((details or [error["status"]])[0])[:100]
    except (ValueError, LookupError, TypeError, AttributeError):
        return f"HTTP {answer.status}"
