"""Limits of pushes per user, which protect against push fatigue.

Limits are checked under a lock, inside the database transaction that stores the push: concurrent requests cannot exceed
them.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Count, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common import errors
from apps.common.statements import Select
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.events.types import EventTypes
from apps.system import services as system
from apps.transactions.methods.base import LimitExceeded
from apps.transactions.models import PushDelivery, Reason, Status, Transaction
from apps.transactions.types import PUSH_METHODS, Method

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

HOUR = timedelta(minutes=60)
TOO_MANY_PENDING = _("The user has too many unanswered requests. Try again later.")
TOO_MANY_PUSHES = _("Too many push messages went to the user without an approval. Try again later.")
COOLING_DOWN = _("The user has just denied a request. Try again later.")


class Usage(NamedTuple):
    """Use of the limits by one user. Times are None if there is no such transaction or push.

    For a browser that pulls, `pushes` are transactions.
    """

    pending: int | None
    next_end: datetime
    pushes: int | None
    first_push: datetime
    denied_at: datetime | None


def check(profile: Profile, *, is_new: bool) -> None:
    """Check the push limits of the user of a profile. A resend does not count as a new pending transaction.

    Raises LimitExceeded if a limit is reached, and NoAuthenticationPossibility if the profile was removed meanwhile.
    """
    # Locking the profiles of the user makes concurrent requests wait.
    if (profile.pk,) not in LOCKED_PROFILES.tuples(user_id=profile.user_id):
        raise errors.NoAuthenticationPossibility
    general, now = system.general(), timezone.now()
    usage = _usage(profile, now)
    if is_new and (usage.pending or 0) >= general.max_pending_transactions:
        raise _limit_exceeded("max_pending_transactions", usage.next_end - now, TOO_MANY_PENDING)
    if (usage.pushes or 0) >= general.max_pushes_without_success:
        raise _limit_exceeded("max_pushes_without_success", usage.first_push + HOUR - now, TOO_MANY_PUSHES)
    cooldown = timedelta(seconds=general.push_cooldown_after_denial_seconds)
    if cooldown and usage.denied_at and usage.denied_at + cooldown > now:
        raise _limit_exceeded("push_cooldown_after_denial_seconds", usage.denied_at + cooldown - now, COOLING_DOWN)


def _limit_exceeded(limit: str, remaining: timedelta, text: "StrPromise") -> LimitExceeded:
    return LimitExceeded(limit, remaining.total_seconds(), text, EventTypes.PUSH_AUTH_INIT_FAILURE_LIMIT_REACHED)


def _usage(profile: Profile, now: datetime) -> Usage:
    select = USAGE if enrollment.has_push(profile) else USAGE_WITHOUT_PUSH
    [usage] = select.tuples(profile_id=profile.pk, now=now, hour_ago=now - HOUR)
    return Usage(*usage)


def _usage_query(profile_id: Any, now: Any, hour_ago: Any, pushes: "QuerySet[Any]") -> "QuerySet[Profile, Any]":
    """Count the pending transactions of the user, and the rows of `pushes` of the last hour since the last approval."""
    own = Transaction.objects.filter(user_id=OuterRef("user_id")).order_by()
    pending = own.pending(now).filter(method__in=PUSH_METHODS).values("user_id")
    ended = own.order_by("-ended_at").values("ended_at")
    approved_at = ended.filter(status=Status.AUTHENTICATED).exclude(method=Method.SMS)[:1]
    denied_at = ended.filter(reason=Reason.NOT_ACCEPTED)[:1]
    recent = pushes.filter(user_id=OuterRef("user_id"), created_at__gt=OuterRef("since")).order_by().values("user_id")
    return (
        Profile.objects.filter(pk=profile_id)
        .annotate(since=Greatest(Coalesce(Subquery(approved_at), hour_ago), hour_ago))
        .values_list(
            Subquery(pending.annotate(number=Count("pk")).values("number")),
            Subquery(pending.annotate(first=Min("expires_at")).values("first")),
            Subquery(recent.annotate(number=Count("pk")).values("number")),
            Subquery(recent.annotate(first=Min("created_at")).values("first")),
            Subquery(denied_at),
        )
    )


USAGE = Select(lambda profile_id, now, hour_ago: _usage_query(profile_id, now, hour_ago, PushDelivery.objects.all()))
# Requests to a browser that pulls have no deliveries.
USAGE_WITHOUT_PUSH = Select(
    lambda profile_id, now, hour_ago: _usage_query(
        profile_id, now, hour_ago, Transaction.objects.filter(method__in=PUSH_METHODS)
    )
)
LOCKED_PROFILES = Select(
    lambda user_id: Profile.objects.filter(user_id=user_id).select_for_update().order_by("pk").values_list("pk")
)
