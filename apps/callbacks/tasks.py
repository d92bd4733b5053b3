"""Task that wakes the workers of callbacks."""

from celery import shared_task

from apps.outbox import queues, worker


@shared_task
def deliver() -> None:
    """Wake this process's dispatcher of callbacks."""
    worker.wake(queues.CALLBACKS.model)
