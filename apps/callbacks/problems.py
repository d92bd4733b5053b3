"""Addresses that keep failing, for whoever looks at the console."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from apps.callbacks import remedies
from apps.callbacks.models import CallbackEndpoint, FailingAddress
from apps.common.console.admin import format_datetime
from apps.common.console.problems import Problem
from apps.events.changes import redact_urls

# Portals may name an address of its own for every login: one fault, and very many addresses.
SHOWN = 5


def failing() -> QuerySet[FailingAddress]:
    """Return the addresses whose calls have failed several times in a row, those that failed last first."""
    recent = {
        "failures__gte": FailingAddress.ALERT_FROM,
        "last_failed_at__gte": timezone.now() - FailingAddress.WORTH_A_LOOK,
    }
    return FailingAddress.objects.filter(**recent).order_by("-last_failed_at")


def problems() -> list[Problem]:
    """Name at most five failing addresses, each with the page where one sees more; a last line for the others."""
    addresses = list(failing()[: SHOWN + 1])
    found = [_problem(address, page) for address, page in _pages(addresses[:SHOWN])]
    if len(addresses) > SHOWN:
        found.append(_more())
    return found


def problem_of(endpoint: CallbackEndpoint) -> list[Problem]:
    """Return what is wrong with the address of an endpoint: one problem or none."""
    return [_problem(address, "") for address in failing().filter(url=endpoint.url)]


def _pages(addresses: Sequence[FailingAddress]) -> list[tuple[FailingAddress, str]]:
    """Pair addresses with where more is seen: their endpoint, or their deliveries where there is none."""
    named = CallbackEndpoint.objects.filter(url__in=[address.url for address in addresses])
    endpoints = dict(named.values_list("url", "pk"))
    deliveries = "admin:callbacks_callbackdelivery_changelist"
    return [
        (
            address,
            reverse("admin:callbacks_callbackendpoint_change", args=[endpoints[address.url]])
            if address.url in endpoints
            else reverse(deliveries, query={"url": address.url}),
        )
        for address in addresses
    ]


def _problem(address: FailingAddress, page: str) -> Problem:
    words = {
        "url": redact_urls(address.url),
        "count": address.failures,
        "since": format_datetime(address.failing_since),
        "reason": remedies.in_words(address.reason) or _("no reason was given"),
        "remedy": remedies.remedy_of(address.reason),
    }
    text = ngettext_lazy(
        "%(count)d call in a row has failed, the first on %(since)s (UTC). The last reason: %(reason)s. %(remedy)s",
        "%(count)d calls in a row have failed, the first on %(since)s (UTC). The last reason: %(reason)s. %(remedy)s",
        address.failures,
    )
    title = _("Callbacks to %(url)s fail")
    return Problem(short(address.failing_since, address.reason), title % words, text % words, url=page)


def short(since: datetime, reason: str) -> str:
    """Say it in the room that a list has."""
    return _("Fails since %(since)s: %(reason)s") % {
        "since": format_datetime(since),
        "reason": remedies.in_words(reason),
    }


def _more() -> Problem:
    title = _("Callbacks to more addresses fail")
    text = _("Only those that failed last are named here. The failed callbacks show them all.")
    page = reverse("admin:callbacks_callbackdelivery_changelist", query={"state": "failed"})
    return Problem(title, title, text, url=page)
