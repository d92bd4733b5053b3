"""What the worker does with a claimed push."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import close_old_connections
from django.db import transaction as database
from django.utils import timezone

from apps.common.outbox import State
from apps.common.retries import jittered
from apps.enrollment import services as enrollment
from apps.enrollment.models import PushEnrollment
from apps.events import services as events
from apps.events.types import EventType
from apps.push import services as push
from apps.push.models import PushMessagingConfiguration
from apps.push.providers.base import Outcome, PushMessage, Result
from apps.transactions import lifecycle
from apps.transactions.models import PushDelivery, Reason, Status, Transaction

# Seconds to wait before each retry, as windows; four retries make the five tries that are allowed.
WAITS = [(1, 2), (3, 6), (10, 20), (30, 60)]

NOT_NEEDED = "not_needed"
CREDENTIAL_REFUSED = "credential_refused"


@dataclass(frozen=True)
class Job:
    """Everything a send needs, read before the connection goes back to the pool."""

    transaction: Transaction
    push_enrollment: PushEnrollment
    configuration: PushMessagingConfiguration
    message: PushMessage


def deliver(row: PushDelivery) -> None:
    """Send the push of a pending transaction and write down what the provider said."""
    transaction = Transaction.objects.select_related(
        "client", "profile__push_enrollment", "profile__device__version__push_messaging_configuration"
    ).get(pk=row.transaction_id)
    if transaction.current_status(timezone.now()) != Status.PENDING:
        _skip(row)
        return
    job = _job(transaction)
    close_old_connections()
    result = push.send(job.configuration, job.message) if job else Result(Outcome.REFUSED, "no push token left")
    record(row, transaction, job, result)


def _job(transaction: Transaction) -> Job | None:
    """Put the message together; None when the device can no longer be reached."""
    profile = transaction.profile
    push_enrollment = getattr(profile, "push_enrollment", None)
    configuration = profile.device.version.push_messaging_configuration if profile else None
    if profile is None or push_enrollment is None or configuration is None:
        return None
    left = (transaction.expires_at - timezone.now()).total_seconds()
    message = PushMessage(
        token=push_enrollment.token,
        transaction_id=str(transaction.pk),
        profile_id=profile.profile_id,
        text=transaction.message,
        seconds_to_live=max(int(left), 1),
        cordova=profile.device.version.cordova,
    )
    return Job(transaction, push_enrollment, configuration, message)


def _skip(row: PushDelivery) -> None:
    with database.atomic():
        if row.record(timezone.now(), state=State.DONE):
            row.finish_attempt(NOT_NEEDED)


def record(row: PushDelivery, transaction: Transaction, job: Job | None, result: Result) -> None:
    """Write the outcome, and in the same database transaction what follows from it."""
    now = timezone.now()
    due_at = _next_attempt_at(row, transaction, result, now)
    accepted = result.outcome == Outcome.ACCEPTED
    state = State.DONE if accepted else State.FAILED if due_at is None else State.DUE
    with database.atomic():
        if not row.record(now, state=state, due_at=due_at or now):
            return
        outcome = CREDENTIAL_REFUSED if result.credential_refused else result.outcome.value
        row.finish_attempt(outcome, result.reason, result.status)
        events.record(
            EventType.PUSH_AUTH_PUSH_SERVICE_ACCEPTED_NOTIFICATION
            if accepted
            else EventType.PUSH_AUTH_PUSH_SERVICE_FAILURE,
            user_id=transaction.user_id,
            client_id=transaction.client.client_id,
            app_name=transaction.app_name,
            transaction_id=transaction.pk,
            attempt=row.attempts_made,
            http_status=result.status,
            reason=result.reason,
            configuration=job.configuration.name if job else None,
            next_attempt_at=due_at.isoformat() if due_at else None,
        )
        if job and result.outcome == Outcome.DEAD_TOKEN:
            _drop_token(job, row.claimed_at)
        if state == State.FAILED and not _was_sent(row):
            lifecycle.close(
                transaction,
                Status.NOT_AUTHENTICATED,
                EventType.MOBILE_AUTH_NOT_AUTHENTICATED,
                reason=Reason.FAILED_TO_SEND,
            )


def _was_sent(row: PushDelivery) -> bool:
    """Say whether an earlier push has reached the phone: a resend that fails does not end the transaction."""
    earlier = PushDelivery.objects.filter(transaction=row.transaction_id, state=State.DONE)
    return earlier.exclude(pk=row.pk).exists()


def _drop_token(job: Job, seen_before: datetime) -> None:
    if enrollment.drop_dead_token(job.push_enrollment, seen_before=seen_before):
        events.record(
            EventType.PUSH_ENROLLMENT_DROP_DEAD_PUSH_TOKEN,
            user_id=job.transaction.user_id,
            app_name=job.transaction.app_name,
            device_id=job.transaction.device_id,
        )


def _next_attempt_at(row: PushDelivery, transaction: Transaction, result: Result, now: datetime) -> datetime | None:
    """Return when to try again; None when another try is useless, not allowed, or would come after the end."""
    if result.outcome != Outcome.RETRY or row.attempts_made > len(WAITS):
        return None
    if result.credential_refused and row.attempts.filter(outcome=CREDENTIAL_REFUSED).exists():
        return None
    wait = max(jittered(WAITS[row.attempts_made - 1]), result.retry_after_seconds or 0)
    moment = now + timedelta(seconds=wait)
    return moment if moment < transaction.expires_at else None
