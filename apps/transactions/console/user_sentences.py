"""Sentences about a user for support staff: devices, the latest authentication, and locks."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common.console.admin import format_datetime
from apps.enrollment.models import Profile
from apps.events.models import Event
from apps.transactions.locks import Locks
from apps.transactions.models import Transaction
from apps.transactions.types import Method


def describe(user_id: str, user_locks: Locks) -> list[str]:
    """Return one sentence about the devices and authentications of a user, and one about a lock."""
    sentences = [_devices(user_id, user_locks)]
    if user_locks.is_locked:
        sentences.append(_("The user is locked. The reason and the end of the lock are described below."))
    return sentences


def is_known(user_id: str, user_locks: Locks) -> bool:
    """Return True if a user has transactions, locks or wrong codes, with or without a device."""
    return user_locks.is_locked or bool(user_locks.wrong_codes) or Transaction.objects.filter(user_id=user_id).exists()


def _devices(user_id: str, user_locks: Locks) -> str:
    names = {"user": user_id}
    if count := Profile.objects.filter(user_id=user_id).count():
        text = ngettext("“%(user)s” has %(count)d device.", "“%(user)s” has %(count)d devices.", count)
        return text % {**names, "count": count}
    rows = Transaction.objects.filter(user_id=user_id).order_by("-created_at")
    if latest := rows.only("method", "created_at", "status", "expires_at").first():
        text = (
            _("“%(user)s” has no device. The latest authentication was by SMS, on %(moment)s (UTC): %(status)s.")
            if latest.method == Method.SMS
            else _("“%(user)s” has no device. The latest authentication was on %(moment)s (UTC): %(status)s.")
        )
        return text % {**names, "moment": format_datetime(latest.created_at), "status": latest.get_status_display()}
    if user_locks.is_locked or user_locks.wrong_codes or Event.objects.filter(user_id=user_id).exists():
        return _("“%(user)s” has no device and no stored transaction, only events or wrong codes.") % names
    text = _(
        "“%(user)s” is unknown: the server has no device, transaction or event of this user. Check the user ID. Upper "
        "and lower case differ."
    )
    return text % names
