"""What the rest of the server asks of callbacks."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.callbacks import tasks
from apps.callbacks.models import CallbackDelivery, CallbackEndpoint
from apps.common import outbox
from apps.common.exceptions import ObjectNotFound
from apps.common.urls import lane
from apps.system import services as system


def is_allowed(url: str) -> bool:
    """Say whether a portal may name this address: always, unless the allow list is on and lacks it."""
    return not system.general().callback_allow_list_enabled or CallbackEndpoint.objects.filter(url=url).exists()


def enqueue(url: str, *, transaction_id: UUID, user_id: str, client_id: str) -> None:
    """Store a callback for sending, inside the database transaction that ends the authentication."""
    CallbackDelivery.objects.create(
        url=url, lane=lane(url), transaction_id=transaction_id, user_id=user_id, client_id=client_id
    )
    outbox.nudge(CallbackDelivery, tasks.deliver.delay)


def redeliver(ids: Collection[UUID] | None = None) -> int:
    """Make callbacks that failed for good due again and return how many; what is under way or done is left alone.

    `ids` are those of callbacks or of transactions; ObjectNotFound names the first that is neither. None: all failed
    ones. One that is older than 24 hours gets a single try.
    """
    found = CallbackDelivery.objects.all()
    if ids is not None:
        found = found.filter(Q(pk__in=ids) | Q(transaction_id__in=ids))
        known = {known for pair in found.values_list("pk", "transaction_id") for known in pair}
        if unknown := next((identifier for identifier in ids if identifier not in known), None):
            raise ObjectNotFound(_("There is no callback “%(id)s”, and none of such a transaction.") % {"id": unknown})
    failed = found.filter(state=outbox.State.FAILED)
    with transaction.atomic():
        count = failed.update(state=outbox.State.DUE, due_at=timezone.now(), ended_at=None, claim=None)
        if count:
            outbox.nudge(CallbackDelivery, tasks.deliver.delay)
    return count
