"""Services of callbacks for other apps: store, redeliver and test."""

from collections.abc import Collection
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.callbacks import failure_tracking, kinds, transport
from apps.callbacks.errors import CallbackErrorKind
from apps.callbacks.models import CallbackDelivery, CallbackEndpoint
from apps.callbacks.transport import CallbackResult
from apps.common import errors
from apps.common.encryption import CannotDecrypt
from apps.common.urls import origin
from apps.events import services as events
from apps.events.changes import redact_urls
from apps.events.facts import RedeliveryFacts, TestCallbackFacts
from apps.events.types import EventTypes
from apps.outbox import models as outbox
from apps.outbox import queues, wakeup
from apps.system import services as system


def is_allowed(url: str) -> bool:
    """Return True if portals may use this callback URL: the allow list is off or contains it."""
    return not system.general().callback_allow_list_enabled or CallbackEndpoint.objects.filter(url=url).exists()


def build(url: str, *, kind: str, transaction_id: UUID, user_id: str, client_id: str) -> CallbackDelivery:
    """Return an unsaved callback. It must be stored in the database transaction that ends the authentication."""
    return CallbackDelivery(
        kind=kind,
        url=url,
        concurrency_key=origin(url),
        transaction_id=transaction_id,
        user_id=user_id,
        client_id=client_id,
    )


def notify_workers() -> None:
    """Notify the workers that callbacks are stored."""
    wakeup.notify_workers(queues.CALLBACKS)


def failed_deliveries(url: str = "") -> QuerySet[CallbackDelivery]:
    """Return the permanently failed callbacks to all URLs or to one."""
    deliveries = CallbackDelivery.objects.filter(state=outbox.State.FAILED)
    return deliveries.filter(url=url) if url else deliveries


def redeliverable_deliveries(url: str = "") -> QuerySet[CallbackDelivery]:
    """Return the permanently failed callbacks that can be sent again: those of kinds that keep their secrets."""
    return failed_deliveries(url).filter(kind__in=kinds.redeliverable())


def redeliver(ids: Collection[UUID] | None = None, *, url: str = "", who: str = "command") -> int:
    """Make permanently failed callbacks due again and return their number. Other callbacks do not change.

    `ids` are ids of callbacks or of transactions. None selects all that can be sent again, or those to `url`. A
    callback older than 24 hours gets a single attempt. `who` is the actor of the event.

    Raises ObjectNotFound for the first unknown id, and InvalidRequest if the secrets of one were erased.
    """
    deliveries = redeliverable_deliveries(url)
    if ids is not None:
        named = Q(pk__in=ids) | Q(transaction_id__in=ids)
        _require_known(ids, CallbackDelivery.objects.filter(named))
        deliveries = deliveries.filter(named)
        _require_redeliverable(failed_deliveries(url).filter(named))
    with transaction.atomic():
        transactions = set(deliveries.values_list("transaction_id", flat=True)[:2])
        count = deliveries.update(state=outbox.State.DUE, due_at=timezone.now(), ended_at=None)
        if count:
            notify_workers()
            # An event about one transaction belongs to the events of that transaction.
            facts = RedeliveryFacts(who=who, count=count)
            if len(transactions) == 1:
                facts["transaction_id"] = transactions.pop()
            if url:
                facts["object"] = redact_urls(url)
            events.record(EventTypes.ADMIN_CALLBACKS_REDELIVERED, facts)
    return count


def _require_known(ids: Collection[UUID], named: QuerySet[CallbackDelivery]) -> None:
    known = {known for pair in named.values_list("pk", "transaction_id") for known in pair}
    if unknown := next((identifier for identifier in ids if identifier not in known), None):
        raise errors.ObjectNotFound(_("No callback or transaction has the id “%(id)s”.") % {"id": unknown})


def _require_redeliverable(failed: QuerySet[CallbackDelivery]) -> None:
    erased = failed.exclude(kind__in=kinds.redeliverable()).first()
    if erased is None:
        return
    text = _(
        "The callback %(id)s cannot be sent again: its credentials were erased when it was given up. Start a new "
        "authentication."
    )
    raise errors.InvalidRequest(text % {"id": erased.pk})


def send_test(endpoint: CallbackEndpoint, *, who: str) -> CallbackResult:
    """Send a test callback for a transaction that does not exist, and return its result. Takes at most 13 s.

    It is not stored and not retried. A failure counts for the alert about failing URLs, as for any callback. `who` is
    the actor of the event.
    """
    result = _call(endpoint)
    events.record(
        EventTypes.ADMIN_TEST_CALLBACK_SENT,
        TestCallbackFacts(
            who=who,
            object=redact_urls(endpoint.url),
            http_status=result.status,
            reason=result.reason,
        ),
    )
    return result


def _call(endpoint: CallbackEndpoint) -> CallbackResult:
    try:
        request = transport.build_request(endpoint.url, uuid4(), f"msg_{uuid4().hex}", endpoint, timezone.now())
    except CannotDecrypt as error:
        return CallbackResult(reason=str(error), error_kind=CallbackErrorKind.CANNOT_DECRYPT)
    [[(_item, result)]] = transport.send_all([(None, request)])
    failure_tracking.record([(endpoint.url, result)])
    return result
