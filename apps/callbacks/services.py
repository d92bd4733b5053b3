"""What the rest of the server asks of callbacks."""

from uuid import UUID

from apps.callbacks import tasks
from apps.callbacks.models import CallbackDelivery, CallbackEndpoint
from apps.common import outbox
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
