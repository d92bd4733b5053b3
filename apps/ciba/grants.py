"""Token requests (CIBA Core 1.0, 10.1 and 11): pending, denied, expired, or tokens, once."""

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from apps.ciba import tokens
from apps.ciba.errors import AuthorizationPending, Denied, ExpiredToken, InvalidGrant, PolledTooSoon
from apps.ciba.models import AuthenticationRequest, CibaClient, DeliveryMode
from apps.ciba.requests import INTERVAL_SECONDS, PURPOSE
from apps.ciba.tokens import Tokens
from apps.common import codes, errors, statements
from apps.common.statements import AnyOf, Select, Update
from apps.events import failed_access
from apps.events import services as events
from apps.events.facts import FailedApiAccessFacts
from apps.events.types import EventTypes
from apps.transactions.models import Reason, Status, Transaction

# Timers of clients are not exact, and networks delay some requests.
TOLERANCE = timedelta(seconds=1)
DENIALS: dict[str, str] = {
    Reason.NOT_ACCEPTED: "The user denied the request.",
    Reason.INVALID_ANSWER: "The approval of the user was invalid.",
    Reason.FAILED_TO_SEND: "The request could not be sent to the device of the user.",
}

REQUEST = Select(
    lambda hashes: (
        AuthenticationRequest.objects.select_related("transaction")
        .filter(AnyOf("auth_req_id_hash", hashes))
        .order_by()[:1]
    )
)
AUTHENTICATED = Transaction.objects.filter(pk=OuterRef("transaction_id"), status=Status.AUTHENTICATED)
# The update that issues tokens: once, and never without an approval, whatever its caller has checked.
REDEEMABLE = Update(
    lambda request_id: AuthenticationRequest.objects.filter(Exists(AUTHENTICATED), pk=request_id, used_at=None)
)
POLLED = Update(lambda request_id: AuthenticationRequest.objects.filter(pk=request_id))
POLLED_TOO_SOON = Update(
    lambda request_id: AuthenticationRequest.objects.filter(pk=request_id), interval=F("interval") + INTERVAL_SECONDS
)


def redeem(auth_req_id: str, client: CibaClient) -> Tokens:
    """Return the tokens of an authenticated request, once.

    Raises UnauthorizedClient, InvalidGrant, AuthorizationPending, PolledTooSoon, Denied or ExpiredToken.
    """
    request = REQUEST.first(hashes=codes.hash_candidates(auth_req_id, PURPOSE))
    if request is None or request.client_id != client.client_id:
        _record_rejection(client, "unknown_auth_req_id")
        raise InvalidGrant
    if DeliveryMode.PUSH in (request.delivery_mode, client.delivery_mode):
        raise errors.UnauthorizedClient("A client with the delivery mode push cannot use the token endpoint.")
    if request.used_at:
        _record_rejection(client, "used_auth_req_id")
        raise InvalidGrant
    require_authenticated(request, timezone.now())
    return issue_once(request, client)


def require_authenticated(request: AuthenticationRequest, now: datetime) -> None:
    """Raise the error of a request whose transaction is not authenticated, or that has expired since."""
    transaction = request.transaction
    status = transaction.current_status(now)
    if status == Status.PENDING:
        raise _record_poll(request, now)
    if status in (Status.NOT_AUTHENTICATED, Status.CANCELLED):
        raise Denied(denial(transaction))
    if status != Status.AUTHENTICATED or request.expires_at <= now:
        raise ExpiredToken


def denial(transaction: Transaction) -> str:
    """Return why the user is not authenticated."""
    return DENIALS.get(transaction.reason, "The request was cancelled.")


def _record_poll(request: AuthenticationRequest, now: datetime) -> errors.ApiError:
    """Store the time of a poll, and return the error: a poll before the interval has passed lengthens it."""
    changes = {"last_polled_at": now}
    next_poll_at = request.last_polled_at and request.last_polled_at + timedelta(seconds=request.interval) - TOLERANCE
    if next_poll_at and now < next_poll_at:
        POLLED_TOO_SOON.run(changes, request_id=request.pk)
        return PolledTooSoon(request.interval + INTERVAL_SECONDS)
    POLLED.run(changes, request_id=request.pk)
    return AuthorizationPending()


def issue_once(request: AuthenticationRequest, client: CibaClient) -> Tokens:
    """Return the tokens of an authenticated request. Raises InvalidGrant if it is not, or if its tokens were issued."""
    transaction = request.transaction
    transaction.client = client.client
    issued = tokens.issue(request, client.client.client_id)
    event = events.build(EventTypes.CIBA_TOKENS_ISSUED, transaction.facts)
    # Of concurrent requests, the first updates the row.
    claimed = REDEEMABLE.bind({"used_at": timezone.now()}, request_id=request.pk)
    if not statements.update_and_insert(claimed, [event]):
        _record_rejection(client, "used_auth_req_id")
        raise InvalidGrant
    events.count_and_log([event])
    return issued


def issue_for_push(request: AuthenticationRequest, auth_req_id: str) -> Tokens:
    """Return the tokens of an authenticated request that are pushed, for each attempt."""
    issued = tokens.issue(request, request.client.client_id, auth_req_id=auth_req_id)
    request.transaction.client = request.client
    event = events.build(EventTypes.CIBA_TOKENS_ISSUED, request.transaction.facts)
    # A repeated attempt updates no row, and records no second event.
    if statements.update_and_insert(REDEEMABLE.bind({"used_at": timezone.now()}, request_id=request.pk), [event]):
        events.count_and_log([event])
    return issued


def _record_rejection(client: CibaClient, reason: str) -> None:
    facts = FailedApiAccessFacts(client_id=client.client.client_id, reason=reason)
    failed_access.record(EventTypes.CIBA_TOKEN_REQUEST_REJECTED, facts)
