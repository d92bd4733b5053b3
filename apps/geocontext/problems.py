"""What is wrong with the source of locations, or soon will be, for whoever looks at the console or checks it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.console.admin import format_datetime
from apps.common.console.problems import Problem
from apps.geocontext import database
from apps.geocontext.locations import Failure
from apps.geocontext.models import Geolocation
from apps.system import services as system

# Its makers publish a new one every week or month; addresses move all the time.
MAX_AGE = timedelta(days=30)


def problems(now: datetime | None = None) -> Iterator[Problem]:
    """Yield that there is no source, or what is wrong with the file if it is the source; nobody is asked."""
    if not system.features().geolocation or Geolocation.get_solo().url:
        return
    url = reverse("admin:geocontext_geolocation_change")
    if not settings.GEOCONTEXT_DATABASE:
        title = _("Geolocation is on, but has no source: messages carry no context")
        hint = _("Who wants no context switches Geolocation off under Features.")
        yield Problem(_("No source"), title, f"{no_source()} {where_to_read()} {hint}", is_failure=False, url=url)
        return
    file = database.open_database(settings.GEOCONTEXT_DATABASE)
    if isinstance(file, Failure):
        title = _("Messages carry no context: the location file cannot be used")
        yield Problem(_("File cannot be used"), title, f"{file.reason} {remedy()}", url=url)
    elif is_outdated(file, now or timezone.now()):
        title = _("The location file is from %(date)s (UTC)") % {"date": format_datetime(file.built_at)}
        yield Problem(_("File is old"), title, outdated_text(), is_failure=False, url=url)


def no_source() -> str:
    return _("Nothing is set that knows where an address is: messages are sent without it.")


def where_to_read() -> str:
    return _("docs/context.md says what can be set.")


def is_outdated(file: database.LocationDatabase, now: datetime) -> bool:
    return now - file.built_at > MAX_AGE


def outdated_text() -> str:
    return _("Addresses move, and users read wrong places. Fetch a newer file, and put it there by renaming it.")


def remedy() -> str:
    path = settings.GEOCONTEXT_DATABASE
    return _(
        "Put a City file in MaxMind's format at %(path)s, readable for the server, by renaming it; no restart is "
        "needed. Or name another path in GEOCONTEXT_DATABASE, and restart."
    ) % {"path": path}
