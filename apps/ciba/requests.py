"""Start of an authentication request: a transaction of the first type that the user can do.

The transaction is that of the portal API, with the same limits. Nothing here approves one.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from apps.ciba.errors import SlowDown, UnknownUserId
from apps.ciba.models import AuthenticationRequest, CibaClient, DeliveryMode
from apps.ciba.parameters import KIND, SCOPE, Parameters, allowed_types
from apps.common import codes, errors
from apps.events import failed_access
from apps.events import services as events
from apps.events.facts import CibaRequestFacts, FailedApiAccessFacts
from apps.events.types import EventTypes
from apps.transactions.methods.base import StartedTransaction
from apps.transactions.portal import services as transactions
from apps.transactions.request import messages
from apps.transactions.request.channels import Channel
from apps.transactions.request.parameters import ApiVersion, is_signing_data_missing
from apps.transactions.types import MobileAuthenticationType

PURPOSE = "CIBA request"
INTERVAL_SECONDS = 5
# Tokens of an approval in the last seconds can be fetched for this time after the expiry of the transaction.
GRACE = timedelta(seconds=60)
# Public message of a push if the type has no default message.
DEFAULT_MESSAGE = "Approve a request?"


@dataclass(frozen=True)
class CibaChannel(Channel):
    """Channel of requests of a client. A fallback is used only if the client may use its type, too."""

    allowed: frozenset[int] = frozenset()

    def supports(self, mobile_type: MobileAuthenticationType) -> bool:
        return mobile_type.pk in self.allowed and super().supports(mobile_type)


@dataclass(frozen=True)
class StartedRequest:
    """Stored request with its id, of which the row has a hash, and the number that the client must show."""

    auth_req_id: str
    expires_in: int
    verification_number: str


def start(parameters: Parameters, client: CibaClient) -> StartedRequest:
    """Start the first type that the user can do.

    Raises UnknownUserId if the user can do none, SlowDown if a limit is reached, InvalidRequest if the type requires
    something that the request lacks, and ServiceUnavailable if the push cannot be stored.
    """
    for mobile_type in parameters.types:
        try:
            return _start(parameters, client, mobile_type)
        except (errors.NoAuthenticationPossibility, errors.TypeNotFound):
            # A type can have been deleted since its client was read.
            continue
    raise UnknownUserId


def _start(parameters: Parameters, client: CibaClient, mobile_type: MobileAuthenticationType) -> StartedRequest:
    channel = CibaChannel(
        callback_kind=KIND,
        can_show_number=True,
        max_lifetime_seconds=parameters.requested_expiry,
        allowed=frozenset(each.pk for each in allowed_types(client)),
    )
    run = partial(_store, parameters, client)
    try:
        return transactions.initiate(_raw(parameters, client, mobile_type), client.client, ApiVersion.V4, run, channel)
    except errors.LimitReached as error:
        raise SlowDown(error.seconds, error.text) from None
    except (errors.InvalidParameter, errors.MessageTooLong) as error:
        raise errors.InvalidRequest(error.text) from None
    except (errors.PushNotStored, errors.SmsNotStored):
        raise errors.ServiceUnavailable from None


def _raw(parameters: Parameters, client: CibaClient, mobile_type: MobileAuthenticationType) -> Mapping[str, str]:
    """Return the parameters of the portal API that start the transaction."""
    raw = {"type": mobile_type.name, "user_id": parameters.user_id}
    if not messages.default_message(mobile_type, ""):
        raw["message"] = DEFAULT_MESSAGE
    details = parameters.authorization_details
    signing_data = details.canonical if details else ""
    if is_signing_data_missing(signing_data, mobile_type):
        raise errors.InvalidRequest("The parameter authorization_details is missing, and the type requires it.")
    secure_message = "\n\n".join(filter(None, [parameters.binding_message, details.lines if details else ""]))
    # Empty parameters count as absent. Types that do not sign ignore the signing data.
    return raw | {
        name: value
        for name, value in (
            ("secure_message", secure_message),
            ("signing_data", signing_data),
            ("callback_uri", client.notification_endpoint),
        )
        if value
    }


def _store(parameters: Parameters, client: CibaClient, store: Callable[[], StartedTransaction]) -> StartedRequest:
    """Store the request in the database transaction that stores the transaction."""
    transaction, details = store().transaction, parameters.authorization_details
    auth_req_id = codes.random_token()
    is_notified = client.delivery_mode != DeliveryMode.POLL
    AuthenticationRequest.objects.create(
        auth_req_id_hash=codes.keyed_hash(auth_req_id, PURPOSE),
        client=client.client,
        transaction=transaction,
        scope=SCOPE,
        delivery_mode=client.delivery_mode,
        auth_req_id=auth_req_id if is_notified else "",
        notification_token=parameters.notification_token,
        authorization_details=json.dumps(details.value) if details else "",
        interval=INTERVAL_SECONDS,
        created_at=transaction.created_at,
        expires_at=transaction.expires_at + GRACE,
    )
    facts = CibaRequestFacts(**transaction.facts, delivery_mode=client.delivery_mode)
    events.record(EventTypes.CIBA_REQUEST_ACCEPTED, facts)
    return StartedRequest(auth_req_id, transaction.time_to_live_seconds, str(transaction.verification_number))


def record_rejection(client: CibaClient, error: errors.ApiError) -> None:
    """Record that a request was rejected. Rejections of one kind share an event."""
    facts = FailedApiAccessFacts(client_id=client.client.client_id, reason=error.token)
    failed_access.record(EventTypes.CIBA_REQUEST_REJECTED, facts)
