"""Content of the console's start page: problems, setup steps and the transactions of the last 24 hours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.applications.models import Api, ApiClient, ApplicationVersion, VersionStatus
from apps.console import daily_statistics, problems
from apps.console.daily_statistics import HourlyCount
from apps.enrollment.models import PushEnrollment
from apps.events.console import devices
from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from apps.system import services as system
from apps.transactions.models import Status
from apps.transactions.types import MobileAuthenticationType

MAX_EVENTS = 6
# The APIs that a first authentication needs.
NEEDED_APIS = {Api.MOBILE_AUTHENTICATION, Api.END_USER}


@dataclass(frozen=True)
class Step:
    """Setup step of a first authentication, with the page where it is done."""

    is_done: bool
    title: str | Promise
    description: str | Promise
    url: str


def context(user: User | AnonymousUser) -> dict[str, Any]:
    """Return the content that the account has permission to view."""
    counts = daily_statistics.hourly_counts()
    page_context: dict[str, Any] = {
        "outcomes": outcomes(counts),
        "charts": daily_statistics.charts(counts),
        "chart_options": daily_statistics.CHART_OPTIONS,
        "hours": daily_statistics.hourly_table(counts),
    }
    if user.has_perm("system.view_features"):
        steps = list(checklist())
        page_context |= {
            "problems": list(problems.problems(counts)),
            "steps": steps,
            "steps_done": sum(step.is_done for step in steps),
        }
    if user.has_perm("events.view_event"):
        page_context["last_events"] = events = list(Event.objects.all()[:MAX_EVENTS])
        devices.attach(events)
    return page_context


def checklist() -> Iterator[Step]:
    """Yield the setup steps in their order."""
    if not system.features().mobile_authentication:
        yield Step(
            is_done=False,
            title=_("Mobile authentication is off"),
            description=_("All requests of portals and devices are rejected. Turn it on under Features."),
            url=reverse("admin:system_features_change"),
        )
        return
    yield from _server_steps()
    yield from _application_steps()
    yield Step(
        PushEnrollment.objects.exists(),
        _("A device is enrolled for push"),
        _("Request an enrolment code with the user API and enrol the app with it."),
        reverse("admin:enrollment_profile_changelist"),
    )


def _server_steps() -> Iterator[Step]:
    general = system.general()
    yield Step(
        general.enrollment_enabled and general.push_enrollment_enabled and general.push_authorization_enabled,
        _("Enrolment and push are turned on"),
        _("Devices can enrol, enrol for push and receive push messages."),
        reverse("admin:system_generalconfiguration_change"),
    )
    yield Step(
        PushMessagingConfiguration.objects.exists(),
        _("A push messaging configuration"),
        _("The credential for sending pushes: a Google service account or an Apple signing key."),
        reverse("admin:push_pushmessagingconfiguration_changelist"),
    )


def _application_steps() -> Iterator[Step]:
    versions = ApplicationVersion.objects.filter(push_messaging_configuration__isnull=False)
    yield Step(
        versions.filter(status=VersionStatus.ENABLED).exists(),
        _("An application with an enabled version"),
        _("The users' app, with a push messaging configuration for each of its versions."),
        reverse("admin:applications_application_changelist"),
    )
    yield Step(
        MobileAuthenticationType.objects.exists(),
        _("A mobile authentication type"),
        _("The configuration that portals request by name, with its time to live and default message."),
        reverse("admin:transactions_mobileauthenticationtype_changelist"),
    )
    apis = {api for client in ApiClient.objects.all() for api in client.apis}
    yield Step(
        apis >= NEEDED_APIS,
        _("API clients for both APIs"),
        _("Portals need “Mobile authentication”; clients that enrol users need “Users and devices”."),
        reverse("admin:applications_apiclient_changelist"),
    )


def outcomes(hourly_counts: Sequence[HourlyCount]) -> list[dict[str, Any]]:
    """Return the number of transactions of the last 24 hours for each status."""
    counts = daily_statistics.count_by_status(hourly_counts)
    url = reverse("admin:transactions_transaction_changelist")
    return [
        {"status": status.value, "label": status.label, "count": counts[status], "url": f"{url}?status={status}"}
        for status in Status
    ]
