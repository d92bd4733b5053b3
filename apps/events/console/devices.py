"""Names of the devices of events. The app `enrollment` registers the query, because it is above this app."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from apps.events.models import Event


@dataclass(frozen=True)
class DeviceReference:
    """Name of a device, and the page of the user's profile on it; without a URL if the profile was deleted."""

    name: str
    url: str = ""


DeviceKey = tuple[str, str]
Query = Callable[[Collection[str]], dict[DeviceKey, DeviceReference]]
_queries: list[Query] = []


def register(query: Query) -> None:
    """Register the query that returns references by device id and user id."""
    _queries[:] = [query]


def attach(events: Iterable[Event]) -> None:
    """Set the device reference of events, with one query for all of them."""
    by_device = {event: str(device_id) for event in events if (device_id := event.details.get("device_id"))}
    ids = set(by_device.values())
    references = _queries[0](ids) if ids and _queries else {}
    names = {device_id: reference.name for (device_id, _user), reference in references.items()}
    for event, device_id in by_device.items():
        deleted = DeviceReference(names.get(device_id, f"{device_id[:8]}…"))
        event.device_reference = references.get((device_id, event.user_id), deleted)
