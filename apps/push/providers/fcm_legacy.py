"""FCM's legacy HTTP API, which Google shut down in 2024, for gateways that still speak it.

https://firebase.google.com/docs/cloud-messaging/http-server-ref for the table below.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

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
    compact,
    fit,
    no_word,
    parse_object,
    unusable,
    word,
)
from apps.push.providers.fcm import NOBODY, NOT_FCM, content_of
from apps.system import services as system


class FcmLegacy(Provider):
    outcomes: ClassVar[Mapping[str, Outcome]] = {
        "NotRegistered": Outcome.DEAD_TOKEN,
        "InvalidRegistration": Outcome.DEAD_TOKEN,
        "MismatchSenderId": Outcome.DEAD_TOKEN,
        "Unavailable": Outcome.RETRY,
        "InternalServerError": Outcome.RETRY,
        "DeviceMessageRateExceeded": Outcome.RETRY,
        "TopicsMessageRateExceeded": Outcome.RETRY,
        NOT_FCM: Outcome.RETRY,
        "InvalidApnsCredential": Outcome.MISCONFIGURED,
        "InvalidPackageName": Outcome.MISCONFIGURED,
        "MissingRegistration": Outcome.REFUSED,
        "MessageTooBig": Outcome.REFUSED,
        "InvalidDataKey": Outcome.REFUSED,
        "InvalidTtl": Outcome.REFUSED,
        "InvalidParameters": Outcome.REFUSED,
    }

    def credential(self, configuration: PushMessagingConfiguration) -> str:
        try:
            return str(configuration.server_key)
        except CannotDecrypt as error:
            raise unusable(error) from None

    def request(self, destination: Destination, message: PushMessage, credential: str) -> http.Request:
        seconds = message.seconds_to_live
        content = fit(message.text, lambda text: payload(message, text, destination, seconds))
        return _request(destination, content, credential)

    def probe(self, destination: Destination, credential: str) -> http.Request:
        return _request(destination, {"to": NOBODY, "dry_run": True, "data": {}}, credential)

    def reason(self, answer: http.Response) -> str:
        """Return the error of the one result: the legacy API answers 200 to what it refuses, too."""
        if answer.status != 200:
            return no_word(answer.status)
        match parse_object(answer.body).get("results"):
            case [{"error": error}]:
                return word(error, NOT_FCM)
            case [{}]:
                return ""
        return NOT_FCM


def payload(message: PushMessage, text: str, destination: Destination, seconds: int) -> Mapping[str, Any]:
    notification = {"notification": {"body": text}} if destination.cordova else {}
    return {
        "to": message.token,
        "priority": "high",
        "time_to_live": seconds,
        "collapse_key": message.transaction_id,
        "data": content_of(message, text),
        **notification,
    }


def _request(destination: Destination, content: Mapping[str, Any], credential: str) -> http.Request:
    return http.Request(
        "POST",
        destination.configuration.message_url,
        {"Authorization": f"key={credential}", "Content-Type": "application/json"},
        compact(content),
        CONNECT_SECONDS,
        ANSWER_SECONDS,
        proxy=system.external_proxy(),
    )
