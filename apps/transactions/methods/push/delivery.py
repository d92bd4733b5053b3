"""Deliver claimed pushes: many concurrently, each recorded as soon as its provider has responded."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import close_old_connections
from django.db import transaction as database
from django.db.models import Count
from django.utils import timezone

from apps.common.encryption import CannotDecrypt
from apps.common.statements import AnyOf, Select
from apps.enrollment import push_enrollments
from apps.enrollment.models import PushEnrollment
from apps.events import metrics
from apps.events import services as events
from apps.events.facts import PushDeliveryFacts
from apps.events.models import Event
from apps.events.types import EventTypes
from apps.outbox import claims
from apps.outbox.claims import AttemptResult
from apps.outbox.models import State
from apps.outbox.retries import next_attempt_at
from apps.push import configuration_errors
from apps.push import services as push
from apps.push.destinations import Destination
from apps.push.providers.base import PushMessage, PushOutcome, PushResult
from apps.transactions import lifecycle
from apps.transactions.models import PushDelivery, Transaction

NOT_NEEDED = "not_needed"
CREDENTIAL_REJECTED = "credential_refused"
NO_PUSH_TOKEN = PushResult(PushOutcome.REFUSED, "the device has no push token")


@dataclass(frozen=True)
class Job:
    """Claimed delivery with the rows needed to send it. Without a destination, the device is unreachable."""

    row: PushDelivery
    transaction: Transaction
    is_pending: bool
    push_enrollment: PushEnrollment | None
    destination: Destination | None


JobResult = tuple[Job, PushResult]

TRANSACTIONS_TO_SEND = Select(
    lambda ids: (
        Transaction.objects.select_related(
            "client", "profile__push_enrollment", "profile__device__version__push_messaging_configuration"
        )
        .filter(AnyOf("pk", ids))
        .order_by()
    )
)


def deliver(rows: Sequence[PushDelivery]) -> Iterator[list[PushDelivery]]:
    """Send the pushes of pending transactions. Yields deliveries as their outcomes are recorded."""
    jobs = _jobs(rows)
    if ended := [job.row for job in jobs if not job.is_pending]:
        _skip(ended)
        yield ended
    tokens = [(job, _token(job)) for job in jobs if job.is_pending]
    if unreachable := [(job, token) for job, token in tokens if isinstance(token, PushResult)]:
        yield record(unreachable)
    sendable = list(_messages([(job, token) for job, token in tokens if isinstance(token, str)]))
    # A slow provider must not occupy a database connection. `before_waiting` closes it again, because building the
    # requests can read settings.
    close_old_connections()
    for results in push.send_all(sendable, before_waiting=close_old_connections):
        recorded = record(results)
        close_old_connections()
        yield recorded


def _jobs(rows: Sequence[PushDelivery]) -> list[Job]:
    found = TRANSACTIONS_TO_SEND.all(ids=[row.transaction_id for row in rows])
    transactions = {transaction.pk: transaction for transaction in found}
    return [_job(row, transactions[row.transaction_id]) for row in rows]


def _job(row: PushDelivery, transaction: Transaction) -> Job:
    profile = transaction.profile
    push_enrollment = getattr(profile, "push_enrollment", None)
    destination = profile.device.version.destination() if profile and push_enrollment else None
    is_pending = transaction.is_pending(timezone.now())
    return Job(row, transaction, is_pending, push_enrollment, destination)


def _token(job: Job) -> str | PushResult:
    """Return the push token, or the result of a push that cannot be sent."""
    if job.push_enrollment is None or job.destination is None:
        return NO_PUSH_TOKEN
    try:
        return str(job.push_enrollment.token)
    except CannotDecrypt as error:
        return PushResult(PushOutcome.REFUSED, str(error))


def _messages(tokens: Sequence[tuple[Job, str]]) -> Iterator[tuple[Job, Destination, PushMessage]]:
    badges = _badges([job for job, _token in tokens])
    for job, token in tokens:
        profile = job.transaction.profile
        if profile and job.destination:
            message = PushMessage(
                token=token,
                transaction_id=str(job.transaction.pk),
                profile_id=profile.profile_id,
                text=job.transaction.message,
                expires_at=job.transaction.expires_at,
                badge=badges.get(profile.pk),
            )
            yield job, job.destination, message


def _badges(jobs: Sequence[Job]) -> dict[int, int]:
    """Count the pending transactions of each profile whose application version shows badge numbers."""
    profiles = [job.transaction.profile for job in jobs]
    with_badge = {profile.pk for profile in profiles if profile and profile.device.version.send_badge_number}
    if not with_badge:
        return {}
    pending = Transaction.objects.pending(timezone.now()).filter(profile__in=with_badge).order_by()
    return dict(pending.values_list("profile").annotate(Count("pk")))


def _skip(rows: Sequence[PushDelivery]) -> None:
    claims.record_results([AttemptResult(row, State.DONE, NOT_NEEDED) for row in rows])


def record(results: Sequence[JobResult]) -> list[PushDelivery]:
    """Record the outcomes and apply their effects in one database transaction."""
    adjusted = [(job, _adjust_result(job, result)) for job, result in results]
    attempt_results = [_attempt_result(job, result) for job, result in adjusted]
    due = {attempt_result.row.pk: attempt_result.due_at for attempt_result in attempt_results}
    # The results alone are one statement, which needs no explicit database transaction.
    with database.atomic() if any(_has_effects(job, result) for job, result in adjusted) else nullcontext():
        recorded_ids = events.record_results(attempt_results)
        recorded = [(job, result) for job, result in adjusted if job.row.pk in recorded_ids]
        metrics.record_attempts("push", attempt_results, recorded_ids)
        metrics.increment(
            metrics.PUSH_ATTEMPTS, [_metric_labels(job, result) for job, result in recorded if job.destination]
        )
        for job, result in recorded:
            if result.outcome == PushOutcome.ACCEPTED:
                _clear_configuration_error(job)
            elif due[job.row.pk] is None:
                follow_up_permanent_failure(job, result)
    return [job.row for job, _result in results]


def _has_effects(job: Job, result: PushResult) -> bool:
    """Return True if a result can change more rows than those of its delivery."""
    is_accepted = result.outcome == PushOutcome.ACCEPTED
    return not is_accepted or bool(job.destination and job.destination.configuration.delivery_error)


def _adjust_result(job: Job, result: PushResult) -> PushResult:
    """Adjust the provider's result to earlier attempts and to the age of the push token."""
    if result.credential_refused and job.row.attempts.filter(outcome=CREDENTIAL_REJECTED).exists():
        return replace(result, outcome=PushOutcome.MISCONFIGURED, credential_refused=False)
    if result.outcome == PushOutcome.DEAD_TOKEN and _has_newer_token(job, result.dead_since):
        return replace(result, outcome=PushOutcome.RETRY)
    return result


def _has_newer_token(job: Job, dead_since: datetime | None) -> bool:
    sent_at = job.row.attempt.started_at
    return job.push_enrollment is not None and push_enrollments.has_newer_token(
        job.push_enrollment, sent_at=sent_at, dead_since=dead_since
    )


def _attempt_result(job: Job, result: PushResult) -> AttemptResult:
    due_at = None
    if result.outcome == PushOutcome.RETRY:
        retry_after = result.retry_after_seconds
        due_at = next_attempt_at(job.row.attempts_made, retry_after, before=job.transaction.expires_at)
    state = State.DONE if result.outcome == PushOutcome.ACCEPTED else State.DUE if due_at else State.FAILED
    outcome = CREDENTIAL_REJECTED if result.credential_refused else result.outcome.value
    event = _event(job, result, due_at)
    return AttemptResult(job.row, state, outcome, result.reason, result.status, due_at, event=event)


def _metric_labels(job: Job, result: PushResult) -> tuple[str, str]:
    """Return the labels of the metric: provider and outcome."""
    return (job.destination.configuration.kind.value if job.destination else "", result.outcome.value)


def _event(job: Job, result: PushResult, due_at: datetime | None) -> Event:
    accepted = result.outcome == PushOutcome.ACCEPTED
    return events.build(
        EventTypes.PUSH_AUTH_PUSH_SERVICE_ACCEPTED_NOTIFICATION
        if accepted
        else EventTypes.PUSH_AUTH_PUSH_SERVICE_FAILURE,
        PushDeliveryFacts(
            **job.transaction.facts,
            attempt=job.row.attempts_made,
            http_status=result.status,
            reason=result.reason,
            configuration=job.destination.configuration.name if job.destination else None,
            next_attempt_at=due_at.isoformat() if due_at else None,
        ),
    )


def _clear_configuration_error(job: Job) -> None:
    if job.destination:
        configuration_errors.clear(job.destination)


def follow_up_permanent_failure(job: Job, result: PushResult) -> None:
    """Apply all effects of a push that failed and is not retried, inside the caller's database transaction.

    No other code applies them. An invalid push token is removed, a rejected configuration is marked, and the
    transaction ends with the reason `failed_to_send`, unless another push can still reach the device. The fallback of
    the type is not started: it replaces only a method that cannot be initialised.
    """
    sent_at = job.row.attempt.started_at
    if job.push_enrollment and result.outcome == PushOutcome.DEAD_TOKEN:
        push_enrollments.remove_dead_token(job.push_enrollment, sent_at=sent_at, dead_since=result.dead_since)
    if job.destination and result.outcome == PushOutcome.MISCONFIGURED:
        configuration_errors.record(job.destination, result.reason, sent_at=sent_at)
    if not _has_other_delivery(job.row):
        lifecycle.end_failed_to_send(job.transaction)


def _has_other_delivery(row: PushDelivery) -> bool:
    """Return True if another push of this transaction was accepted or is due, or if the browser once pulled.

    A failed push then does not end the transaction. The row lock orders pushes that fail concurrently, so that the last
    of them ends it.
    """
    locked = Transaction.objects.select_for_update().filter(pk=row.transaction_id)
    [resends] = locked.values_list("resends_used", flat=True)
    others = PushDelivery.objects.filter(transaction=row.transaction_id).exclude(pk=row.pk)
    states = list(others.values_list("state", flat=True))
    # The start and each resend stored a push, unless the browser pulled.
    return len(states) < resends or bool({State.DONE, State.DUE} & set(states))
