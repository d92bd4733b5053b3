"""What a worker process of this project runs: one dispatcher a queue, and the sweep of expired transactions."""

from collections.abc import Callable

from apps.callbacks import delivery as callbacks
from apps.callbacks.models import CallbackDelivery
from apps.common.worker import Dispatcher, Periodic, Worker
from apps.transactions import delivery as transactions
from apps.transactions import lifecycle, sms_delivery
from apps.transactions.models import PushDelivery, SmsDelivery

QUEUES: dict[str, Callable[[], Dispatcher]] = {
    "push": lambda: Dispatcher(PushDelivery, transactions.deliver),
    "sms": lambda: Dispatcher(SmsDelivery, sms_delivery.deliver),
    "callbacks": lambda: Dispatcher(CallbackDelivery, callbacks.deliver),
}
EXPIRY_SECONDS = 1.0

_workers: list[Worker] = []


def start(queues: set[str]) -> None:
    """Start delivering the named queues in this process."""
    worker = Worker(
        dispatchers=[make() for name, make in QUEUES.items() if name in queues],
        periodic=[Periodic(lifecycle.expire_due, EXPIRY_SECONDS)],
    )
    _workers.append(worker)
    worker.start()


def stop() -> None:
    """Finish what is in flight and deliver nothing more."""
    while _workers:
        _workers.pop().stop()
