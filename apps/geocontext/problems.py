"""Problems of the source of locations, for the console and for check_configuration."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.console.admin import format_datetime
from apps.common.console.documents import troubleshooting
from apps.common.console.problems import Problem
from apps.geocontext import database
from apps.geocontext.locations import Failure
from apps.geocontext.models import Geolocation
from apps.system import services as system

# New databases are published weekly or monthly, because addresses move.
MAX_AGE = timedelta(days=30)


def problems(now: datetime | None = None) -> Iterator[Problem]:
    """Yield a problem if only one of feature and source is there, or if the location database has a problem."""
    service_url = Geolocation.get_solo().url
    if not system.features().geolocation:
        if service_url or settings.GEOCONTEXT_DATABASE:
            yield _unused_source()
        return
    if service_url:
        return
    url = reverse("admin:geocontext_geolocation_change")
    if not settings.GEOCONTEXT_DATABASE:
        title = _("Geolocation is on, but has no source: messages have no context")
        hint = _("To send messages without context, turn off Geolocation under Features.")
        text = " ".join((no_source(), where_to_read(), hint))
        documents = (troubleshooting("geolocation-has-no-source"),)
        yield Problem(_("No source"), title, text, is_failure=False, url=url, documents=documents)
        return
    location_database = database.open_database(settings.GEOCONTEXT_DATABASE)
    if isinstance(location_database, Failure):
        title = _("Messages have no context: the location database cannot be used")
        text, documents = (
            f"{location_database.reason} {remedy()}",
            (troubleshooting("the-location-database-cannot-be-used"),),
        )
        yield Problem(_("Database cannot be used"), title, text, url=url, documents=documents)
    elif is_outdated(location_database, now or timezone.now()):
        title = _("The location database is from %(date)s (UTC)") % {
            "date": format_datetime(location_database.built_at)
        }
        documents = (troubleshooting("the-location-database-is-outdated"),)
        yield Problem(_("Database is outdated"), title, outdated_text(), is_failure=False, url=url, documents=documents)


def _unused_source() -> Problem:
    title = _("Geolocation is off, although a source of locations is configured: messages have no context")
    text = _("To send messages with context, turn on Geolocation under Features. Otherwise, remove the source.")
    documents = (troubleshooting("geolocation-is-off"),)
    url = reverse("admin:system_features_change")
    return Problem(_("Geolocation is off"), title, text, is_failure=False, url=url, documents=documents)


def no_source() -> str:
    return _("No source of locations is configured: messages are sent without context.")


def where_to_read() -> str:
    return _("See docs/context.md for the possible sources.")


def is_outdated(location_database: database.LocationDatabase, now: datetime) -> bool:
    return now - location_database.built_at > MAX_AGE


def outdated_text() -> str:
    return _(
        "Addresses move, so users can see wrong locations. Download a newer database and rename it to the configured "
        "path."
    )


def remedy() -> str:
    path = settings.GEOCONTEXT_DATABASE
    return _(
        "Rename a City database in MaxMind's format to %(path)s, readable by the server. No restart is needed. Or set "
        "another path in GEOCONTEXT_DATABASE and restart."
    ) % {"path": path}
