"""What the console's start page says: what is wrong, what a first authentication needs, how the last day went."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.applications.models import Api, ApiClient, ApplicationVersion, VersionStatus
from apps.callbacks import problems as callbacks
from apps.enrollment.models import PushEnrollment
from apps.events.models import Event
from apps.geocontext import problems as geocontext
from apps.push.models import PushMessagingConfiguration
from apps.push.problems import problems_of
from apps.system import services as system
from apps.transactions.models import Status, Transaction
from apps.transactions.types import MobileAuthenticationType

EVENTS_SHOWN = 6
# What a first authentication needs; events are for those who watch.
NEEDED_APIS = {Api.MOBILE_AUTHENTICATION, Api.END_USER}
# Counting a busy day takes a while; the page may be reloaded as often as one likes.
COUNTS_SECONDS = 15


@dataclass(frozen=True)
class Step:
    """One thing that a first authentication needs, and where it is done."""

    done: bool
    title: str | Promise
    text: str | Promise
    url: str


def context() -> dict[str, Any]:
    steps = list(checklist())
    return {
        "problems": list(problems()),
        "steps": steps,
        "steps_done": sum(step.done for step in steps),
        "outcomes": outcomes(),
        "last_events": Event.objects.order_by("-id")[:EVENTS_SHOWN],
    }


def problems() -> Iterator[dict[str, Any]]:
    """Yield what keeps pushes and callbacks from arriving or soon will, each with the page where it is mended."""
    if not system.features().mobile_authentication:
        return
    for configuration in PushMessagingConfiguration.objects.all():
        url = reverse("admin:push_pushmessagingconfiguration_change", args=[configuration.pk])
        for problem in problems_of(configuration):
            yield {**asdict(problem), "url": url}
    yield from map(asdict, callbacks.problems())
    yield from map(asdict, geocontext.problems())


def checklist() -> Iterator[Step]:
    """Yield the steps in the order in which they are taken."""
    if not system.features().mobile_authentication:
        yield Step(
            done=False,
            title=_("Mobile authentication is off"),
            text=_("Every call of portals and phones is refused. Switch it on under Features."),
            url=reverse("admin:system_features_change"),
        )
        return
    yield from _server_steps()
    yield from _application_steps()
    yield Step(
        PushEnrollment.objects.exists(),
        _("A device is enrolled for push"),
        _("Ask for an enrolment code through the user API, and let the app enrol with it."),
        reverse("admin:enrollment_profile_changelist"),
    )


def _server_steps() -> Iterator[Step]:
    general = system.general()
    yield Step(
        general.enrollment_enabled and general.push_enrollment_enabled and general.push_authorization_enabled,
        _("Enrolment and push are switched on"),
        _("Devices can enrol, enrol for push, and are sent push messages."),
        reverse("admin:system_generalconfiguration_change"),
    )
    yield Step(
        PushMessagingConfiguration.objects.exists(),
        _("A push messaging configuration"),
        _("The credential with which pushes are sent: a service account of Google's, or a signing key of Apple's."),
        reverse("admin:push_pushmessagingconfiguration_changelist"),
    )


def _application_steps() -> Iterator[Step]:
    versions = ApplicationVersion.objects.filter(push_messaging_configuration__isnull=False)
    yield Step(
        versions.filter(status=VersionStatus.ENABLED).exists(),
        _("An application with an enabled version"),
        _("The app that users have, and how pushes reach each of its versions."),
        reverse("admin:applications_application_changelist"),
    )
    yield Step(
        MobileAuthenticationType.objects.exists(),
        _("A mobile authentication type"),
        _("What portals ask for by name, with its time to live and default message."),
        reverse("admin:transactions_mobileauthenticationtype_changelist"),
    )
    apis = {api for client in ApiClient.objects.all() for api in client.apis}
    yield Step(
        apis >= NEEDED_APIS,
        _("API clients for both APIs"),
        _("A portal needs “Mobile authentication”; who enrols users needs “Users and devices”."),
        reverse("admin:applications_apiclient_changelist"),
    )


def outcomes() -> list[dict[str, Any]]:
    """Count the transactions of the last 24 hours by outcome, in the order of their statuses."""
    counts: dict[str, int] = cache.get_or_set("console-outcomes", _count, COUNTS_SECONDS) or {}
    url = reverse("admin:transactions_transaction_changelist")
    return [
        {"status": status.value, "label": status.label, "count": counts[status.value], "url": f"{url}?status={status}"}
        for status in Status
    ]


def _count() -> dict[str, int]:
    now = timezone.now()
    overdue = Q(status=Status.PENDING, expires_at__lte=now)
    conditions = {status.value: Q(status=status) for status in Status}
    # As everywhere: expired from the moment of expiry, whether or not a sweep has run.
    conditions[Status.PENDING] &= ~overdue
    conditions[Status.EXPIRED] |= overdue
    counted = Transaction.objects.filter(created_at__gte=now - timedelta(hours=24)).aggregate(
        **{status: Count("pk", filter=condition) for status, condition in conditions.items()}
    )
    return {status: int(number) for status, number in counted.items()}
