"""Messages to Keycloak: the result of an authentication, with the bearer token of its request."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from apps.callbacks import transport
from apps.callbacks.errors import CallbackErrorKind
from apps.callbacks.messages import Message, MessageKind
from apps.callbacks.models import CallbackDelivery
from apps.callbacks.transport import CallbackResult
from apps.common.encryption import CannotDecrypt
from apps.integrations.models import KeycloakRequest
from apps.outgoing import http
from apps.transactions.models import Reason, Status, Transaction

SUCCEED, UNAUTHORIZED, CANCELLED = "SUCCEED", "UNAUTHORIZED", "CANCELLED"
EXPIRED = CallbackResult(
    reason=gettext_noop("the bearer token of the request has expired"),
    error_kind=CallbackErrorKind.CREDENTIAL_EXPIRED,
    final=True,
)
_REJECTED = _(
    "Keycloak rejected the result. Its request has ended, expired or was reported before, or the token was issued by "
    "another realm. Compare the realm URL and the issuer of the integration with the realm, and the clocks of both "
    "servers."
)
_BAD_REQUEST = _(
    "Keycloak rejected the result. The client of the request was disabled or removed, or Keycloak could not notify a "
    "client in ping mode. See its log."
)
_NOT_FOUND = _("There is no realm at this URL. Compare the realm URL of the integration with Keycloak.")


class KeycloakMessages(MessageKind):
    """Results for Keycloak's callback endpoint of CIBA.

    Keycloak discards a request whose result is reported twice before its client has fetched the tokens. An attempt that
    may have arrived is therefore repeated only after two of Keycloak's polling intervals.
    """

    label = _("result for Keycloak")
    final_statuses = frozenset({400, 401, 403, 404})
    remedies = {400: _BAD_REQUEST, 401: _REJECTED, 403: _REJECTED, 404: _NOT_FOUND}
    repeat_delay_seconds = 10.0

    def build(self, deliveries: Sequence[CallbackDelivery], now: datetime) -> Mapping[UUID, Message | CallbackResult]:
        rows = KeycloakRequest.objects.filter(pk__in=[delivery.transaction_id for delivery in deliveries])
        rows = rows.select_related("transaction").only(
            "bearer", "expires_at", "transaction__status", "transaction__reason"
        )
        requests = {row.transaction_id: row for row in rows}
        return {delivery.pk: _message(delivery, requests.get(delivery.transaction_id), now) for delivery in deliveries}

    def erase_secrets(self, transaction_ids: Collection[UUID]) -> None:
        KeycloakRequest.objects.filter(pk__in=transaction_ids).update(bearer="")


def _message(delivery: CallbackDelivery, request: KeycloakRequest | None, now: datetime) -> Message | CallbackResult:
    try:
        bearer = str(request.bearer) if request else ""
    except CannotDecrypt as error:
        return CallbackResult(reason=str(error), error_kind=CallbackErrorKind.CANNOT_DECRYPT)
    if request is None or not bearer or request.expires_at <= now:
        return EXPIRED
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Authorization": f"Bearer {bearer}"}
    body = json.dumps({"status": status_of(request.transaction)}).encode()
    timeouts = (transport.CONNECT_TIMEOUT_SECONDS, transport.TIMEOUT_SECONDS)
    sent = http.Request(
        "POST", delivery.url, headers, body, *timeouts, public_only=True, never_retry=True, pool=transport.POOL
    )
    return Message(sent, request.expires_at)


def status_of(transaction: Transaction) -> str:
    """Return the result of an ended transaction for Keycloak: only an approval succeeds."""
    if transaction.status == Status.AUTHENTICATED:
        return SUCCEED
    is_answered = transaction.status == Status.NOT_AUTHENTICATED and transaction.reason != Reason.FAILED_TO_SEND
    return UNAUTHORIZED if is_answered else CANCELLED
