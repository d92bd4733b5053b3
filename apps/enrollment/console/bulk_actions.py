"""Actions on selected profiles, each confirmed with a count: disconnect, revoke, and enrolment links as a CSV file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, ngettext_lazy

from apps.common.console.confirmations import Confirmation
from apps.enrollment import device_management, links, services
from apps.enrollment.console.device_actions import ENROLL_AGAIN
from apps.enrollment.models import Profile
from apps.events.console.export import csv_text
from apps.events.types import EventTypes

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

COLUMNS = ("user_id", "application", "enrollment_code", "enrollment_uri", "web_enrollment_uri", "expires_at")


@dataclass(frozen=True)
class BulkAction:
    """Action on profiles. `heading` and `success_text` contain the placeholder `count`.

    `execute` gets the profiles and the name of the staff account, and returns the number of changed profiles.
    """

    name: str
    title: "StrPromise"
    icon: str
    heading: "StrPromise"
    paragraphs: "tuple[StrPromise, ...]"
    success_text: "StrPromise"
    execute: Callable[[Sequence[Profile], str], int]


def _disconnect(profiles: Sequence[Profile], who: str) -> int:
    return device_management.remove(profiles, EventTypes.ADMIN_USER_DISCONNECTED, who=who)


def _revoke_mobile_authentication(profiles: Sequence[Profile], who: str) -> int:
    return sum(device_management.revoke_mobile_authentication(profile, who=who) for profile in profiles)


def _revoke_push(profiles: Sequence[Profile], who: str) -> int:
    return sum(device_management.revoke_push(profile, who=who) for profile in profiles)


DISCONNECT = BulkAction(
    name="disconnect_selected",
    title=_("Disconnect selected users from their devices"),
    icon="link_off",
    heading=ngettext_lazy(
        "Disconnect %(count)d user from a device?", "Disconnect %(count)d users from their devices?", "count"
    ),
    paragraphs=(_("The keys, authenticators and push tokens of these users on these devices are deleted:"),),
    success_text=ngettext_lazy("%(count)d user was disconnected.", "%(count)d users were disconnected.", "count"),
    execute=_disconnect,
)
REVOKE_MOBILE_AUTHENTICATION = BulkAction(
    name="revoke_mobile_authentication_selected",
    title=_("Revoke mobile authentication of selected users"),
    icon="key_off",
    heading=ngettext_lazy(
        "Revoke mobile authentication of %(count)d user?", "Revoke mobile authentication of %(count)d users?", "count"
    ),
    paragraphs=(
        _("The devices stay in the list. The keys, authenticators and push tokens on these devices are deleted:"),
    ),
    success_text=ngettext_lazy(
        "The keys of %(count)d user were deleted.", "The keys of %(count)d users were deleted.", "count"
    ),
    execute=_revoke_mobile_authentication,
)
REVOKE_PUSH = BulkAction(
    name="revoke_push_selected",
    title=_("Revoke push notifications of selected users"),
    icon="notifications_off",
    heading=ngettext_lazy(
        "Revoke push notifications of %(count)d user?", "Revoke push notifications of %(count)d users?", "count"
    ),
    paragraphs=(
        _("The apps can enrol for push again without the user. The push tokens of these devices are deleted:"),
    ),
    success_text=ngettext_lazy(
        "Push notifications of %(count)d user were revoked.",
        "Push notifications of %(count)d users were revoked.",
        "count",
    ),
    execute=_revoke_push,
)
BULK_ACTIONS = {action.name: action for action in (DISCONNECT, REVOKE_MOBILE_AUTHENTICATION, REVOKE_PUSH)}
LINKS_NAME, LINKS_TITLE = "enrollment_links_selected", _("Download enrolment links of selected users (CSV)")


def build_confirmation(action: BulkAction, profiles: Sequence[Profile], back_url: str) -> Confirmation:
    return Confirmation(
        title=action.title,
        heading=action.heading % {"count": len(profiles)},
        paragraphs=action.paragraphs,
        items=_items(profiles),
        warning="" if action is REVOKE_PUSH else ENROLL_AGAIN,
        icon=action.icon,
        back_url=back_url,
        button_label=action.title,
        state_token=state_token(profiles),
        hidden_fields=_hidden_fields(action.name, profiles),
    )


def build_links_confirmation(profiles: Sequence[Profile], back_url: str) -> Confirmation:
    count = len(recipients(profiles))
    heading = ngettext("Create %(count)d enrolment link?", "Create %(count)d enrolment links?", count)
    return Confirmation(
        title=LINKS_TITLE,
        heading=heading % {"count": count},
        paragraphs=[
            _(
                "The file has one line for each user and application, with a code and its links. A code is valid once, "
                "for 10 minutes. Creating another one does not end it."
            )
        ],
        items=[f"{user_id} · {application}" for user_id, application in recipients(profiles)],
        warning=_(
            "A device that is enrolled with a code can approve transactions of its user. Send each link only "
            "to its user."
        ),
        icon="download",
        back_url=back_url,
        button_label=_("Create and download"),
        state_token=state_token(profiles),
        hidden_fields=_hidden_fields(LINKS_NAME, profiles),
    )


def recipients(profiles: Sequence[Profile]) -> dict[tuple[str, str], Profile]:
    """Return a profile for each pair of user and application."""
    return {(profile.user_id, profile.device.version.application.name): profile for profile in profiles}


def links_file(profiles: Sequence[Profile], who: str) -> HttpResponse:
    """Create a code for each user and application, and return them with their links as CSV."""
    lines: list[Sequence[str]] = [COLUMNS]
    for profile in recipients(profiles).values():
        application = profile.device.version.application
        code, row = services.create_enrollment_code(
            user_id=profile.user_id, application_identifier=application.identifier, who=who
        )
        uris = links.enrollment_uri(code, application), links.web_enrollment_uri(code, application)
        expires_at = row.expires_at.isoformat(timespec="seconds")
        lines.append((profile.user_id, application.identifier, code, *uris, expires_at))
    name = f"enrolment-links-{timezone.now():%Y%m%d-%H%M%S}.csv"
    return HttpResponse(
        csv_text(lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def state_token(profiles: Sequence[Profile]) -> str:
    """Return a token that changes if a selected profile was deleted."""
    return sha256(",".join(str(pk) for pk in sorted(profile.pk for profile in profiles)).encode()).hexdigest()


def back_url(request: HttpRequest) -> str:
    """Return the list with its search."""
    query = request.GET.urlencode()
    return reverse("admin:enrollment_profile_changelist") + (f"?{query}" if query else "")


def _items(profiles: Sequence[Profile]) -> list[str]:
    return [f"{profile.user_id} · {profile.device.name}" for profile in profiles]


def _hidden_fields(name: str, profiles: Sequence[Profile]) -> list[tuple[str, str]]:
    """Return the fields with which the list repeats the action for the same rows."""
    ids = [("_selected_action", str(profile.pk)) for profile in profiles]
    return [("action", name), ("index", "0"), ("confirmed", "yes"), *ids]
