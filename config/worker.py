"""What a worker process of this project runs: a dispatcher for each queue, the sweep of transactions, housekeeping."""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import connection

from apps.callbacks import delivery as callbacks
from apps.callbacks.models import CallbackDelivery
from apps.outbox.dispatcher import Dispatcher, deliver_individually
from apps.outbox.loops import Periodic
from apps.outbox.worker import Listener, Watcher, Worker
from apps.transactions import lifecycle, purge
from apps.transactions.context import delivery as context_delivery
from apps.transactions.methods.push import delivery as transactions
from apps.transactions.methods.sms import delivery as sms_delivery
from apps.transactions.models import ContextLookup, PushDelivery, SmsDelivery

log = structlog.get_logger(__name__)

QUEUES: dict[str, Callable[[], Dispatcher]] = {
    "push": lambda: Dispatcher(PushDelivery, transactions.deliver, slots=512, at_once=50),
    "sms": lambda: Dispatcher(SmsDelivery, deliver_individually(sms_delivery.deliver)),
    "context": lambda: Dispatcher(ContextLookup, context_delivery.deliver, at_once=50),
    "callbacks": lambda: Dispatcher(CallbackDelivery, callbacks.deliver, slots=256, at_once=50),
}
SWEEP_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 3600.0

_workers: list[Worker] = []


def start(queues: set[str]) -> None:
    """Start delivering the named queues in this process."""
    worker = Worker(
        dispatchers=[QUEUES[name]() for name in QUEUES if name in queues],
        loops=[Periodic(lifecycle.sweep, SWEEP_SECONDS), Periodic(purge.keep_house, HOUSEKEEPING_SECONDS)],
    )
    if not settings.BROKER_URL:
        worker.loops.append(Listener() if connection.vendor == "postgresql" else Watcher())
    _workers.append(worker)
    worker.start()
    log.info("worker_started", queues=sorted(queues))


def stop() -> None:
    """Finish what is in flight and deliver nothing more."""
    while _workers:
        _workers.pop().stop()
        log.info("worker_stopped")
