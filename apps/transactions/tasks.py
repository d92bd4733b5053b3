"""The nudges for the queues of pushes and text messages: a queue has work, its dispatcher takes it from the rows."""

from celery import shared_task

from apps.common import worker


@shared_task
def deliver_pushes() -> None:
    worker.wake("transactions.pushdelivery")


@shared_task
def deliver_sms() -> None:
    worker.wake("transactions.smsdelivery")
