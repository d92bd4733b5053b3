"""Celery application: notifies the workers of due deliveries, which are stored in the database."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_after_setup, worker_shutting_down
from kombu import Queue

from apps.outbox.queues import QUEUES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

app = Celery("countersign")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Without acknowledgements, which take a seventh of the CPU time of a worker: deliveries are in the database.
app.conf.task_queues = [Queue(queue.name, no_ack=True) for queue in QUEUES]
app.autodiscover_tasks()


# Not on worker_ready, which waits for the broker: deliveries do not need the broker.
@celeryd_after_setup.connect
def start_dispatchers(instance: Any, **_kwargs: Any) -> None:
    from config import worker  # noqa: PLC0415 - models are loaded only now

    worker.start(set(instance.app.amqp.queues.consume_from))


@worker_shutting_down.connect
def stop_dispatchers(**_kwargs: Any) -> None:
    from config import worker  # noqa: PLC0415 - see above

    worker.stop()
