"""Lockout of console accounts: django-axes counts the failures, this module sets the limits and records events."""

from collections import Counter
from datetime import datetime
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.common import caller, codes
from apps.events import failed_access
from apps.events import services as events
from apps.events.facts import ObjectFacts, StaffFacts
from apps.events.types import EventTypes

ALL_ADDRESSES = ""


class LockoutHandler(AxesDatabaseHandler):
    """Handler that counts wrong passwords of an account by address, and over all addresses with a higher limit.

    Unknown names are counted and locked in the same way, so a lock does not reveal whether an account exists.
    """

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return the number of wrong passwords from this address, or the limit if the account is locked everywhere."""
        # In the order of AXES_LOCKOUT_PARAMETERS.
        address_failures, total_failures = (
            attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0
            for attempts in self.get_user_attempts(request, credentials)
        )
        return (
            settings.AXES_FAILURE_LIMIT
            if total_failures >= settings.STAFF_ACCOUNT_FAILURE_LIMIT
            else int(address_failures)
        )

    def user_login_failed(self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any) -> None:
        was_locked = request is None or request.axes_locked_out
        super().user_login_failed(sender, credentials, request, **kwargs)
        if was_locked:
            return
        name = str(credentials.get("username", ""))
        # An unknown name may be a password that was typed into the wrong field.
        who = name if User.objects.filter(username=name).exists() else ""
        failed_access.record(EventTypes.ADMIN_SIGN_IN_FAILED, StaffFacts(who=who))
        if request.axes_locked_out:
            failed_access.record(EventTypes.ADMIN_SIGN_IN_LOCKED, StaffFacts(who=who))


def username_hash(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return the keyed hash of the name for django-axes. The input may be a password, so it is not stored."""
    username = request.POST.get("username", "") if credentials is None else credentials.get("username", "")
    return hash_username(str(username))


def hash_username(name: str) -> str:
    return codes.keyed_hash(name, "staff account")


def client_address(request: HttpRequest) -> str | None:
    """Return the client's address for django-axes, or None if it has none, for example on a local socket."""
    ip_address = caller.client_ip(request)
    return ip_address if caller.is_address(ip_address) else None


def locks(name: str) -> dict[str, datetime]:
    """Return the ends of the account's locks by address; the key ALL_ADDRESSES is the lock of the whole account."""
    failures: Counter[str] = Counter()
    latest: dict[str, datetime] = {}
    recent = AccessAttempt.objects.filter(
        username=hash_username(name), attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME
    )
    for ip_address, count, attempted_at in recent.values_list("ip_address", "failures_since_start", "attempt_time"):
        for address in (ip_address or "local", ALL_ADDRESSES):
            failures[address] += count
            latest[address] = max(attempted_at, latest.get(address, attempted_at))
    limits = {ALL_ADDRESSES: settings.STAFF_ACCOUNT_FAILURE_LIMIT}
    return {
        address: attempted_at + settings.AXES_COOLOFF_TIME
        for address, attempted_at in latest.items()
        if failures[address] >= limits.get(address, settings.AXES_FAILURE_LIMIT)
    }


def expired_attempts(now: datetime) -> "QuerySet[Any]":
    """Return the wrong passwords that no longer count for a lock."""
    rows: QuerySet[Any] = AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME)
    return rows


@transaction.atomic
def unlock(name: str, *, who: str) -> bool:
    """Delete the wrong passwords of an account. Return True if it was locked."""
    was_locked = bool(locks(name))
    AccessAttempt.objects.filter(username=hash_username(name)).delete()
    if was_locked:
        events.record(EventTypes.ADMIN_SIGN_IN_UNLOCKED, ObjectFacts(who=who, object=name))
    return was_locked


def check_password(request: HttpRequest, password: str) -> bool:
    """Return True if the password of the signed-in account is correct. A wrong password counts for the lockout."""
    return authenticate(request, username=request.user.get_username(), password=password) is not None


def is_locked_out(request: HttpRequest, password: str) -> bool:
    """Return True if the account is locked, so that even the correct password is rejected."""
    return not check_password(request, password) and bool(getattr(request, "axes_locked_out", False))


def locked_response(
    request: HttpRequest, _original: HttpResponse | None = None, _credentials: Any = None
) -> HttpResponse:
    """Return the response to a locked-out client: the same for every name, with the time of the next attempt."""
    active_locks = locks(str((getattr(request, "axes_credentials", None) or {}).get("username", "")))
    ends = [
        active_locks[address]
        for address in (client_address(request) or "local", ALL_ADDRESSES)
        if address in active_locks
    ]
    until = max(ends, default=timezone.now() + settings.AXES_COOLOFF_TIME)
    seconds = max(1, round((until - timezone.now()).total_seconds()))
    context = {"until": until, "minutes": -(-seconds // 60)}
    response = render(request, "locked.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response
