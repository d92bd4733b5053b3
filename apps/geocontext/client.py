"""Asking the geolocation service, for many addresses at once."""

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from apps.common import untrusted_json
from apps.common.encryption import CannotDecrypt
from apps.geocontext import service_url
from apps.geocontext.locations import Failure, Location, clean
from apps.geocontext.models import Geolocation
from apps.outgoing import http, multiplex
from apps.system import services as system

# In all: connecting, also through a proxy, and the whole answer.
SECONDS = 2
POOL = "geolocation"
MEMBERS = ("country_code", "region", "city")


def ask(service: Geolocation, ips: Iterable[str]) -> Iterator[list[tuple[str, Location | Failure]]]:
    """Ask about addresses in their normal form; yield what the service says, as it comes, in two seconds at most."""
    proxy = system.external_proxy()
    try:
        key = service.key
    except CannotDecrypt:
        failure = Failure(_("The key of the geolocation service cannot be decrypted; enter it again."))
        yield [(ip, failure) for ip in ips]
        return
    requests = ((ip, _request(service_url.asking(service.url, key, ip), proxy)) for ip in ips)
    for answers in multiplex.send_all(requests):
        yield [(ip, judge(answer)) for ip, answer in answers]


def _request(url: str, proxy: http.Proxy | None) -> http.Request:
    accepted = {"Accept": "application/json"}
    return http.Request("GET", url, accepted, b"", SECONDS, SECONDS, proxy=proxy, pool=POOL)


def judge(answer: http.Response | http.NoResponse) -> Location | Failure:
    """Read an answer: 200 and a JSON object in which all three members stand."""
    if isinstance(answer, http.NoResponse):
        return Failure(_("The geolocation service does not answer (%(reason)s).") % {"reason": answer.reason})
    if answer.status != 200:
        return Failure(_("The geolocation service answers HTTP %(status)d.") % {"status": answer.status})
    if len(answer.body) >= http.MAX_RESPONSE_BYTES:
        return Failure(_("The answer of the geolocation service is too large."))
    try:
        found = untrusted_json.loads(answer.body)
    except ValueError:
        return Failure(_("The answer of the geolocation service is not JSON."))
    return _location(found) if isinstance(found, dict) else Failure(_("The service's answer is no JSON object."))


def _location(found: dict[str, object]) -> Location | Failure:
    for name in MEMBERS:
        if name not in found:
            return Failure(_("The answer of the geolocation service lacks “%(name)s”.") % {"name": name})
        if not isinstance(found[name], str | None):
            return Failure(_("“%(name)s” in the answer of the geolocation service is no text.") % {"name": name})
    location = Location(*(clean(str(found[name] or "")) for name in MEMBERS))
    return location if location.country_code else Failure(_("The geolocation service does not know the IP address."))
