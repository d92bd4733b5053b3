"""What the console's start page says: what is wrong, what a first authentication needs, how the last day went."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.applications.models import Api, ApiClient, ApplicationVersion, VersionStatus
from apps.console import daily_statistics, problems
from apps.console.daily_statistics import Slice
from apps.enrollment.models import PushEnrollment
from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from apps.system import services as system
from apps.transactions.models import Status
from apps.transactions.types import MobileAuthenticationType

EVENTS_SHOWN = 6
# What a first authentication needs; events are for those who watch.
NEEDED_APIS = {Api.MOBILE_AUTHENTICATION, Api.END_USER}


@dataclass(frozen=True)
class Step:
    """One thing that a first authentication needs, and where it is done."""

    done: bool
    title: str | Promise
    text: str | Promise
    url: str


def context(user: User | AnonymousUser) -> dict[str, Any]:
    """Return what an account may see: the configuration's state and the activity are parts of what they tell of."""
    day = daily_statistics.slices()
    shown: dict[str, Any] = {
        "outcomes": outcomes(day),
        "charts": daily_statistics.charts(day),
        "hours": daily_statistics.table(day),
    }
    if user.has_perm("system.view_features"):
        steps = list(checklist())
        shown |= {
            "problems": list(problems.problems(day)),
            "steps": steps,
            "steps_done": sum(step.done for step in steps),
        }
    if user.has_perm("events.view_event"):
        shown["last_events"] = Event.objects.all()[:EVENTS_SHOWN]
    return shown


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


def outcomes(day: Sequence[Slice]) -> list[dict[str, Any]]:
    """Return the transactions of the last 24 hours by outcome, in the order of their statuses."""
    counts = daily_statistics.by_status(day)
    url = reverse("admin:transactions_transaction_changelist")
    return [
        {"status": status.value, "label": status.label, "count": counts[status], "url": f"{url}?status={status}"}
        for status in Status
    ]
