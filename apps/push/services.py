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
from apps.push.providers.base import Destination, Outcome, Provider, PushMessage, Result, Unsendable
from apps.push.providers.fcm import Fcm
from apps.push.providers.fcm_legacy import FcmLegacy

log = structlog.get_logger(__name__)

# What cannot be made out at all.
UNINTELLIGIBLE = "not an answer of the push service"
_apns = Apns()
PROVIDERS: dict[Kind, Provider] = {
    Kind.FCM_HTTP_V1: Fcm(),
    Kind.FCM_LEGACY: FcmLegacy(),
    Kind.APNS_TOKEN: _apns,
    Kind.APNS_CERTIFICATE: _apns,
}

T = TypeVar("T")


class _Credentials:
    """One credential a configuration for all that is sent at once, asked for once, whether there is one or not."""

    def __init__(self) -> None:
        self._known: dict[UUID, str | Unsendable] = {}

    def get(self, destination: Destination) -> str:
        configuration = destination.configuration
        if configuration.pk not in self._known:
            try:
                self._known[configuration.pk] = PROVIDERS[configuration.kind].credential(configuration)
            except Unsendable as error:
                self._known[configuration.pk] = error
        found = self._known[configuration.pk]
        if isinstance(found, Unsendable):
            raise found
        return found


def send_all(
    pushes: Iterable[tuple[T, Destination, PushMessage]], *, before_waiting: Callable[[], object] = lambda: None
) -> Iterator[list[tuple[T, Result]]]:
    """Send pushes at once and yield what the providers said, each with the object it was given with, as it comes.

    No fault of another side is an exception. Takes at most 19 s: for an access token 10, for the answers 9.
    `before_waiting` is called between the two: what comes after it reads nothing from the database.
    """
    credentials, failed, ready = _Credentials(), list[tuple[T, Result]](), []
    for item, destination, message in pushes:
        provider = PROVIDERS[destination.configuration.kind]
        try:
            credential = credentials.get(destination)
            request = provider.request(destination, message, credential)
        except Unsendable as error:
            failed.append((item, error.result))
        else:
            ready.append(((item, partial(_judge, provider, destination, credential)), request))
    before_waiting()
    if failed:
        yield failed
    for answers in multiplex.send_all(ready):
        yield [(item, judge(answer)) for (item, judge), answer in answers]


def _judge(
    provider: Provider, destination: Destination, credential: str, answer: http.Response | http.NoResponse
) -> Result:
    if isinstance(answer, http.NoResponse):
        return Result(Outcome.RETRY, answer.reason)
    try:
        result = provider.judge(answer)
    except Exception:
        # A fault of our own: the answers to other pushes are not lost with it.
        log.exception("push_response_error")
        return Result(Outcome.RETRY, UNINTELLIGIBLE, answer.status)
    if result.credential_refused:
        provider.forget(destination.configuration, credential)
    return result


def send(destination: Destination, message: PushMessage) -> Result:
    """Send one push and say what the provider answered. A refused credential is replaced once, as for any push."""
    [[(_item, result)]] = send_all([(None, destination, message)])
    if result.credential_refused:
        [[(_item, result)]] = send_all([(None, destination, message)])
    if result.credential_refused:
        return replace(result, outcome=Outcome.MISCONFIGURED, credential_refused=False)
    return result


def probe(destination: Destination) -> Result:
    """Ask the provider about credential and address with a message that reaches nobody.

    ACCEPTED: both are good, also when the provider says in its own words that it knows no such device, or does not take
    such a message. Anything else means what it means for a push.
    """
    provider = PROVIDERS[destination.configuration.kind]
    try:
        credential = provider.credential(destination.configuration)
        request = provider.probe(destination, credential)
    except Unsendable as error:
        return error.result
    [[(_item, answer)]] = multiplex.send_all([(None, request)])
    result = _judge(provider, destination, credential, answer)
    reached = provider.outcomes.get(result.reason) in (Outcome.DEAD_TOKEN, Outcome.REFUSED)
    return replace(result, outcome=Outcome.ACCEPTED) if reached else result
