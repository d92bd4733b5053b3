"""The source of locations for the context of secure messages: the HTTP service, or else the file."""

from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common.findings import Finding, Level
from apps.geocontext import client, database, problems, sources
from apps.geocontext.locations import Failure
from apps.geocontext.models import Geolocation
from apps.system import services as system
from apps.transactions.types import Method, MobileAuthenticationType

# A resolver that all the world uses: every service knows it, and it tells nobody anything.
WELL_KNOWN = "8.8.8.8"


def check() -> Iterator[Finding]:
    if not system.features().geolocation:
        return
    service = Geolocation.get_solo()
    if service.url:
        yield _check_service(service)
    elif settings.GEOCONTEXT_DATABASE:
        yield _check_file(settings.GEOCONTEXT_DATABASE)
    elif MobileAuthenticationType.objects.exclude(method=Method.SMS).exists():
        yield Finding(Level.OK, _("geolocation"), problems.no_source(), problems.where_to_read())


def _check_service(service: Geolocation) -> Finding:
    [[(_ip, location)]] = client.look_up(service, [WELL_KNOWN])
    about = sources.describe_service(service)
    if isinstance(location, Failure):
        remedy = _(
            "Compare the URL and the key under System, Geolocation with what the service's maker says, and see whether "
            "it can be reached from here, through the proxy of the environment if there is one."
        )
        return Finding(Level.ERROR, about, location.reason, remedy)
    values = {"address": WELL_KNOWN, "country": location.country_code}
    return Finding(Level.OK, about, _("It knows where %(address)s is: %(country)s.") % values)


def _check_file(path: str) -> Finding:
    file, now = database.open_database(path), timezone.now()
    about = _("location file %(path)s") % {"path": path}
    if isinstance(file, Failure):
        return Finding(Level.ERROR, about, file.reason, problems.remedy())
    days = max((now - file.built_at).days, 0)
    text = ngettext(
        "It is of kind %(kind)s and was built on %(date)s, %(days)d day ago.",
        "It is of kind %(kind)s and was built on %(date)s, %(days)d days ago.",
        days,
    ) % {"kind": file.kind, "date": f"{file.built_at:%Y-%m-%d}", "days": days}
    if problems.is_outdated(file, now):
        return Finding(Level.WARNING, about, text, problems.outdated_text())
    if not file.has_cities:
        return Finding(Level.WARNING, about, text, _("It seems to name countries only; a City file names cities."))
    return Finding(Level.OK, about, text)
