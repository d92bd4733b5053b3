"""Descriptions of the sources of locations for the console and for commands."""

from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from apps.common.console.admin import format_datetime
from apps.geocontext import database
from apps.geocontext.locations import Failure
from apps.geocontext.models import Geolocation


def describe_database(path: str) -> str:
    """Return a description of the location database, or why it cannot be used. Empty without a path."""
    if not path:
        return ""
    location_database = database.open_database(path)
    if isinstance(location_database, Failure):
        return f"{path}: {location_database.reason}"
    values = {"path": path, "kind": location_database.kind, "date": format_datetime(location_database.built_at)}
    return _("%(path)s (%(kind)s, built %(date)s UTC)") % values


def describe_service(service: Geolocation) -> str:
    """Return the host of the service. The rest of its URL is omitted because it can contain a secret."""
    return _("HTTP service at %(host)s") % {"host": urlsplit(service.url).netloc.rpartition("@")[2]}
