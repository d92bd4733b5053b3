"""Sending of pushes, in parallel, each to the provider of its configuration."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from uuid import UUID

import structlog

from apps.outgoing import checked, http, multiplex
from apps.push.destinations import Destination
from apps.push.models import Kind
from apps.push.providers.apns import Apns
from apps.push.providers.base import Provider, PushMessage, PushOutcome, PushResult, SendError
from apps.push.providers.fcm import Fcm
from apps.push.providers.fcm_legacy import FcmLegacy
from apps.push.providers.web_push.provider import WebPush

log = structlog.get_logger(__name__)

# Reason if a response cannot be parsed.
UNRECOGNIZED_RESPONSE = "not a response of the provider"
_apns = Apns()
PROVIDERS: dict[Kind, Provider] = {
    Kind.FCM_HTTP_V1: Fcm(),
    Kind.FCM_LEGACY: FcmLegacy(),
    Kind.APNS_TOKEN: _apns,
    Kind.APNS_CERTIFICATE: _apns,
    Kind.WEB_PUSH: WebPush(),
}

T = TypeVar("T")


class _CredentialCache:
    """Credentials of one batch of pushes. Each is requested once per configuration, even after a failure."""

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
    """Send pushes in parallel; yields each result with the item of its push as soon as the response arrives.

    Failures of a provider or the network are results, not exceptions. Takes at most 19 s: 10 s for access tokens and
    9 s for the responses; with Web Push 12 s: 3 s for the lookups of hosts, and 9 s. `before_waiting` is called between
    these steps. The database is not used after it.
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
            ready.append((_Sent(item, provider, destination, message, credential), request))
    before_waiting()
    if failed:
        yield failed
    for responses in checked.send_all(ready, _Sent.build_follow_up):
        yield [(sent.item, sent.parse(response)) for sent, response in responses]


@dataclass(frozen=True, repr=False)
class _Sent(Generic[T]):
    """Push whose request was sent, with all that its response can require."""

    item: T
    provider: Provider
    destination: Destination
    message: PushMessage
    credential: str

    def build_follow_up(self, response: http.Response) -> http.Request | None:
        return self.provider.build_follow_up(self.destination, self.message, self.credential, response)

    def parse(self, response: http.Response | http.NoResponse) -> PushResult:
        return _parse_response(self.provider, self.destination, self.credential, response)


def _parse_response(
    provider: Provider, destination: Destination, credential: str, response: http.Response | http.NoResponse
) -> PushResult:
    if isinstance(response, http.NoResponse):
        return provider.parse_network_error(response)
    try:
        result = provider.parse_response(response)
    except Exception:
        # An error in the parser must not affect the results of other pushes.
        log.exception("push_response_error")
        return PushResult(PushOutcome.RETRY, UNRECOGNIZED_RESPONSE, response.status)
    if result.credential_refused:
        provider.discard_credential(destination.configuration, credential)
    return result


def send(destination: Destination, message: PushMessage) -> PushResult:
    """Send one push and return its result. A rejected access token is replaced once, as in the worker."""
    [[(_item, result)]] = send_all([(None, destination, message)])
    if result.credential_refused:
        [[(_item, result)]] = send_all([(None, destination, message)])
    if result.credential_refused:
        return replace(result, outcome=PushOutcome.MISCONFIGURED, credential_refused=False)
    return result


def probe(destination: Destination) -> PushResult:
    """Check credential and URL with a message that reaches no device.

    Both are valid if the outcome is ACCEPTED. The provider can do this by rejecting the unknown device or the message.
    Other outcomes have the same meaning as for a push.
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
