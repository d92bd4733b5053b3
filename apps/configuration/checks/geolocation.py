"""Check the geolocation service, or without one the location database."""

from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common.findings import Finding, Level, from_problem
from apps.geocontext import client, database, problems, sources
from apps.geocontext.locations import Failure
from apps.geocontext.models import Geolocation
from apps.system import services as system
from apps.transactions.types import Method, MobileAuthenticationType

# A public DNS resolver: every service can locate it, and the lookup reveals nothing about users.
WELL_KNOWN = "8.8.8.8"


def check() -> Iterator[Finding]:
    service, is_on = Geolocation.get_solo(), system.features().geolocation
    if is_on and service.url:
        yield _check_service(service)
    elif is_on and settings.GEOCONTEXT_DATABASE:
        yield _check_file(settings.GEOCONTEXT_DATABASE)
    elif MobileAuthenticationType.objects.exclude(method=Method.SMS).exists():
        yield from (from_problem(problem, Level.WARNING) for problem in problems.problems())


def _check_service(service: Geolocation) -> Finding:
    [[(_ip, location)]] = client.look_up(service, [WELL_KNOWN])
    about = sources.describe_service(service)
    if isinstance(location, Failure):
        remedy = _(
            "Compare the URL and the key under System, Geolocation with the documentation of the service. Check that "
            "this server can connect to it, through the outgoing proxy if one is configured."
        )
        return Finding(Level.ERROR, about, location.reason, remedy)
    values = {"address": WELL_KNOWN, "country": location.country_code}
    return Finding(Level.OK, about, _("The service locates %(address)s in %(country)s.") % values)


def _check_file(path: str) -> Finding:
    file, now = database.open_database(path), timezone.now()
    about = _("location database %(path)s") % {"path": path}
    if isinstance(file, Failure):
        return Finding(Level.ERROR, about, file.reason, problems.remedy())
    days = max((now - file.built_at).days, 0)
    text = ngettext(
        "Database type %(kind)s, built on %(date)s, %(days)d day ago.",
        "Database type %(kind)s, built on %(date)s, %(days)d days ago.",
        days,
    ) % {"kind": file.kind, "date": date_format(file.built_at, "DATE_FORMAT"), "days": days}
    if problems.is_outdated(file, now):
        return Finding(Level.WARNING, about, text, problems.outdated_text())
    if not file.has_cities:
        return Finding(Level.WARNING, about, text, _("It contains countries only. Use a City database to show cities."))
    return Finding(Level.OK, about, text)
