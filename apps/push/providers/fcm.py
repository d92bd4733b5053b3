"""Firebase Cloud Messaging, HTTP v1.

The table below follows https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and .../v1/ErrorCode.
"""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from google.auth import exceptions as google_exceptions

from apps.common.encryption import CannotDecrypt
from apps.outgoing import http
from apps.push.destinations import Destination
from apps.push.models import PushMessagingConfiguration
from apps.push.providers.base import (
    CONNECT_TIMEOUT_SECONDS,
    TIMEOUT_SECONDS,
    Provider,
    PushMessage,
    PushOutcome,
    PushResult,
    SendError,
    encode_json,
    is_object,
    parse_object,
    status_reason,
    string_or,
    truncate_to_fit,
    unusable_credential,
)
from apps.push.providers.google_tokens import AccessTokenCache
from apps.system import services as system

# A token without an app.
PROBE_TOKEN = "0"
# Another server, for example a proxy, sent the response.
NOT_FCM = "not a response of FCM"


class Fcm(Provider):
    outcomes: ClassVar[Mapping[str, PushOutcome]] = {
        "UNREGISTERED": PushOutcome.DEAD_TOKEN,
        "SENDER_ID_MISMATCH": PushOutcome.DEAD_TOKEN,
        "QUOTA_EXCEEDED": PushOutcome.RETRY,
        "UNAVAILABLE": PushOutcome.RETRY,
        "INTERNAL": PushOutcome.RETRY,
        NOT_FCM: PushOutcome.RETRY,
        "PERMISSION_DENIED": PushOutcome.MISCONFIGURED,
        "THIRD_PARTY_AUTH_ERROR": PushOutcome.MISCONFIGURED,
        "NOT_FOUND": PushOutcome.MISCONFIGURED,
        "INVALID_ARGUMENT": PushOutcome.REFUSED,
    }
    expired_credential_reasons = frozenset({"UNAUTHENTICATED", "HTTP 401"})

    def __init__(self) -> None:
        self._tokens = AccessTokenCache()

    def get_credential(self, configuration: PushMessagingConfiguration) -> str:
        try:
            return self._tokens.get(configuration)
        except google_exceptions.TransportError as error:
            kind = error.__cause__.kind if isinstance(error.__cause__, http.NoResponse) else None
            raise SendError(PushResult(PushOutcome.RETRY, f"no access token: {error}", error_kind=kind)) from None
        except google_exceptions.RefreshError as error:
            raise SendError(_token_error(error)) from None
        except (CannotDecrypt, ValueError, TypeError, google_exceptions.GoogleAuthError) as error:
            raise unusable_credential(error) from None

    def discard_credential(self, configuration: PushMessagingConfiguration, credential: str) -> None:
        self._tokens.discard(configuration, credential)

    def build_request(self, destination: Destination, message: PushMessage, credential: str) -> http.Request:
        seconds = message.ttl_seconds
        content = truncate_to_fit(
            message.text, lambda text: {"message": build_payload(message, text, destination, seconds)}
        )
        return _build_request(destination, content, credential)

    def build_probe(self, destination: Destination, credential: str) -> http.Request:
        return _build_request(
            destination, {"validate_only": True, "message": {"token": PROBE_TOKEN, "data": {}}}, credential
        )

    def parse_reason(self, response: http.Response) -> str:
        """Return the error code of FCM (`details[].errorCode`), otherwise its status, otherwise the HTTP status."""
        if 200 <= response.status < 300:
            return "" if is_object(response.body) else NOT_FCM
        try:
            error = parse_object(response.body)["error"]
            details = [detail["errorCode"] for detail in error.get("details", []) if "errorCode" in detail]
            return string_or((details or [error["status"]])[0], status_reason(response.status))
        except (LookupError, TypeError, AttributeError):
            return status_reason(response.status)


def _token_error(error: google_exceptions.RefreshError) -> PushResult:
    """Return the result of a failed token request.

    The first argument of the error is Google's message. The second is the whole response, which must not be logged.
    """
    outcome = PushOutcome.RETRY if error.retryable else PushOutcome.MISCONFIGURED
    return PushResult(outcome, f"no access token: {str(error.args[0] if error.args else error)[:180]}")


def build_data(message: PushMessage, text: str) -> dict[str, str]:
    """Build the data of a message: the text that the app shows, and the ids with which it fetches the challenge."""
    content = {
        "og_transaction_id": message.transaction_id,
        "og_profile_id": message.profile_id,
        "og_message": text,
    }
    return {"content": json.dumps(content, ensure_ascii=False)}


def build_payload(message: PushMessage, text: str, destination: Destination, seconds: int) -> Mapping[str, Any]:
    android = {"priority": "HIGH", "ttl": f"{seconds}s", "collapse_key": message.transaction_id}
    notification = {"notification": {"body": text}} if destination.cordova else {}
    return {"token": message.token, "data": build_data(message, text), "android": android, **notification}


def _build_request(destination: Destination, content: Mapping[str, Any], credential: str) -> http.Request:
    return http.Request(
        "POST",
        destination.configuration.message_url,
        {"Authorization": f"Bearer {credential}", "Content-Type": "application/json"},
        encode_json(content),
        CONNECT_TIMEOUT_SECONDS,
        TIMEOUT_SECONDS,
        proxy=system.external_proxy(),
    )
