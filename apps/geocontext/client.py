"""Client of the geolocation service, which looks up many addresses concurrently."""

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from apps.common import untrusted_json
from apps.common.encryption import CannotDecrypt
from apps.geocontext import service_url
from apps.geocontext.locations import Failure, Location, clean
from apps.geocontext.models import Geolocation
from apps.outgoing import http, multiplex
from apps.outgoing.proxy import Proxy
from apps.system import services as system

# For the connection, including a proxy, and the complete response.
TIMEOUT_SECONDS = 2
POOL = "geolocation"
MEMBERS = ("country_code", "region", "city")


def look_up(service: Geolocation, ips: Iterable[str]) -> Iterator[list[tuple[str, Location | Failure]]]:
    """Look up normalized addresses and yield the locations as responses arrive. Takes at most two seconds."""
    proxy = system.external_proxy()
    try:
        key = service.key
    except CannotDecrypt:
        failure = Failure(_("The key of the geolocation service cannot be decrypted; enter it again."))
        yield [(ip, failure) for ip in ips]
        return
    requests = ((ip, _request(service_url.build_url(service.url, key, ip), proxy)) for ip in ips)
    for responses in multiplex.send_all(requests):
        yield [(ip, parse_response(response)) for ip, response in responses]


def _request(url: str, proxy: Proxy | None) -> http.Request:
    headers = {"Accept": "application/json"}
    return http.Request("GET", url, headers, b"", TIMEOUT_SECONDS, TIMEOUT_SECONDS, proxy=proxy, pool=POOL)


def parse_response(response: http.Response | http.NoResponse) -> Location | Failure:
    """Return the location of a response, which must be 200 with a JSON object that has all three members."""
    if isinstance(response, http.NoResponse):
        return Failure(_("The geolocation service is unavailable (%(reason)s).") % {"reason": response.reason})
    if response.status != 200:
        return Failure(_("The geolocation service returned HTTP %(status)d.") % {"status": response.status})
    if len(response.body) >= http.MAX_RESPONSE_BYTES:
        return Failure(_("The response of the geolocation service is too large."))
    try:
        data = untrusted_json.loads(response.body)
    except ValueError:
        return Failure(_("The response of the geolocation service is not valid JSON."))
    if not isinstance(data, dict):
        return Failure(_("The response of the geolocation service is not a JSON object."))
    return _parse_location(data)


def _parse_location(data: dict[str, object]) -> Location | Failure:
    for name in MEMBERS:
        if name not in data:
            return Failure(_("The response of the geolocation service lacks “%(name)s”.") % {"name": name})
        if not isinstance(data[name], str | None):
            text = _("“%(name)s” in the response of the geolocation service is not a string.")
            return Failure(text % {"name": name})
    location = Location(*(clean(str(data[name] or "")) for name in MEMBERS))
    return (
        location if location.country_code else Failure(_("The geolocation service has no location for the IP address."))
    )
