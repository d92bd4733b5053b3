"""Steps from an empty installation to a first authentication, for the start page and the pages of the steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.applications.models import Api, ApiClient, Application, ApplicationVersion, VersionStatus
from apps.enrollment import pulling
from apps.enrollment.models import Profile, PushEnrollment
from apps.events.models import Event
from apps.events.types import EventTypes
from apps.push.models import PushMessagingConfiguration
from apps.system import services as system
from apps.transactions.console import trial_pages
from apps.transactions.types import MobileAuthenticationType

# Prefixes of the URL names of pages that show the next step. Other accounts than administrators cannot do the steps.
PAGES = (
    "system_features_",
    "system_generalconfiguration_",
    "push_pushmessagingconfiguration_",
    "applications_application_",
    "transactions_mobileauthenticationtype_",
    "applications_apiclient_",
    "callbacks_callbackendpoint_",
    "enrollment_profile_",
    "try_authentication",
)
PERMISSION = trial_pages.PERMISSION
AUTHENTICATED = (EventTypes.MOBILE_AUTH_AUTHENTICATED, EventTypes.SMS_AUTH_AUTHENTICATED)


@dataclass(frozen=True)
class Step:
    """Setup step of a first authentication, with the page where it is done."""

    is_done: bool
    title: str | Promise
    description: str | Promise
    url: str


def progress(request: HttpRequest, page: str) -> dict[str, Any]:
    """Return the next step for the page with this URL name; nothing if it is not a page of a step or all are done."""
    if not page.startswith(PAGES) or not request.user.has_perm(PERMISSION):
        return {}
    all_steps = list(steps(request.user))
    missing = [step for step in all_steps if not step.is_done]
    return {"next": missing[0], "done": len(all_steps) - len(missing), "all": len(all_steps)} if missing else {}


def steps(user: AbstractBaseUser | AnonymousUser) -> Iterator[Step]:
    """Yield the setup steps in their order. Accounts that cannot do them get links to the lists."""
    if not system.features().mobile_authentication:
        yield Step(
            is_done=False,
            title=_("Mobile authentication is off"),
            description=_("All requests of portals and devices are rejected. Turn it on under Features."),
            url=reverse("admin:system_features_change"),
        )
        return
    may_change = isinstance(user, User) and user.has_perm(PERMISSION)
    yield from _server_steps(may_change)
    yield from _application_steps(may_change)
    yield from _authentication_steps(may_change)


def _server_steps(may_change: bool) -> Iterator[Step]:
    general = system.general()
    yield Step(
        general.enrollment_enabled and general.push_enrollment_enabled and general.push_authorization_enabled,
        _("Enrolment and push are turned on"),
        _("Devices can enrol, enrol for push and receive push messages."),
        reverse("admin:system_generalconfiguration_change"),
    )
    has_configuration = PushMessagingConfiguration.objects.exists()
    yield Step(
        has_configuration,
        _("A push messaging configuration"),
        _("The credential for sending pushes: a Google service account or an Apple signing key."),
        _list_or_form("push_pushmessagingconfiguration", has_form=may_change and not has_configuration),
    )


def _application_steps(may_change: bool) -> Iterator[Step]:
    versions = ApplicationVersion.objects.filter(push_messaging_configuration__isnull=False)
    has_version = versions.filter(status=VersionStatus.ENABLED).exists()
    has_form = may_change and not has_version and not Application.objects.exists()
    yield Step(
        has_version,
        _("An application with an enabled version"),
        _("The users' app, with a push messaging configuration for each of its versions."),
        _list_or_form("applications_application", has_form=has_form),
    )
    has_type = MobileAuthenticationType.objects.exists()
    yield Step(
        has_type,
        _("A mobile authentication type"),
        _("The configuration that portals request by name, with its time to live and default message."),
        _list_or_form("transactions_mobileauthenticationtype", has_form=may_change and not has_type),
    )
    clients = list(ApiClient.objects.all())
    yield Step(
        any(Api.MOBILE_AUTHENTICATION in client.apis for client in clients),
        _("An API client of a portal"),
        _("Portals need “Mobile authentication”; clients that enrol users need “Users and devices”."),
        _list_or_form("applications_apiclient", has_form=may_change and not clients),
    )


def _authentication_steps(may_change: bool) -> Iterator[Step]:
    users, transactions = "enrollment_profile_changelist", "transactions_transaction_changelist"
    yield Step(
        PushEnrollment.objects.exists() or Profile.objects.filter(pulling.PULLING).exists(),
        _("A device is enrolled for push"),
        _("Enrol a device: create a code for a user, and scan it with the app."),
        reverse(f"admin:{'enrollment_profile_enroll_device' if may_change else users}"),
    )
    yield Step(
        Event.objects.filter(event_type__in=AUTHENTICATED).exists(),
        _("A first authentication"),
        _("Try it: start an authentication for the user of the device, and approve it."),
        reverse(f"admin:{trial_pages.PAGE if may_change else transactions}"),
    )


def _list_or_form(pages: str, *, has_form: bool) -> str:
    """Return the URL of the list of a model, or of the form of a new row."""
    return reverse(f"admin:{pages}_{'add' if has_form else 'changelist'}")
