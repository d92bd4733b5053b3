"""What the rest of the server asks of callbacks."""

from collections.abc import Collection
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.callbacks import failure_tracking, tasks, transport
from apps.callbacks.models import CallbackDelivery, CallbackEndpoint
from apps.callbacks.transport import CallbackResult
from apps.common import errors
from apps.common.encryption import CannotDecrypt
from apps.common.urls import origin
from apps.events import services as events
from apps.events.changes import redact_urls
from apps.events.types import EventType
from apps.outbox import models as outbox
from apps.outbox import wakeup
from apps.system import services as system


def is_allowed(url: str) -> bool:
    """Say whether a portal may name this address: always, unless the allow list is on and lacks it."""
    return not system.general().callback_allow_list_enabled or CallbackEndpoint.objects.filter(url=url).exists()


def enqueue(url: str, *, transaction_id: UUID, user_id: str, client_id: str) -> None:
    """Store a callback for sending, inside the database transaction that ends the authentication."""
    CallbackDelivery.objects.create(
        url=url, concurrency_key=origin(url), transaction_id=transaction_id, user_id=user_id, client_id=client_id
    )
    wakeup.notify_workers(CallbackDelivery, tasks.deliver.delay)


def failed_deliveries(url: str = "") -> QuerySet[CallbackDelivery]:
    """Return the callbacks that failed for good, to all addresses or to one."""
    deliveries = CallbackDelivery.objects.filter(state=outbox.State.FAILED)
    return deliveries.filter(url=url) if url else deliveries


def redeliver(ids: Collection[UUID] | None = None, *, url: str = "", who: str = "command") -> int:
    """Make callbacks that failed for good due again and return how many; what is under way or done is left alone.

    `ids` are those of callbacks or of transactions; ObjectNotFound names the first that is neither. None: all failed
    ones, to one address when `url` names it. One that is older than 24 hours gets a single try. The event says `who`
    wanted it.
    """
    deliveries = failed_deliveries(url)
    if ids is not None:
        named = CallbackDelivery.objects.filter(Q(pk__in=ids) | Q(transaction_id__in=ids))
        known = {known for pair in named.values_list("pk", "transaction_id") for known in pair}
        if unknown := next((identifier for identifier in ids if identifier not in known), None):
            raise errors.ObjectNotFound(
                _("There is no callback “%(id)s”, and none of such a transaction.") % {"id": unknown}
            )
        deliveries = deliveries.filter(Q(pk__in=ids) | Q(transaction_id__in=ids))
    with transaction.atomic():
        transactions = set(deliveries.values_list("transaction_id", flat=True)[:2])
        count = deliveries.update(state=outbox.State.DUE, due_at=timezone.now(), ended_at=None, claim=None)
        if count:
            wakeup.notify_workers(CallbackDelivery, tasks.deliver.delay)
            # About one transaction, it belongs to that one's history.
            transaction_fields = {"transaction_id": transactions.pop()} if len(transactions) == 1 else {}
            object_fields = {"object": redact_urls(url)} if url else {}
            events.record(
                EventType.ADMIN_CALLBACKS_REDELIVERED, who=who, count=count, **transaction_fields, **object_fields
            )
    return count


def send_test(endpoint: CallbackEndpoint, *, who: str) -> CallbackResult:
    """Call an endpoint as after a login, about a transaction that does not exist, and say what came; takes up to 13 s.

    It is not stored and not repeated, and counts for the alert about URLs that fail like any other call. The
    event says `who` wanted it.
    """
    result = _call(endpoint)
    events.record(
        EventType.ADMIN_TEST_CALLBACK_SENT,
        who=who,
        object=redact_urls(endpoint.url),
        http_status=result.status,
        reason=result.reason,
    )
    return result


def _call(endpoint: CallbackEndpoint) -> CallbackResult:
    try:
        request = transport.build_request(endpoint.url, uuid4(), f"msg_{uuid4().hex}", endpoint, timezone.now())
    except CannotDecrypt as error:
        return CallbackResult(reason=str(error))
    [[(_item, result)]] = transport.send_all([(None, request)])
    failure_tracking.record([(endpoint.url, result)])
    return result
