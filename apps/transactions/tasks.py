"""The nudges for the queues of pushes, text messages and context look-ups: a queue has work, its rows say which."""

from celery import shared_task

from apps.outbox import worker


@shared_task
def deliver_pushes() -> None:
    worker.wake("transactions.pushdelivery")


@shared_task
def deliver_sms() -> None:
    worker.wake("transactions.smsdelivery")


@shared_task
def look_contexts_up() -> None:
    worker.wake("transactions.contextlookup")
