"""Tasks that wake the workers of pushes, SMS and context lookups."""

from celery import shared_task

from apps.outbox import queues, worker


@shared_task
def deliver_pushes() -> None:
    worker.wake(queues.PUSH.model)


@shared_task
def deliver_sms() -> None:
    worker.wake(queues.SMS.model)


@shared_task
def look_up_contexts() -> None:
    worker.wake(queues.CONTEXT.model)
