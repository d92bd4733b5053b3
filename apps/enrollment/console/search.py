"""Search of the page Users: an exact user id, or the beginning of user ids and device names."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.common.prefixes import starting_with
from apps.enrollment.models import Device, Profile

# Limit of the rows of each of the two searches, so that their duration does not depend on the size of the tables.
MAX_MATCHES = 500
MAX_OTHER_USERS = 5


@dataclass(frozen=True)
class Matches:
    """Profiles whose user id or device name begins with a term, those of users first in the order of their ids."""

    profiles: Sequence[int]
    is_truncated: bool


def find(term: str) -> Matches:
    """Find profiles in three queries."""
    users = list(starting_with(Profile.objects.all(), "user_id", term).values_list("pk", flat=True)[: MAX_MATCHES + 1])
    named = list(starting_with(Device.objects.all(), "name", term).values_list("pk", flat=True)[: MAX_MATCHES + 1])
    by_device = Profile.objects.filter(device__in=named[:MAX_MATCHES]).order_by("pk").values_list("pk", flat=True)
    on_devices = list(by_device[: MAX_MATCHES + 1]) if named else []
    return Matches(
        profiles=[*users[:MAX_MATCHES], *on_devices[:MAX_MATCHES]],
        is_truncated=max(map(len, (users, named, on_devices))) > MAX_MATCHES,
    )


def other_users(user_id: str) -> list[str]:
    """Return at most five other users whose ids begin with this id."""
    rows = starting_with(Profile.objects.all(), "user_id", user_id).values_list("user_id", flat=True)
    found = dict.fromkeys(rows.exclude(user_id=user_id)[: 4 * MAX_OTHER_USERS])
    return list(found)[:MAX_OTHER_USERS]
