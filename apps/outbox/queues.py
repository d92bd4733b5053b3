"""Queues of the outbox: name, delivery model, and Celery task that notifies the workers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django.apps import apps

if TYPE_CHECKING:
    from apps.outbox.models import Delivery


@dataclass(frozen=True)
class Queue:
    """Queue of deliveries. `model` is the label of the delivery model, `task` the dotted path of the Celery task."""

    name: str
    model: str
    task: str

    @property
    def rows(self) -> "type[Delivery]":
        """Return the delivery model."""
        return cast("type[Delivery]", apps.get_model(self.model))


PUSH = Queue("push", "transactions.PushDelivery", "apps.transactions.tasks.deliver_pushes")
SMS = Queue("sms", "transactions.SmsDelivery", "apps.transactions.tasks.deliver_sms")
CONTEXT = Queue("context", "transactions.ContextLookup", "apps.transactions.tasks.look_up_contexts")
CALLBACKS = Queue("callbacks", "callbacks.CallbackDelivery", "apps.callbacks.tasks.deliver")
QUEUES = (PUSH, SMS, CONTEXT, CALLBACKS)


def of(delivery: "Delivery") -> Queue:
    """Return the queue of a delivery."""
    return next(queue for queue in QUEUES if queue.model == delivery._meta.label)
