"""Where locations come from, in words: for the console and for commands."""

from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from apps.common.console.admin import format_datetime
from apps.geocontext import database
from apps.geocontext.locations import Failure
from apps.geocontext.models import Geolocation


def describe_database(path: str) -> str:
    """Say which file this is, or why it cannot be used; empty without a path."""
    if not path:
        return ""
    file = database.open_database(path)
    if isinstance(file, Failure):
        return f"{path}: {file.reason}"
    values = {"path": path, "kind": file.kind, "date": format_datetime(file.built_at)}
    return _("%(path)s (%(kind)s, built %(date)s UTC)") % values


def describe_service(service: Geolocation) -> str:
    """Name the service by its host: the rest of its address may hold a secret."""
    return _("HTTP service at %(host)s") % {"host": urlsplit(service.url).netloc.rpartition("@")[2]}
