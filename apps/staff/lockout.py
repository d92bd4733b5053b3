"""Locking the console's accounts against guessing: django-axes counts, this says when it is enough and tells."""

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
from apps.events.types import EventType

EVERYWHERE = ""


class LockOut(AxesDatabaseHandler):
    """Counts wrong passwords of an account by address, and over all addresses with a higher limit of its own.

    Names that no account has are counted and locked alike, so that a lock says nothing about a name.
    """

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return how near the lock is, in wrong passwords from one address."""
        # In the order of AXES_LOCKOUT_PARAMETERS.
        here, anywhere = (
            attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0
            for attempts in self.get_user_attempts(request, credentials)
        )
        return settings.AXES_FAILURE_LIMIT if anywhere >= settings.STAFF_ACCOUNT_FAILURE_LIMIT else int(here)

    def user_login_failed(self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any) -> None:
        was_locked = request is None or request.axes_locked_out
        super().user_login_failed(sender, credentials, request, **kwargs)
        if was_locked:
            return
        name = str(credentials.get("username", ""))
        # A name that no account has may be a password that was typed into the wrong field.
        who = name if User.objects.filter(username=name).exists() else ""
        failed_access.record(EventType.ADMIN_SIGN_IN_FAILED, who=who)
        if request.axes_locked_out:
            failed_access.record(EventType.ADMIN_SIGN_IN_LOCKED, who=who)


def name_hash(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return what django-axes knows a name by: what was typed as a name may be a password, and is not kept."""
    typed = request.POST.get("username", "") if credentials is None else credentials.get("username", "")
    return hash_of(str(typed))


def hash_of(name: str) -> str:
    return codes.keyed_hash(name, "staff account")


def address(request: HttpRequest) -> str | None:
    """Return the caller's address for django-axes; None for a caller without one, such as a local socket."""
    found = caller.client_ip(request)
    return found if caller.is_address(found) else None


def locks(name: str) -> dict[str, datetime]:
    """Return until when an account is locked, by address; EVERYWHERE stands for all of them."""
    failures: Counter[str] = Counter()
    latest: dict[str, datetime] = {}
    recent = AccessAttempt.objects.filter(
        username=hash_of(name), attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME
    )
    for ip_address, count, moment in recent.values_list("ip_address", "failures_since_start", "attempt_time"):
        for place in (ip_address or "local", EVERYWHERE):
            failures[place] += count
            latest[place] = max(moment, latest.get(place, moment))
    limits = {EVERYWHERE: settings.STAFF_ACCOUNT_FAILURE_LIMIT}
    return {
        place: moment + settings.AXES_COOLOFF_TIME
        for place, moment in latest.items()
        if failures[place] >= limits.get(place, settings.AXES_FAILURE_LIMIT)
    }


def outdated(now: datetime) -> "QuerySet[Any]":
    """Return the wrong passwords that count for no lock any more."""
    rows: QuerySet[Any] = AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME)
    return rows


@transaction.atomic
def unlock(name: str, *, who: str) -> bool:
    """Forget the wrong passwords of an account; say whether it was locked."""
    was_locked = bool(locks(name))
    AccessAttempt.objects.filter(username=hash_of(name)).delete()
    if was_locked:
        events.record(EventType.ADMIN_SIGN_IN_UNLOCKED, who=who, object=name)
    return was_locked


def confirms(request: HttpRequest, password: str) -> bool:
    """Say whether this is the password of whoever is signed in. A wrong one counts like one at the sign-in."""
    return authenticate(request, username=request.user.get_username(), password=password) is not None


def stops(request: HttpRequest, password: str) -> bool:
    """Say whether guessing has to end here; the right password does not help any more."""
    return not confirms(request, password) and bool(getattr(request, "axes_locked_out", False))


def page(request: HttpRequest, _original: HttpResponse | None = None, _credentials: Any = None) -> HttpResponse:
    """Answer a caller who is locked out: the same for every name, with the time when to try again."""
    held = locks(str((getattr(request, "axes_credentials", None) or {}).get("username", "")))
    moments = [held[place] for place in (address(request) or "local", EVERYWHERE) if place in held]
    until = max(moments, default=timezone.now() + settings.AXES_COOLOFF_TIME)
    seconds = max(1, round((until - timezone.now()).total_seconds()))
    shown = {"until": until, "minutes": -(-seconds // 60)}
    answer = render(request, "locked.html", shown, status=429)
    answer["Retry-After"] = str(seconds)
    return answer
