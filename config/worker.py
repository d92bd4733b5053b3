"""Worker process of this project: a dispatcher per queue, the expiry sweep, and hourly housekeeping."""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import connection

from apps.callbacks import delivery as callbacks
from apps.ciba import maintenance as ciba
from apps.events.audit import sealing
from apps.outbox import queues
from apps.outbox.dispatcher import Dispatcher, deliver_individually
from apps.outbox.loops import Periodic
from apps.outbox.worker import Listener, SqlitePoller, Worker
from apps.transactions import lifecycle, purge
from apps.transactions.context import delivery as context_delivery
from apps.transactions.methods.push import delivery as push_delivery
from apps.transactions.methods.sms import delivery as sms_delivery

log = structlog.get_logger(__name__)

QUEUES: dict[str, Callable[[], Dispatcher]] = {
    queues.PUSH.name: lambda: Dispatcher(queues.PUSH.rows, push_delivery.deliver, slots=512, batch_size=50),
    queues.SMS.name: lambda: Dispatcher(queues.SMS.rows, deliver_individually(sms_delivery.deliver)),
    queues.CONTEXT.name: lambda: Dispatcher(queues.CONTEXT.rows, context_delivery.deliver, batch_size=50),
    queues.CALLBACKS.name: lambda: Dispatcher(queues.CALLBACKS.rows, callbacks.deliver, slots=256, batch_size=50),
}
SWEEP_SECONDS = 1.0
SEALING_SECONDS = 10.0
HOUSEKEEPING_SECONDS = 3600.0

_workers: list[Worker] = []


def start(names: set[str]) -> None:
    """Start the dispatchers of the named queues in this process."""
    worker = Worker(
        dispatchers=[QUEUES[name]() for name in QUEUES if name in names],
        loops=[
            Periodic(lifecycle.sweep, SWEEP_SECONDS),
            Periodic(sealing.seal, SEALING_SECONDS),
            Periodic(purge.delete_expired, HOUSEKEEPING_SECONDS),
            Periodic(ciba.run, HOUSEKEEPING_SECONDS),
        ],
    )
    if not settings.BROKER_URL:
        worker.loops.append(Listener() if connection.vendor == "postgresql" else SqlitePoller())
    _workers.append(worker)
    worker.start()
    log.info("worker_started", queues=sorted(names))


def stop() -> None:
    """Stop claiming deliveries and wait for those in flight."""
    while _workers:
        _workers.pop().stop()
        log.info("worker_stopped")
