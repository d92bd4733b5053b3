"""Request context of secure messages: operating system, browser and location.

`compose` uses no network. If it returns None, the location must be looked up first: `look_up`, then `compose_with`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common import codes
from apps.events.facts import ContextFacts
from apps.events.types import EventType, EventTypes
from apps.geocontext import client, database, templates, user_agents
from apps.geocontext.locations import Address, Failure, Location, is_private_or_reserved, parse, private_address_failure
from apps.geocontext.models import ConfirmationTemplate, Geolocation, LocatedAddress
from apps.system import services as system

__all__ = [
    "Composed",
    "Failure",
    "Location",
    "Origin",
    "compose",
    "compose_with",
    "delete_expired",
    "disabled_reason",
    "is_enabled",
    "look_up",
]

T = TypeVar("T")
CACHE_LIFETIME = timedelta(days=1)
HASH_PURPOSE = "located address"
BATCH_SIZE = 500


@dataclass(frozen=True)
class Origin:
    """Origin of a request, as sent by the portal. IP address and user agent can be empty."""

    ip_address: str
    user_agent: str
    language: str


@dataclass(frozen=True)
class Composed:
    """Secure message with its context. `event_type` is the event to record; its `reason` is empty on success."""

    text: str
    event_type: EventType[ContextFacts]
    reason: str = ""


def is_enabled() -> bool:
    """Return True if messages have a context: the feature is on and a source of locations is configured."""
    return system.features().geolocation and bool(settings.GEOCONTEXT_DATABASE or Geolocation.get_solo().url)


def disabled_reason() -> str:
    """Return the reason why messages have no context, or an empty string if they have one."""
    if is_enabled():
        return ""
    if not system.features().geolocation:
        return _("Geolocation is off (Features): messages are sent without context.")
    return _("No source of locations is configured.")


def compose(message: str, origin: Origin) -> Composed | None:
    """Add the context to a message, or return None if the location must be looked up first.

    If the source of locations fails, the message remains unchanged; no exception is raised.
    """
    if not origin.ip_address:
        return _without_location(message, origin)
    location = _find_location(origin)
    return None if location is None else compose_with(message, origin, location)


def compose_with(message: str, origin: Origin, location: Location | Failure) -> Composed:
    """Add the context to a message, with the location of its address. A failure leaves the message unchanged."""
    if isinstance(location, Failure):
        return Composed(message, EventTypes.GEOLOCATION_CHECK_FAILED, location.reason)
    return Composed(_fill(message, origin, location), EventTypes.GEOLOCATION_CHECK_SUCCESS)


def look_up(
    origins: Iterable[tuple[T, str]], *, before_waiting: Callable[[], object] = lambda: None
) -> Iterator[list[tuple[T, Location | Failure]]]:
    """Look up IP addresses concurrently and yield their locations, each with its item.

    Takes at most two seconds. Cached locations and addresses without a location come first. Other locations are cached
    for a day. `before_waiting` is called before the requests are sent: the database is not used until responses arrive.
    """
    service = Geolocation.get_solo()
    items_by_ip: dict[str, list[T]] = {}
    failures: list[tuple[T, Location | Failure]] = []
    for item, text in origins:
        address = _public_address(text)
        if isinstance(address, Failure):
            failures.append((item, address))
        else:
            items_by_ip.setdefault(str(address), []).append(item)
    cached = _load_cached(service.url, items_by_ip)
    ready = failures + [(item, found) for ip, found in cached.items() for item in items_by_ip[ip]]
    if ready:
        yield ready
    missing = [ip for ip in items_by_ip if ip not in cached]
    if not missing:
        return
    before_waiting()
    for locations in client.look_up(service, missing):
        _cache(service.url, locations)
        yield [(item, found) for ip, found in locations for item in items_by_ip[ip]]


def delete_expired(now: datetime | None = None) -> int:
    """Delete cached locations older than a day and return their number."""
    expired = LocatedAddress.objects.filter(located_at__lt=(now or timezone.now()) - CACHE_LIFETIME)
    total = 0
    while batch := list(expired.values_list("pk", flat=True)[:BATCH_SIZE]):
        # A location that was looked up again in the meantime is not deleted.
        total += expired.filter(pk__in=batch).delete()[0]
    return total


def _find_location(origin: Origin) -> Location | Failure | None:
    """Return the location from the location database or from the cache; None if the service must be called."""
    service = Geolocation.get_solo()
    if not service.url:
        address = parse(origin.ip_address)
        if isinstance(address, Failure):
            return address
        if not settings.GEOCONTEXT_DATABASE:
            return Failure(_("No source of locations is configured."))
        return database.locate(settings.GEOCONTEXT_DATABASE, address, origin.language)
    address = _public_address(origin.ip_address)
    if isinstance(address, Failure):
        return address
    return _load_cached(service.url, [str(address)]).get(str(address))


def _public_address(text: str) -> Address | Failure:
    address = parse(text)
    if not isinstance(address, Failure) and is_private_or_reserved(address):
        return private_address_failure()
    return address


def _load_cached(url: str, ips: Iterable[str]) -> dict[str, Location]:
    """Return the cached locations of these addresses, which are at most a day old."""
    by_key = {_cache_key(url, ip): ip for ip in ips}
    rows = LocatedAddress.objects.filter(pk__in=by_key, located_at__gte=timezone.now() - CACHE_LIFETIME)
    return {by_key[row.key]: row.location for row in rows} if by_key else {}


def _cache(url: str, locations: Iterable[tuple[str, Location | Failure]]) -> None:
    now = timezone.now()
    rows = [
        LocatedAddress(
            key=_cache_key(url, ip),
            country_code=found.country_code,
            region=found.region,
            city=found.city,
            located_at=now,
        )
        for ip, found in locations
        if isinstance(found, Location)
    ]
    if rows:
        LocatedAddress.objects.bulk_create(
            sorted(rows, key=lambda row: row.key),  # the same order in all workers prevents deadlocks
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["country_code", "region", "city", "located_at"],
        )


def _cache_key(url: str, ip: str) -> str:
    # Each service has its own cache entries.
    return codes.keyed_hash(f"{url}\0{ip}", HASH_PURPOSE)


def _without_location(message: str, origin: Origin) -> Composed:
    if not origin.user_agent:
        reason = _("The request has neither ip_address nor user_agent.")
        return Composed(message, EventTypes.GEOLOCATION_CHECK_SKIPPED_DATA_MISSING, reason)
    text = _fill(message, origin, Location(""))
    reason = _("The request has no ip_address.")
    return Composed(text, EventTypes.GEOLOCATION_CHECK_SKIPPED_DATA_MISSING, reason)


def _fill(message: str, origin: Origin, location: Location) -> str:
    operating_system, browser = user_agents.describe(origin.user_agent) if origin.user_agent else ("", "")
    _language, template = templates.choose(ConfirmationTemplate.get_solo().texts, origin.language)
    values = {
        "message": message,
        "operatingSystem": operating_system,
        "browser": browser,
        "countryCode": location.country_code,
        "region": location.region,
        "city": location.city,
    }
    text = templates.fill(template, values)
    # A transaction with a one-time password can have no message.
    return text if message else text.lstrip()
