"""Timeline of a transaction: its events, and the attempts of its deliveries."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.callbacks import kinds
from apps.callbacks.models import CallbackAttempt, CallbackDelivery
from apps.common.console.documents import Document
from apps.events.console import descriptions
from apps.events.models import Event
from apps.events.types import EventTypes
from apps.outbox.models import Attempt, Delivery, State
from apps.transactions.console.timeline_documents import document_of
from apps.transactions.models import (
    ContextAttempt,
    ContextLookup,
    PushAttempt,
    PushDelivery,
    SmsAttempt,
    SmsDelivery,
    Transaction,
)

# The attempts show these with more detail, and portals can request the result any number of times.
HIDDEN_EVENTS = (
    EventTypes.PUSH_AUTH_PUSH_SERVICE_ACCEPTED_NOTIFICATION,
    EventTypes.PUSH_AUTH_PUSH_SERVICE_FAILURE,
    EventTypes.PUSH_AUTH_CALLBACK_SENT,
    EventTypes.PUSH_AUTH_CALLBACK_FAILED,
    EventTypes.PUSH_AUTH_TRANSACTION_RETRIEVED,
    EventTypes.SMS_AUTH_INIT_MESSAGE_SENT,
    EventTypes.SMS_AUTH_INIT_OUTCOME_UNKNOWN,
    EventTypes.SMS_AUTH_INIT_FAILURE_GATEWAY,
)
# Above this number, only the newest events and the first are shown: the start and the end of the transaction.
MAX_EVENTS = 100
GOOD, BAD, WAITING, PLAIN = "good", "bad", "waiting", "plain"
SUCCESSFUL_OUTCOMES = ("accepted", "delivered", EventTypes.GEOLOCATION_CHECK_SUCCESS)
# Neither success nor failure: the outcome is unknown, or no attempt was needed.
NEUTRAL_OUTCOMES = ("unknown", "not_needed")
OUTCOMES = {
    "accepted": gettext_lazy("accepted"),
    "delivered": gettext_lazy("delivered"),
    "retry": gettext_lazy("retry"),
    "refused": gettext_lazy("rejected"),
    "sender_refused": gettext_lazy("sender rejected"),
    "dead_token": gettext_lazy("invalid push token"),
    "misconfigured": gettext_lazy("misconfigured"),
    "credential_refused": gettext_lazy("credential rejected"),
    "unknown": gettext_lazy("unknown"),
    "not_needed": gettext_lazy("not needed"),
    "failed": gettext_lazy("failed"),
    EventTypes.GEOLOCATION_CHECK_SUCCESS: gettext_lazy("success"),
    EventTypes.GEOLOCATION_CHECK_FAILED: gettext_lazy("failed"),
    EventTypes.GEOLOCATION_CHECK_SKIPPED_DATA_MISSING: gettext_lazy("skipped, data missing"),
}
EVENT_STYLES: dict[str, Any] = {
    EventTypes.PUSH_AUTH_INITIALIZED: ("play_arrow", PLAIN),
    EventTypes.MOBILE_AUTH_FETCH_SECURED_MESSAGE_FETCHED: ("smartphone", PLAIN),
    EventTypes.MOBILE_AUTH_AUTHENTICATED: ("check", GOOD),
    EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED: ("close", BAD),
    EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_EXPIRED: ("timer_off", BAD),
    EventTypes.PUSH_AUTH_RESEND_SUCCESS: ("replay", PLAIN),
    EventTypes.PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED: ("replay", BAD),
    EventTypes.MOBILE_AUTH_TRANSACTION_CANCELLED: ("cancel", BAD),
    EventTypes.OTP_AUTH_INITIALIZED: ("qr_code_2", PLAIN),
    EventTypes.OTP_AUTH_NOT_AUTHENTICATED_EXPIRED: ("timer_off", BAD),
    EventTypes.OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP: ("close", BAD),
    EventTypes.SMS_AUTH_INITIALIZED: ("sms", PLAIN),
    EventTypes.SMS_AUTH_AUTHENTICATED: ("check", GOOD),
    EventTypes.SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE: ("close", BAD),
    EventTypes.SMS_AUTH_VALIDATION_LIMIT_EXCEEDED: ("block", BAD),
    EventTypes.SMS_AUTH_USER_LOCKED: ("lock", BAD),
    EventTypes.SMS_AUTH_NOT_AUTHENTICATED_EXPIRED: ("timer_off", BAD),
    EventTypes.PUSH_AUTH_CODE_FETCHED: ("pin", PLAIN),
    EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE: ("close", BAD),
    EventTypes.PUSH_AUTH_VALIDATION_CODE_LIMIT_EXCEEDED: ("block", BAD),
    EventTypes.PUSH_AUTH_USER_LOCKED: ("lock", BAD),
    EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN: ("dialpad", BAD),
    EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_CREDENTIAL: ("fingerprint", BAD),
    EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_NUMBER: ("dialpad", BAD),
    EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE: ("error", BAD),
    EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED_INVALID_TOKEN: ("error", BAD),
    EventTypes.PUSH_AUTH_TRANSACTION_SIGNING_SUCCEEDED: ("draw", GOOD),
    EventTypes.PUSH_AUTH_TRANSACTION_SIGNING_FAILED_INVALID_SIGNATURE: ("draw", BAD),
    EventTypes.PUSH_AUTH_TRANSACTION_SIGNING_FAILED_MISSING_SIGNATURE: ("draw", BAD),
    EventTypes.MOBILE_AUTH_FETCH_FAILED_INVALID_TRANSACTION: ("smartphone", BAD),
    EventTypes.MOBILE_AUTH_FETCH_FAILED_TRANSACTION_EXPIRED: ("smartphone", BAD),
    EventTypes.PUSH_AUTH_FRAUD_REPORTED: ("report", BAD),
    EventTypes.PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED: ("block", BAD),
    EventTypes.PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED: ("block", BAD),
    EventTypes.PUSH_AUTH_VALIDATION_CUSTOM_AUTHENTICATOR_LIMIT_EXCEEDED: ("block", BAD),
    EventTypes.GEOLOCATION_CHECK_SUCCESS: ("location_on", PLAIN),
    EventTypes.GEOLOCATION_CHECK_SKIPPED_DATA_MISSING: ("location_off", PLAIN),
    EventTypes.GEOLOCATION_CHECK_FAILED: ("location_off", BAD),
    EventTypes.ADMIN_CALLBACKS_REDELIVERED: ("replay", PLAIN),
    EventTypes.SMS_RESEND_SUCCEEDED: ("replay", PLAIN),
    EventTypes.SMS_RESEND_FAILED: ("replay", BAD),
}


@dataclass(frozen=True)
class Entry:
    """Line of the timeline. `tone` is good, bad, waiting or plain; `icon` is the name of a Material symbol.

    `code` is the type of an event; the title is its name in the reader's language. `document` explains a failure.
    """

    at: datetime
    icon: str
    tone: str
    title: str
    facts: tuple[str, ...] = ()
    code: str = ""
    document: Document | None = None

    @property
    def time(self) -> str:
        at = timezone.localtime(self.at)
        return f"{date_format(at, 'MONTH_DAY_FORMAT')}, {at:%H:%M:%S}.{at.microsecond // 1000:03}"


def entries(transaction: Transaction) -> list[Entry]:
    """Return the timeline of a transaction: the past in order of time, then the due deliveries.

    Runs nine queries, or eleven if there are more events than are shown.
    """
    past = [*_events(transaction), *_lookups(transaction), *_pushes(transaction), *_sms(transaction)]
    past += _callbacks(transaction)
    return _with_documents(sorted(past, key=_time)) + sorted(_due_deliveries(transaction), key=_time)


def _with_documents(past: list[Entry]) -> list[Entry]:
    """Link the page about a failure at its last entry: ten attempts of a callback have one link."""
    found: dict[Document, int] = {}
    for position, entry in enumerate(past):
        failure = entry.code or (entry.icon if entry.tone == BAD else "")
        if document := document_of(failure):
            found[document] = position
    documents = {position: document for document, position in found.items()}
    return [replace(entry, document=documents.get(position)) for position, entry in enumerate(past)]


def _events(transaction: Transaction) -> Iterator[Entry]:
    events = Event.objects.filter(transaction_id=transaction.pk).exclude(event_type__in=HIDDEN_EVENTS)
    newest = list(events.order_by("-occurred", "-id")[: MAX_EVENTS + 1])
    if len(newest) > MAX_EVENTS:
        yield from _first_event_and_omission(events, newest.pop())
    yield from map(_entry, reversed(newest))


def _first_event_and_omission(events: QuerySet[Event], oldest_shown: Event) -> Iterator[Entry]:
    """Yield the first event and the number of events that are omitted after it."""
    yield _entry(events.earliest("occurred", "id"))
    count = events.count() - MAX_EVENTS - 1
    if count:
        title = ngettext("%(count)d event in between is not shown", "%(count)d events in between are not shown", count)
        yield Entry(oldest_shown.occurred, "more_vert", PLAIN, title % {"count": count})


def _entry(event: Event) -> Entry:
    icon, tone = EVENT_STYLES.get(event.event_type, ("info", PLAIN))
    return Entry(event.occurred, icon, tone, event.label, _event_facts(event), event.event_type)


def _event_facts(event: Event) -> tuple[str, ...]:
    """Return what the event was about, and its actor if a staff account or command caused it."""
    who = event.details.get("who")
    return (*descriptions.facts(event), *([_("by %(who)s") % {"who": who}] if who else []))


def _lookups(transaction: Transaction) -> Iterator[Entry]:
    attempts = ContextAttempt.objects.filter(delivery__transaction=transaction)
    for attempt in attempts.order_by("started_at"):
        title = _("Location lookup, attempt %(number)d: %(outcome)s") % _labels(attempt)
        yield Entry(attempt.started_at, "location_on", _attempt_tone(attempt), title, _attempt_facts(attempt))


def _pushes(transaction: Transaction) -> Iterator[Entry]:
    attempts = PushAttempt.objects.filter(delivery__transaction=transaction)
    for attempt in attempts.order_by("started_at"):
        title = _("Push, attempt %(number)d: %(outcome)s") % _labels(attempt)
        yield Entry(attempt.started_at, "send", _attempt_tone(attempt), title, _attempt_facts(attempt))


def _sms(transaction: Transaction) -> Iterator[Entry]:
    attempts = SmsAttempt.objects.filter(delivery__transaction=transaction)
    for attempt in attempts.order_by("started_at"):
        title = _("Text message, attempt %(number)d: %(outcome)s") % _labels(attempt)
        sender = (_("from %(sender)s") % {"sender": attempt.sender},) if attempt.sender else ()
        yield Entry(attempt.started_at, "sms", _attempt_tone(attempt), title, (*sender, *_attempt_facts(attempt)))


def _callbacks(transaction: Transaction) -> Iterator[Entry]:
    attempts = CallbackAttempt.objects.filter(delivery__transaction_id=transaction.pk)
    for attempt in attempts.select_related("delivery").order_by("started_at"):
        title = _("Callback, attempt %(number)d: %(outcome)s") % _labels(attempt)
        facts = (*_kind(attempt.delivery), *_attempt_facts(attempt))
        yield Entry(attempt.started_at, "call_made", _attempt_tone(attempt), title, facts)


def _kind(delivery: CallbackDelivery) -> tuple[str, ...]:
    """Return the kind of a message that is not a callback to a portal."""
    kind = kinds.find(delivery.kind) if delivery.kind != kinds.PORTAL else None
    return (str(kind.label),) if kind else ()


def _due_deliveries(transaction: Transaction) -> Iterator[Entry]:
    for lookup in ContextLookup.objects.filter(transaction=transaction, state=State.DUE):
        yield Entry(lookup.next_attempt_at, "schedule", WAITING, _("Location lookup is due"), _next_attempt(lookup))
    for push in PushDelivery.objects.filter(transaction=transaction, state=State.DUE):
        yield Entry(push.next_attempt_at, "schedule", WAITING, _("Push is due"), _next_attempt(push))
    for sms in SmsDelivery.objects.filter(transaction=transaction, state=State.DUE):
        yield Entry(sms.next_attempt_at, "schedule", WAITING, _("Text message is due"), _next_attempt(sms))
    for callback in CallbackDelivery.objects.filter(transaction_id=transaction.pk, state=State.DUE):
        facts = (*_kind(callback), *_next_attempt(callback))
        yield Entry(callback.next_attempt_at, "schedule", WAITING, _("Callback is due"), facts)


def _next_attempt(delivery: Delivery) -> tuple[str, ...]:
    """Return the number of the next attempt, or that an attempt is in flight."""
    if delivery.claim:
        return (_("in flight"),)
    return (_("next: attempt %(number)d") % {"number": delivery.attempts_made + 1},)


def _time(entry: Entry) -> datetime:
    return entry.at


def _labels(attempt: Attempt) -> dict[str, Any]:
    outcome = OUTCOMES.get(attempt.outcome, attempt.outcome.replace("_", " "))
    return {"number": attempt.number, "outcome": outcome or _("in flight")}


def _attempt_tone(attempt: Attempt) -> str:
    if not attempt.outcome or attempt.outcome in NEUTRAL_OUTCOMES:
        return WAITING
    return GOOD if attempt.outcome in SUCCESSFUL_OUTCOMES else BAD


def _attempt_facts(attempt: Attempt) -> tuple[str, ...]:
    status = _("HTTP %(status)d") % {"status": attempt.status} if attempt.status else ""
    duration = _("%(duration)d ms") % {"duration": attempt.duration_ms} if attempt.duration_ms is not None else ""
    # A reason that only repeats the status is omitted.
    reason = "" if attempt.reason == status else attempt.reason
    return tuple(fact for fact in (status, reason, duration) if fact)
