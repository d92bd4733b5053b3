"""Sending pushes: many at once, each to the provider of its configuration."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeVar
from uuid import UUID

import structlog

from apps.outgoing import http, multiplex
from apps.push.models import Kind
from apps.push.providers.apns import Apns
from apps.push.providers.base import Destination, Provider, PushMessage, PushOutcome, PushResult, SendError
from apps.push.providers.fcm import Fcm
from apps.push.providers.fcm_legacy import FcmLegacy

log = structlog.get_logger(__name__)

# What cannot be made out at all.
UNRECOGNIZED_RESPONSE = "not an answer of the push service"
_apns = Apns()
PROVIDERS: dict[Kind, Provider] = {
    Kind.FCM_HTTP_V1: Fcm(),
    Kind.FCM_LEGACY: FcmLegacy(),
    Kind.APNS_TOKEN: _apns,
    Kind.APNS_CERTIFICATE: _apns,
}

T = TypeVar("T")


class _CredentialCache:
    """One credential a configuration for all that is sent at once, asked for once, whether there is one or not."""

    def __init__(self) -> None:
        self._cached: dict[UUID, str | SendError] = {}

    def get(self, destination: Destination) -> str:
        configuration = destination.configuration
        if configuration.pk not in self._cached:
            try:
                self._cached[configuration.pk] = PROVIDERS[configuration.kind].get_credential(configuration)
            except SendError as error:
                self._cached[configuration.pk] = error
        cached = self._cached[configuration.pk]
        if isinstance(cached, SendError):
            raise cached
        return cached


def send_all(
    pushes: Iterable[tuple[T, Destination, PushMessage]], *, before_waiting: Callable[[], object] = lambda: None
) -> Iterator[list[tuple[T, PushResult]]]:
    """Send pushes at once and yield what the providers said, each with the object it was given with, as it comes.

    No fault of another side is an exception. Takes at most 19 s: for an access token 10, for the answers 9.
    `before_waiting` is called between the two: what comes after it reads nothing from the database.
    """
    credentials, failed, ready = _CredentialCache(), list[tuple[T, PushResult]](), []
    for item, destination, message in pushes:
        provider = PROVIDERS[destination.configuration.kind]
        try:
            credential = credentials.get(destination)
            request = provider.build_request(destination, message, credential)
        except SendError as error:
            failed.append((item, error.result))
        else:
            ready.append(((item, partial(_parse_response, provider, destination, credential)), request))
    before_waiting()
    if failed:
        yield failed
    for responses in multiplex.send_all(ready):
        yield [(item, parse(response)) for (item, parse), response in responses]


def _parse_response(
    provider: Provider, destination: Destination, credential: str, response: http.Response | http.NoResponse
) -> PushResult:
    if isinstance(response, http.NoResponse):
        return PushResult(PushOutcome.RETRY, response.reason, error_kind=response.kind)
    try:
        result = provider.parse_response(response)
    except Exception:
        # A fault of our own: the answers to other pushes are not lost with it.
        log.exception("push_response_error")
        return PushResult(PushOutcome.RETRY, UNRECOGNIZED_RESPONSE, response.status)
    if result.credential_refused:
        provider.discard_credential(destination.configuration, credential)
    return result


def send(destination: Destination, message: PushMessage) -> PushResult:
    """Send one push and say what the provider answered. A refused credential is replaced once, as for any push."""
    [[(_item, result)]] = send_all([(None, destination, message)])
    if result.credential_refused:
        [[(_item, result)]] = send_all([(None, destination, message)])
    if result.credential_refused:
        return replace(result, outcome=PushOutcome.MISCONFIGURED, credential_refused=False)
    return result


def probe(destination: Destination) -> PushResult:
    """Ask the provider about credential and address with a message that reaches nobody.

    ACCEPTED: both are good, also when the provider says in its own words that it knows no such device, or does not take
    such a message. Anything else means what it means for a push.
    """
    provider = PROVIDERS[destination.configuration.kind]
    try:
        credential = provider.get_credential(destination.configuration)
        request = provider.build_probe(destination, credential)
    except SendError as error:
        return error.result
    [[(_item, response)]] = multiplex.send_all([(None, request)])
    result = _parse_response(provider, destination, credential, response)
    is_accepted = provider.outcomes.get(result.reason) in (PushOutcome.DEAD_TOKEN, PushOutcome.REFUSED)
    return replace(result, outcome=PushOutcome.ACCEPTED) if is_accepted else result
