"""User API and events API of the fake server."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from urllib.parse import urlencode

from countersign.testing.errors import FakeError, NoDevices
from countersign.testing.state import FakeDevice

CODE_LIFETIME_SECONDS = 600


class UserApi:
    """Devices and enrolment codes of all users."""

    def __init__(self, devices: list[FakeDevice], applications: Iterable[str], now: Callable[[], float]) -> None:
        self.devices, self.applications, self.now = devices, set(applications), now

    def create_enrollment_code(self, _user_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        application_id = fields.get("application_id")
        if not application_id:
            raise FakeError("invalid_request", "application_id: This field is required.")
        if application_id not in self.applications:
            raise FakeError("not_found")
        code = secrets.token_urlsafe(20)
        parameters = urlencode({"server": "https://fake.invalid", "application_id": application_id, "code": code})
        return {
            "enrollment_code": code,
            "enrollment_uri": f"countersign://enroll?{parameters}",
            "expires_at": int((self.now() + CODE_LIFETIME_SECONDS) * 1000),
        }

    def list(self, user_id: str) -> dict[str, Any]:
        owned = [device.as_json() for device in self.devices if device.user_id == user_id]
        if not owned:
            raise NoDevices
        return {"devices": owned}

    def delete(self, user_id: str, device_id: str) -> None:
        self._remove(lambda device: (device.user_id, device.device_id) == (user_id, device_id))

    def delete_listed(self, user_id: str, fields: Mapping[str, Any]) -> None:
        self._remove(lambda device: device.user_id == user_id and device.device_id in fields["delete"])

    def delete_all(self, user_id: str) -> None:
        self._remove(lambda device: device.user_id == user_id)

    def disable_fingerprint(self, user_id: str, device_id: str) -> None:
        for device in self._on_device(user_id, device_id):
            device.token_types = [name for name in device.token_types if name != "FINGER_PRINT"]

    def disable_push(self, user_id: str, device_id: str) -> None:
        for device in self._on_device(user_id, device_id):
            device.is_enrolled_for_push = False

    def disable_mobile_authentication(self, user_id: str, device_id: str) -> None:
        for device in self._on_device(user_id, device_id):
            device.is_enrolled, device.is_enrolled_for_push, device.token_types = False, False, []

    def _on_device(self, user_id: str, device_id: str) -> Iterator[FakeDevice]:
        return (device for device in self.devices if (device.user_id, device.device_id) == (user_id, device_id))

    def _remove(self, is_removed: Callable[[FakeDevice], bool]) -> None:
        self.devices[:] = [device for device in self.devices if not is_removed(device)]


@dataclass
class EventsApi:
    """Audit log, oldest first."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def page(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        number, size = (int(query.get(name, [default])[0]) for name, default in (("page", "0"), ("size", "20")))
        if number < 0 or not 1 <= size <= 1000:
            raise FakeError("invalid_request")
        matching = [row for row in reversed(self.rows) if _matches(row, query)]
        total = len(matching)
        pagination = {"page": number, "size": size, "total_elements": total, "total_pages": ceil(total / size)}
        return {"result_set": matching[number * size : (number + 1) * size], "pagination": pagination}


def _matches(row: Mapping[str, Any], query: Mapping[str, list[str]]) -> bool:
    """Return True if the event matches all filters."""
    same = ("user_id", "client_id", "transaction_id")
    included, excluded = query.get("event_type", []), query.get("exclude_event_type", [])
    first, last = query.get("start_date", ["0"])[0], query.get("end_date", [str(10**14)])[0]
    return (
        all(row[name] == query[name][0] for name in same if name in query)
        and (not included or row["event_type"] in included)
        and row["event_type"] not in excluded
        and int(first) <= row["occurred"] <= int(last)
    )
