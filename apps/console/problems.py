"""Problems that need attention, for the console's start page."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.callbacks import problems as callbacks
from apps.common.console.problems import Problem
from apps.common.findings import to_problem
from apps.configuration import checks
from apps.configuration.checks import operation
from apps.console.daily_statistics import HourlyCount, sms_totals
from apps.geocontext import problems as geocontext
from apps.geocontext.services import is_enabled
from apps.push.models import PushMessagingConfiguration
from apps.push.problems import problems_of
from apps.system import services as system
from apps.transactions.types import Method, MobileAuthenticationType


def problems(counts: Sequence[HourlyCount]) -> Iterator[dict[str, Any]]:
    """Yield the problems of the audit log, messages and callbacks, each with the page that has the details."""
    yield from map(asdict, operation.audit_log())
    if not system.features().mobile_authentication:
        return
    yield from map(asdict, operation.overdue_deliveries())
    for configuration in PushMessagingConfiguration.objects.all():
        url = reverse("admin:push_pushmessagingconfiguration_change", args=[configuration.pk])
        for problem in problems_of(configuration):
            yield {**asdict(problem), "url": url}
    yield from map(asdict, callbacks.problems())
    yield from map(asdict, _unverified_sms(counts))
    yield from map(asdict, _location_source())
    yield from (asdict(to_problem(finding)) for finding in checks.check_stored())


def _location_source() -> Iterator[Problem]:
    """Yield the problems of the location source if messages can carry a context."""
    if is_enabled() or MobileAuthenticationType.objects.exclude(method=Method.SMS).exists():
        yield from geocontext.problems()


def _unverified_sms(counts: Sequence[HourlyCount]) -> Iterator[Problem]:
    """Yield the countries where few codes are verified; without any, the total of all countries if it is low."""
    countries = list(operation.countries_with_unverified_sms())
    if countries:
        yield from countries
        return
    sent, verified = sms_totals(counts)
    if not operation.is_low(sent, verified):
        return
    title = _("Few SMS codes are verified")
    text = _(
        "In the last 24 hours, codes were sent for %(sent)d transactions and verified for %(verified)d. Messages may "
        "not be delivered, or this may be SMS pumping. Check the portals and users of these transactions."
    ) % {"sent": sent, "verified": verified}
    yield Problem(
        title, title, text, is_failure=False, url=reverse(operation.SMS_USAGE_PAGE), documents=operation.sms_documents()
    )
