"""How much may be sent: to a user, who would otherwise be worn out until one push is approved, and by text message,
which costs money and is what number owners are paid for.

A limit is looked at inside the database transaction that stores what is to be sent, behind a lock: of many at once no
more get through than one after the other.
"""

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common import codes
from apps.common.advisory_locks import take_turns
from apps.common.exceptions import LimitReached, NoAuthenticationPossibility
from apps.enrollment.models import Profile
from apps.events.types import EventType
from apps.sms import services as sms
from apps.system import services as system
from apps.transactions.models import PushDelivery, Reason, SmsDelivery, SmsUsage, Status, Transaction
from apps.transactions.types import PUSH_METHODS, Method

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

HOUR = timedelta(minutes=60)
NUMBER_PURPOSE, PREFIX_PURPOSE = "phone number", "phone number prefix"
PREFIX_DIGITS = 7
TOO_MANY_PENDING = _("The user has too many unanswered requests. Try again later.")
TOO_MANY_PUSHES = _("Too many push messages went to the user without an approval. Try again later.")
COOLING_DOWN = _("The user has just refused a request. Try again later.")
TOO_MANY_TEXTS = _("Too many text messages. Try again later.")


class TooMany(LimitReached):
    """A limit of what may be sent; `limit` names it as the configuration does, `event_type` tells support."""

    def __init__(self, limit: str, seconds: float, text: "StrPromise", event_type: EventType) -> None:
        super().__init__(seconds, text)
        self.limit, self.event_type = limit, event_type


def require_push(profile: Profile, *, is_new: bool) -> None:
    """TooMany when the user of this profile gets no push now. A push that is sent again adds no pending transaction.

    NoAuthenticationPossibility if the profile was removed since it was read.
    """
    user = Profile.objects.filter(user_id=profile.user_id)
    # One after the other: the rows of the user's profiles are the lock.
    if profile.pk not in list(user.select_for_update().order_by("pk").values_list("pk", flat=True)):
        raise NoAuthenticationPossibility
    general, now = system.general(), timezone.now()
    found = _pushes_of(profile, now)
    if is_new and (found["pending"] or 0) >= general.max_pending_transactions:
        raise _push("max_pending_transactions", found["next_end"] - now, TOO_MANY_PENDING)
    if (found["pushes"] or 0) >= general.max_pushes_without_success:
        raise _push("max_pushes_without_success", found["first_push"] + HOUR - now, TOO_MANY_PUSHES)
    cooldown = timedelta(seconds=general.push_cooldown_after_denial_seconds)
    if cooldown and found["denied_at"] and found["denied_at"] + cooldown > now:
        raise _push("push_cooldown_after_denial_seconds", found["denied_at"] + cooldown - now, COOLING_DOWN)


def _push(limit: str, left: timedelta, text: "StrPromise") -> TooMany:
    return TooMany(limit, left.total_seconds(), text, EventType.PUSH_AUTH_INIT_FAILURE_LIMIT_REACHED)


def _pushes_of(profile: Profile, now: datetime) -> dict[str, Any]:
    """Count the user's pending transactions, and the pushes of the last hour since the last approval; one query."""
    own = Transaction.objects.filter(user_id=OuterRef("user_id")).order_by()
    pending = own.pending(now).filter(method__in=PUSH_METHODS).values("user_id")
    ended = own.order_by("-ended_at").values("ended_at")
    approved_at = ended.filter(status=Status.AUTHENTICATED).exclude(method=Method.SMS)[:1]
    denied_at = ended.filter(reason=Reason.NOT_ACCEPTED)[:1]
    recent = PushDelivery.objects.filter(user_id=OuterRef("user_id"), created_at__gt=OuterRef("since"))
    pushes = recent.order_by().values("user_id")
    facts: dict[str, Any] = (
        Profile.objects.filter(pk=profile.pk)
        .annotate(since=Greatest(Coalesce(Subquery(approved_at), now - HOUR), now - HOUR))
        .values(
            pending=Subquery(pending.annotate(number=Count("pk")).values("number")),
            next_end=Subquery(pending.annotate(first=Min("expires_at")).values("first")),
            pushes=Subquery(pushes.annotate(number=Count("pk")).values("number")),
            first_push=Subquery(pushes.annotate(first=Min("created_at")).values("first")),
            denied_at=Subquery(denied_at),
        )
        .get()
    )
    return facts


def count_text(transaction: Transaction, number: str) -> dict[str, str]:
    """Count a text message that is about to be stored, and return what its row keeps of the number; TooMany."""
    general = system.general()
    now = timezone.now()
    hashes = {
        "number_hash": codes.keyed_hash(number, NUMBER_PURPOSE),
        "prefix_hash": codes.keyed_hash(number[: PREFIX_DIGITS + 1], PREFIX_PURPOSE),
    }
    # Those of one client, one block of numbers or one number go one after the other.
    take_turns(f"sms {transaction.client_id}", f"sms {hashes['prefix_hash']}", f"sms {hashes['number_hash']}")
    _add(transaction, number, now, sent=1)
    to_number = Q(number_hash__in=codes.candidates(number, NUMBER_PURPOSE))
    to_prefix = Q(prefix_hash__in=codes.candidates(number[: PREFIX_DIGITS + 1], PREFIX_PURPOSE))
    _require_texts("sms_per_number_per_hour", general.sms_per_number_per_hour, to_number, now)
    _require_texts("sms_per_prefix_per_hour", general.sms_per_prefix_per_hour, to_prefix, now)
    if general.sms_per_client_per_day:
        today = SmsUsage.objects.filter(client=transaction.client, day=now.date())
        if (today.aggregate(total=Sum("sent"))["total"] or 0) > general.sms_per_client_per_day:
            midnight = datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo)
            raise _text("sms_per_client_per_day", midnight - now)
    return hashes


def _require_texts(name: str, limit: int, which: Q, now: datetime) -> None:
    if not limit:
        return
    found = SmsDelivery.objects.filter(which, created_at__gt=now - HOUR).aggregate(
        number=Count("pk"), first=Min("created_at")
    )
    if found["number"] >= limit:
        raise _text(name, found["first"] + HOUR - now)


def _text(limit: str, left: timedelta) -> TooMany:
    return TooMany(limit, left.total_seconds(), TOO_MANY_TEXTS, EventType.SMS_AUTH_INIT_FAILURE_LIMIT_REACHED)


def count_verified(transaction: Transaction) -> None:
    """Count a right code for the day and country of its text message: few of many sent are a sign of pumping."""
    _add(transaction, str(transaction.phone_number), transaction.created_at, verified=1)


def _add(transaction: Transaction, number: str, moment: datetime, *, sent: int = 0, verified: int = 0) -> None:
    key = {"client_id": transaction.client_id, "day": moment.date(), "country": sms.country(number)}
    rows: QuerySet[SmsUsage] = SmsUsage.objects.filter(**key)
    more = {"sent": F("sent") + sent, "verified": F("verified") + verified}
    if not rows.update(**more):
        # The first of the day; another request may be quicker.
        SmsUsage.objects.bulk_create([SmsUsage(**key)], ignore_conflicts=True)
        rows.update(**more)
