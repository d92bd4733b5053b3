"""Notifications of clients (CIBA Core 1.0, 10.2, 10.3 and 12): a kind of message in the outbox of callbacks.

A ping says that the result of a request can be fetched. A push contains the result: the tokens or the error. Tokens are
signed when they are sent, so that none is stored. A repeated attempt carries the same `auth_req_id`, `txn` and `jti`:
the client can recognize it, and it gives no other right.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from apps.applications.models import Api
from apps.callbacks import transport
from apps.callbacks.errors import CallbackErrorKind
from apps.callbacks.messages import Message, MessageKind
from apps.callbacks.models import CallbackDelivery
from apps.callbacks.transport import CallbackResult
from apps.ciba import grants
from apps.ciba.models import AuthenticationRequest, CibaClient, DeliveryMode
from apps.common import codes
from apps.common.encryption import CannotDecrypt
from apps.common.statements import AnyOf, Select
from apps.events import services as events
from apps.events.changes import redact_urls
from apps.events.facts import TestCallbackFacts
from apps.events.types import EventTypes
from apps.outgoing import http
from apps.transactions.models import Reason, Status, Transaction

# A result is of no use to a user who has left.
GIVE_UP_AFTER = timedelta(minutes=10)
# Statuses that a repeated request can change: timeout, too early, too many requests.
TRANSIENT_STATUSES = {408, 425, 429}
DENIALS = (Reason.NOT_ACCEPTED, Reason.INVALID_ANSWER)

REQUESTS = Select(
    lambda ids: (
        AuthenticationRequest.objects.select_related("client", "transaction")
        .filter(AnyOf("transaction_id", ids))
        .order_by()
    )
)


class Notifications(MessageKind):
    """Pings and pushes to the notification endpoint of a client. Redirects are failures (CIBA Core 1.0, 10.2)."""

    label = _("CIBA notification")
    final_statuses = frozenset(range(300, 500)) - TRANSIENT_STATUSES
    remedies = {
        401: _(
            "The client rejects the notification token, which it sent itself in the authentication request. Compare "
            "the tokens in the client's log."
        ),
        404: _("The path does not exist. Check the notification endpoint of the API client."),
    }

    def build(self, deliveries: Sequence[CallbackDelivery], now: datetime) -> Mapping[UUID, Message | CallbackResult]:
        found = REQUESTS.all(ids=[delivery.transaction_id for delivery in deliveries])
        requests = {request.transaction_id: request for request in found}
        return {delivery.pk: _message(delivery, requests.get(delivery.transaction_id), now) for delivery in deliveries}

    def erase_secrets(self, transaction_ids: Collection[UUID]) -> None:
        requests = AuthenticationRequest.objects.filter(transaction_id__in=transaction_ids)
        requests.update(auth_req_id="", notification_token="")


def _message(
    delivery: CallbackDelivery, request: AuthenticationRequest | None, now: datetime
) -> Message | CallbackResult:
    if request is None or not request.__dict__.get("notification_token"):
        return CallbackResult(reason=gettext_noop("the notification token was erased"), final=True)
    if Api.CIBA not in request.client.apis:
        return CallbackResult(reason=gettext_noop("the client may no longer use CIBA"), final=True)
    give_up_at = delivery.created_at + GIVE_UP_AFTER
    if give_up_at <= now:
        reason = gettext_noop("the user answered too long ago to send the result")
        return CallbackResult(reason=reason, error_kind=CallbackErrorKind.CREDENTIAL_EXPIRED, final=True)
    try:
        token, auth_req_id = str(request.notification_token), str(request.auth_req_id)
        body = _result(request, auth_req_id) if request.delivery_mode == DeliveryMode.PUSH else {}
    except CannotDecrypt as error:
        return CallbackResult(reason=str(error), error_kind=CallbackErrorKind.CANNOT_DECRYPT)
    return Message(build_request(delivery.url, token, {"auth_req_id": auth_req_id, **body}), give_up_at)


def build_request(url: str, token: str, body: Mapping[str, Any]) -> http.Request:
    """Build a notification. The rules for addresses and redirects are those of callbacks."""
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Authorization": f"Bearer {token}"}
    timeouts = (transport.CONNECT_TIMEOUT_SECONDS, transport.TIMEOUT_SECONDS)
    return http.Request(
        "POST", url, headers, json.dumps(body).encode(), *timeouts, public_only=True, pool=transport.POOL
    )


def _result(request: AuthenticationRequest, auth_req_id: str) -> dict[str, Any]:
    """Return the members of a push that tell the result (CIBA Core 1.0, 10.3.1 and 12)."""
    if request.transaction.status == Status.AUTHENTICATED:
        return grants.issue_for_push(request, auth_req_id).as_json()
    error, description = _error(request.transaction)
    return {"error": error, "error_description": description}


def _error(transaction: Transaction) -> tuple[str, str]:
    if transaction.status == Status.EXPIRED:
        return "expired_token", "The user did not answer in time."
    error = "access_denied" if transaction.reason in DENIALS else "transaction_failed"
    return error, grants.denial(transaction)


def send_test(row: CibaClient, *, who: str) -> CallbackResult:
    """Send a notification about a request that does not exist, and return its result. It is stored nowhere.

    `who` is the actor of the event.
    """
    body = {"auth_req_id": f"test-{codes.random_token()}"}
    if row.delivery_mode == DeliveryMode.PUSH:
        body |= {"error": "transaction_failed", "error_description": "Test notification"}
    request = build_request(row.notification_endpoint, codes.random_token(), body)
    [[(_item, result)]] = transport.send_all([(None, request)])
    facts = TestCallbackFacts(
        who=who, object=redact_urls(row.notification_endpoint), http_status=result.status, reason=result.reason
    )
    events.record(EventTypes.ADMIN_TEST_CALLBACK_SENT, facts)
    return result
