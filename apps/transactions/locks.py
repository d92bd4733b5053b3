"""What locks a user out, and what lifts it: too many wrong codes in a row, a reported fraud."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction as database
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.common.exceptions import LimitReached
from apps.common.names import quoted
from apps.enrollment import fraud_locks
from apps.enrollment.models import FraudLock, Profile
from apps.events import services as events
from apps.events.types import EventType
from apps.system import services as system
from apps.transactions.models import CodeFailures


@dataclass(frozen=True)
class Locks:
    """What keeps a user out now. `codes_until` is None while text messages stay locked until somebody unlocks them."""

    wrong_codes: int = 0
    wrong_codes_limit: int = 0
    are_codes_locked: bool = False
    codes_until: datetime | None = None
    # The names of the applications in which a fraud report has locked the user, and since when.
    applications: tuple[tuple[str, datetime], ...] = ()

    @property
    def is_locked(self) -> bool:
        return self.are_codes_locked or bool(self.applications)

    @property
    def texts(self) -> list[str]:
        """Say what is locked and why, a sentence each."""
        text = _(
            "Locked in %(application)s after a fraud report on %(moment)s (UTC): the user gets no transactions there, "
            "also after a new enrolment."
        )
        said = [
            text % {"application": quoted(application), "moment": _moment(locked_at)}
            for application, locked_at in self.applications
        ]
        if self.are_codes_locked:
            text = _("Text messages are locked after %(count)d wrong codes in a row.")
            said.append(text % {"count": self.wrong_codes})
        if self.codes_until:
            text = _("By itself that lock ends on %(moment)s (UTC).")
            said.append(text % {"moment": _moment(self.codes_until)})
        return said


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "j M Y, H:i:s")


def of_user(user_id: str) -> Locks:
    """Return what keeps a user out, in two queries."""
    if "\0" in user_id:
        return Locks()
    fraud = fraud_locks.of_user(user_id)
    row = CodeFailures.objects.filter(user_id=user_id).first()
    general, now = system.general(), timezone.now()
    until = None
    if row and row.locked_at and general.code_lock_seconds:
        until = row.locked_at + timedelta(seconds=general.code_lock_seconds)
    return Locks(
        wrong_codes=row.count if row else 0,
        wrong_codes_limit=general.max_consecutive_code_failures,
        are_codes_locked=bool(row and row.locked_at) and (until is None or until > now),
        codes_until=until if until and until > now else None,
        applications=tuple(fraud.values_list("application__name", "locked_at")),
    )


def require_unlocked(user_id: str) -> None:
    """LimitReached while SMS is locked for the user."""
    row = CodeFailures.objects.filter(user_id=user_id).exclude(locked_at=None).first()
    if row:
        _require_over(row)


def reserve_code(user_id: str) -> bool:
    """Count a code before it is looked at, so that many at once are not more than the limit; LimitReached beyond it.

    The one that reaches the limit locks SMS for the user before it is looked at: the lock outlives a process that dies
    meanwhile, and a right code lifts it. Returns whether this was the one.

    NIST SP 800-63B-4, 3.2.2: at most 100 failures of an account in a row. Needs a database transaction.
    """
    rows = CodeFailures.objects.filter(user_id=user_id)
    # A right code may take the row away at any moment.
    while (row := rows.select_for_update().first()) is None:
        CodeFailures.objects.bulk_create([CodeFailures(user_id=user_id)], ignore_conflicts=True)
    _require_over(row)
    # When the time of a lock is over, the count begins anew.
    row.count = 1 if row.locked_at else row.count + 1
    is_last = row.count >= system.general().max_consecutive_code_failures
    row.locked_at = timezone.now() if is_last else None
    row.save()
    return is_last


def _require_over(row: CodeFailures) -> None:
    seconds = system.general().code_lock_seconds
    if row.locked_at is None:
        return
    if not seconds:
        raise LimitReached
    left = (row.locked_at + timedelta(seconds=seconds) - timezone.now()).total_seconds()
    if left > 0:
        raise LimitReached(left)


def code_was_right(user_id: str) -> None:
    CodeFailures.objects.filter(user_id=user_id).delete()


def code_was_wrong(user_id: str, *, is_last: bool, **subject: Any) -> None:
    """Tell that SMS is locked for the user when a code was wrong that had been reserved as the last."""
    if is_last and CodeFailures.objects.filter(user_id=user_id).exclude(locked_at=None).exists():
        events.record(EventType.SMS_AUTH_USER_LOCKED, user_id=user_id, **subject)


def lock_profile(profile: Profile, **about: Any) -> None:
    """Give the user of a profile no more transactions in its application until support staff unlock the user.

    `about` are members for the event: the transaction in which the fraud was reported.
    """
    application = profile.device.version.application
    _lock, is_new = FraudLock.objects.get_or_create(user_id=profile.user_id, application=application)
    if is_new:
        events.record(
            EventType.PROFILE_LOCKED,
            user_id=profile.user_id,
            app_name=application.name,
            device_id=profile.device.device_id,
            **about,
        )


def unlock(user_id: str, **by: Any) -> dict[str, int]:
    """Remove every lock of a user. Return the number of unlocked applications and of forgotten wrong codes."""
    if "\0" in user_id:
        return {"applications_unlocked": 0, "code_failures_cleared": 0}
    with database.atomic():
        applications = FraudLock.objects.filter(user_id=user_id).delete()[0]
        row = CodeFailures.objects.filter(user_id=user_id).first()
        failures = row.count if row else 0
        CodeFailures.objects.filter(user_id=user_id).delete()
        lifted = {"applications_unlocked": applications, "code_failures_cleared": failures}
        if any(lifted.values()):
            events.record(EventType.USER_UNLOCKED, user_id=user_id, **lifted, **by)
    return lifted
