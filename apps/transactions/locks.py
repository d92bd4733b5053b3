"""Locks of users: after too many consecutive wrong SMS codes, and after a fraud report."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Unpack

from django.db import transaction as database
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.common.names import quoted
from apps.enrollment import fraud_locks
from apps.enrollment.models import FraudLock, Profile
from apps.events import services as events
from apps.events.facts import Actor, DeviceActionFacts, UserUnlockFacts
from apps.events.types import EventTypes
from apps.system import services as system
from apps.transactions.models import CodeFailures


@dataclass(frozen=True)
class Locks:
    """Current locks of a user. `sms_locked_until` is None if SMS stays locked until support staff unlock the user."""

    wrong_codes: int = 0
    wrong_codes_limit: int = 0
    is_sms_locked: bool = False
    sms_locked_until: datetime | None = None
    # The names of the applications in which a fraud report locked the user, with the times of the locks.
    applications: tuple[tuple[str, datetime], ...] = ()

    @property
    def is_locked(self) -> bool:
        return self.is_sms_locked or bool(self.applications)

    @property
    def descriptions(self) -> list[str]:
        """Describe each lock and its cause in one sentence."""
        text = _(
            "Locked in %(application)s after a fraud report on %(moment)s (UTC). The user gets no transactions in this "
            "application, even after a new enrolment."
        )
        descriptions = [
            text % {"application": quoted(application), "moment": _format_time(locked_at)}
            for application, locked_at in self.applications
        ]
        if self.is_sms_locked:
            text = _("SMS and code to phone are locked after %(count)d consecutive wrong codes.")
            descriptions.append(text % {"count": self.wrong_codes})
        if self.sms_locked_until:
            text = _("This lock ends automatically on %(moment)s (UTC).")
            descriptions.append(text % {"moment": _format_time(self.sms_locked_until)})
        return descriptions


def _format_time(timestamp: datetime) -> str:
    return date_format(timezone.localtime(timestamp), "DATETIME_FORMAT")


def for_user(user_id: str) -> Locks:
    """Return the locks of a user, in two queries."""
    fraud_rows = fraud_locks.for_user(user_id)
    row = CodeFailures.objects.filter(user_id=user_id).first()
    general, now = system.general(), timezone.now()
    locked_until = None
    if row and row.locked_at and general.code_lock_seconds:
        locked_until = row.locked_at + timedelta(seconds=general.code_lock_seconds)
    return Locks(
        wrong_codes=row.count if row else 0,
        wrong_codes_limit=general.max_consecutive_code_failures,
        is_sms_locked=bool(row and row.locked_at) and (locked_until is None or locked_until > now),
        sms_locked_until=locked_until if locked_until and locked_until > now else None,
        applications=tuple(fraud_rows.values_list("application__name", "locked_at")),
    )


def lock_profile(profile: Profile, **actor: Unpack[Actor]) -> None:
    """Lock the user of a profile in its application until support staff unlock the user.

    `actor` identifies the transaction in which the fraud was reported.
    """
    application = profile.device.version.application
    _lock, is_new = FraudLock.objects.get_or_create(user_id=profile.user_id, application=application)
    if is_new:
        events.record(
            EventTypes.PROFILE_LOCKED,
            DeviceActionFacts(
                user_id=profile.user_id,
                app_name=application.name,
                device_id=profile.device.device_id,
                **actor,
            ),
        )


def unlock(user_id: str, **actor: Unpack[Actor]) -> dict[str, int]:
    """Remove all locks of a user. Return the numbers of unlocked applications and cleared wrong codes."""
    with database.atomic():
        applications = FraudLock.objects.filter(user_id=user_id).delete()[0]
        row = CodeFailures.objects.filter(user_id=user_id).first()
        failures = row.count if row else 0
        CodeFailures.objects.filter(user_id=user_id).delete()
        removed = {"applications_unlocked": applications, "code_failures_cleared": failures}
        if any(removed.values()):
            events.record(
                EventTypes.USER_UNLOCKED,
                UserUnlockFacts(
                    user_id=user_id, applications_unlocked=applications, code_failures_cleared=failures, **actor
                ),
            )
    return removed
