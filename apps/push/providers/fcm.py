"""Firebase Cloud Messaging, HTTP v1.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and .../v1/ErrorCode for the table below.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from google.auth import exceptions as google_exceptions

from apps.common.encryption import CannotDecrypt
from apps.outgoing import http
from apps.push.models import PushMessagingConfiguration
from apps.push.providers.base import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    Destination,
    Outcome,
    Provider,
    PushMessage,
    Result,
    Unsendable,
    compact,
    fit,
    is_object,
    no_word,
    parse_object,
    unusable,
    word,
)
from apps.push.providers.google_tokens import AccessTokens
from apps.system import services as system

# No app has it.
NOBODY = "0"
# Somebody on the way answered, not FCM.
NOT_FCM = "not an answer of FCM"


class Fcm(Provider):
    outcomes: ClassVar[Mapping[str, Outcome]] = {
        "UNREGISTERED": Outcome.DEAD_TOKEN,
        "SENDER_ID_MISMATCH": Outcome.DEAD_TOKEN,
        "QUOTA_EXCEEDED": Outcome.RETRY,
        "UNAVAILABLE": Outcome.RETRY,
        "INTERNAL": Outcome.RETRY,
        NOT_FCM: Outcome.RETRY,
        "PERMISSION_DENIED": Outcome.MISCONFIGURED,
        "THIRD_PARTY_AUTH_ERROR": Outcome.MISCONFIGURED,
        "NOT_FOUND": Outcome.MISCONFIGURED,
        "INVALID_ARGUMENT": Outcome.REFUSED,
    }
    stale_credential = frozenset({"UNAUTHENTICATED", "HTTP 401"})

    def __init__(self) -> None:
        self._tokens = AccessTokens()

    def credential(self, configuration: PushMessagingConfiguration) -> str:
        try:
            return self._tokens.get(configuration)
        except google_exceptions.TransportError as error:
            raise Unsendable(Result(Outcome.RETRY, f"no access token: {error}")) from None
        except google_exceptions.RefreshError as error:
            raise Unsendable(_token_refused(error)) from None
        except (CannotDecrypt, ValueError, TypeError, google_exceptions.GoogleAuthError) as error:
            raise unusable(error) from None

    def forget(self, configuration: PushMessagingConfiguration, credential: str) -> None:
        self._tokens.forget(configuration, credential)

    def request(self, destination: Destination, message: PushMessage, credential: str) -> http.Request:
        seconds = message.seconds_to_live
        content = fit(message.text, lambda text: {"message": payload(message, text, destination, seconds)})
        return _request(destination, content, credential)

    def probe(self, destination: Destination, credential: str) -> http.Request:
        return _request(destination, {"validate_only": True, "message": {"token": NOBODY, "data": {}}}, credential)

    def reason(self, answer: http.Response) -> str:
        """Return FCM's own code (`details[].errorCode`), else the general status, else the HTTP status in words."""
        if 200 <= answer.status < 300:
            return "" if is_object(answer.body) else NOT_FCM
        try:
            error = parse_object(answer.body)["error"]
            details = [detail["errorCode"] for detail in error.get("details", []) if "errorCode" in detail]
            return word((details or [error["status"]])[0], no_word(answer.status))
        except (LookupError, TypeError, AttributeError):
            return no_word(answer.status)


def _token_refused(error: google_exceptions.RefreshError) -> Result:
    """Google's words stand in the first argument; the second is the whole answer and stays out of the log."""
    outcome = Outcome.RETRY if error.retryable else Outcome.MISCONFIGURED
    return Result(outcome, f"no access token: {str(error.args[0] if error.args else error)[:180]}")


def content_of(message: PushMessage, text: str) -> dict[str, str]:
    """Build the data of a message: the app shows it, and fetches the challenge with the ids in it."""
    content = {
        "og_transaction_id": message.transaction_id,
        "og_profile_id": message.profile_id,
        "og_message": text,
    }
    return {"content": json.dumps(content, ensure_ascii=False)}


def payload(message: PushMessage, text: str, destination: Destination, seconds: int) -> Mapping[str, Any]:
    android = {"priority": "HIGH", "ttl": f"{seconds}s", "collapse_key": message.transaction_id}
    notification = {"notification": {"body": text}} if destination.cordova else {}
    return {"token": message.token, "data": content_of(message, text), "android": android, **notification}


def _request(destination: Destination, content: Mapping[str, Any], credential: str) -> http.Request:
    return http.Request(
        "POST",
        destination.configuration.message_url,
        {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"},
        compact(content),
        CONNECT_SECONDS,
        ANSWER_SECONDS,
        proxy=system.external_proxy(),
    )
