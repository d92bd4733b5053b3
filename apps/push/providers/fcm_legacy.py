"""FCM's legacy HTTP API, for gateways that support it. Google shut it down in 2024.

The table below follows https://firebase.google.com/docs/cloud-messaging/http-server-ref.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

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
    encode_json,
    parse_object,
    status_reason,
    string_or,
    truncate_to_fit,
    unusable_credential,
)
from apps.push.providers.fcm import NOT_FCM, PROBE_TOKEN, build_data
from apps.system import services as system


class FcmLegacy(Provider):
    outcomes: ClassVar[Mapping[str, PushOutcome]] = {
        "NotRegistered": PushOutcome.DEAD_TOKEN,
        "InvalidRegistration": PushOutcome.DEAD_TOKEN,
        "MismatchSenderId": PushOutcome.DEAD_TOKEN,
        "Unavailable": PushOutcome.RETRY,
        "InternalServerError": PushOutcome.RETRY,
        "DeviceMessageRateExceeded": PushOutcome.RETRY,
        "TopicsMessageRateExceeded": PushOutcome.RETRY,
        NOT_FCM: PushOutcome.RETRY,
        "InvalidApnsCredential": PushOutcome.MISCONFIGURED,
        "InvalidPackageName": PushOutcome.MISCONFIGURED,
        "MissingRegistration": PushOutcome.REFUSED,
        "MessageTooBig": PushOutcome.REFUSED,
        "InvalidDataKey": PushOutcome.REFUSED,
        "InvalidTtl": PushOutcome.REFUSED,
        "InvalidParameters": PushOutcome.REFUSED,
    }

    def get_credential(self, configuration: PushMessagingConfiguration) -> str:
        try:
            return str(configuration.server_key)
        except CannotDecrypt as error:
            raise unusable_credential(error) from None

    def build_request(self, destination: Destination, message: PushMessage, credential: str) -> http.Request:
        seconds = message.ttl_seconds
        content = truncate_to_fit(message.text, lambda text: build_payload(message, text, destination, seconds))
        return _build_request(destination, content, credential)

    def build_probe(self, destination: Destination, credential: str) -> http.Request:
        return _build_request(destination, {"to": PROBE_TOKEN, "dry_run": True, "data": {}}, credential)

    def parse_reason(self, response: http.Response) -> str:
        """Return the error of the single result. The legacy API returns status 200 for rejected messages too."""
        if response.status != 200:
            return status_reason(response.status)
        match parse_object(response.body).get("results"):
            case [{"error": error}]:
                return string_or(error, NOT_FCM)
            case [{}]:
                return ""
        return NOT_FCM


def build_payload(message: PushMessage, text: str, destination: Destination, seconds: int) -> Mapping[str, Any]:
    notification = {"notification": {"body": text}} if destination.cordova else {}
    return {
        "to": message.token,
        "priority": "high",
        "time_to_live": seconds,
        "collapse_key": message.transaction_id,
        "data": build_data(message, text),
        **notification,
    }


def _build_request(destination: Destination, content: Mapping[str, Any], credential: str) -> http.Request:
    return http.Request(
        "POST",
        destination.configuration.message_url,
        {"Authorization": f"key={credential}", "Content-Type": "application/json"},
        encode_json(content),
        CONNECT_TIMEOUT_SECONDS,
        TIMEOUT_SECONDS,
        proxy=system.external_proxy(),
    )
