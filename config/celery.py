"""Celery: carries nudges from the web processes to the workers. What is delivered lives in the database."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

app = Celery("countersign")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def start_dispatchers(sender: Any, **_kwargs: Any) -> None:
    from config import worker  # noqa: PLC0415 - models are ready only now

    worker.start(set(sender.app.amqp.queues.consume_from))


@worker_shutting_down.connect
def stop_dispatchers(**_kwargs: Any) -> None:
    from config import worker  # noqa: PLC0415 - see above

    worker.stop()
