"""The nudge for the queue of callbacks."""

from celery import shared_task

from apps.outbox import worker


@shared_task
def deliver() -> None:
    """Say that the queue has work; this process's dispatcher takes it from the rows."""
    worker.wake("callbacks.callbackdelivery")
