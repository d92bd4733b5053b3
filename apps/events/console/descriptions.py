"""Events in the reader's language: the party that caused an event, and what it was about."""

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.events.models import Event
from apps.events.names import DEVICE_EVENTS, SERVER_EVENTS
from apps.events.types import EventTypes

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

LABELS: "dict[str, StrPromise]" = {
    "applications_unlocked": gettext_lazy("Unlocked applications"),
    "attempt": gettext_lazy("Attempt"),
    "authenticator": gettext_lazy("Authenticator"),
    "authenticator_id": gettext_lazy("Authenticator ID"),
    "before": gettext_lazy("Old name"),
    "changes": gettext_lazy("Changes"),
    "code_failures_cleared": gettext_lazy("Cleared wrong codes"),
    "configuration": gettext_lazy("Push messaging configuration"),
    "count": gettext_lazy("Number"),
    "delivery": gettext_lazy("Delivery"),
    "delivery_mode": gettext_lazy("Delivery mode"),
    "device_id": gettext_lazy("Device"),
    "devices": gettext_lazy("Devices"),
    "filters": gettext_lazy("Filters"),
    "gateway": gettext_lazy("SMS gateway"),
    "http_status": gettext_lazy("HTTP status"),
    "kid": gettext_lazy("Key ID"),
    "kind": gettext_lazy("Kind"),
    "last_occurred": gettext_lazy("Last time (UTC)"),
    "left": gettext_lazy("Remaining codes"),
    "limit": gettext_lazy("Limit"),
    "lines": gettext_lazy("Output"),
    "max_attempts": gettext_lazy("Attempt limit"),
    "method": gettext_lazy("Method"),
    "model": gettext_lazy("Kind of item"),
    "next_attempt_at": gettext_lazy("Next attempt (UTC)"),
    "object": gettext_lazy("Item"),
    "object_id": gettext_lazy("Id of the item"),
    "outcome": gettext_lazy("Outcome"),
    "phone_number": gettext_lazy("Phone number"),
    "reason": gettext_lazy("Reason"),
    "resolved_type": gettext_lazy("Started type"),
    "secrets_changed": gettext_lazy("Changed secrets"),
    "sender": gettext_lazy("Sender"),
    "status": gettext_lazy("Status"),
    "type": gettext_lazy("Requested type"),
    "who": gettext_lazy("Caused by"),
}
# Stored values that are not names or messages.
VALUES: "dict[tuple[str, str], StrPromise]" = {
    ("reason", "failed_to_send"): gettext_lazy("Push message failed to be sent"),
    ("reason", "invalid_request"): gettext_lazy("Invalid push authentication request"),
    ("reason", "not_accepted"): gettext_lazy("User rejected push"),
    ("reason", "invalid_answer"): gettext_lazy("Invalid push answer"),
    ("authenticator", "pin"): gettext_lazy("PIN"),
    ("authenticator", "fingerprint"): gettext_lazy("Fingerprint"),
    ("authenticator", "custom"): gettext_lazy("Custom authenticator"),
    ("delivery", "pull"): gettext_lazy("no push: the browser fetches its requests"),
    ("status", "pending"): gettext_lazy("Pending"),
    ("status", "authenticated"): gettext_lazy("Authenticated"),
    ("status", "not_authenticated"): gettext_lazy("Not authenticated"),
    ("status", "expired"): gettext_lazy("Expired"),
    ("status", "cancelled"): gettext_lazy("Cancelled"),
}
# Number of changed fields in a list.
FIELDS_SHOWN = 3


def actor(event: Event) -> str:
    """Return the party that caused an event: a staff account or command, an API client, the device or the server."""
    if who := event.details.get("who"):
        return str(who)
    if event.event_type in SERVER_EVENTS or _ended_by_server(event):
        return _("Server")
    if event.event_type in DEVICE_EVENTS or event.event_type == EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED:
        return _("Device")
    return event.client_id


def facts(event: Event) -> list[str]:
    """Return what the event was about, in short texts: the item or device, the attempt, and the reason."""
    details, reference = event.details, event.device_reference
    texts = (
        str(details.get("object") or ""),
        reference.name if reference else "",
        value_text("authenticator", details.get("authenticator") or ""),
        _type(details),
        attempt_text(details),
        _http_status(details),
        value_text("status", details.get("status") or ""),
        value_text("reason", details.get("reason") or details.get("limit") or ""),
        value_text("delivery", details.get("delivery") or ""),
        _changed_fields(details),
    )
    return [text for text in texts if text]


def attempt_text(details: dict[str, Any]) -> str:
    """Return “1 of 3”, or the number of the attempt if there is no limit or an older release recorded it."""
    attempt, limit = details.get("attempt"), details.get("max_attempts")
    if not isinstance(attempt, int):
        return ""
    if isinstance(limit, int):
        return _("%(used)d of %(limit)d") % {"used": attempt, "limit": limit}
    return _("attempt %(number)d") % {"number": attempt}


def label(name: str) -> str:
    return str(LABELS.get(name, name.replace("_", " ")))


def value_text(name: str, value: Any) -> str:
    """Return a stored value in the reader's language if it has a translation, and unchanged otherwise."""
    if name == "reason" and value and (name, str(value)) not in VALUES:
        return _(str(value))
    return str(VALUES.get((name, str(value)), value))


def _http_status(details: dict[str, Any]) -> str:
    status = details.get("http_status")
    return _("HTTP %(status)d") % {"status": status} if isinstance(status, int) else ""


def _ended_by_server(event: Event) -> bool:
    return event.event_type == EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED and event.details.get("reason") in (
        "failed_to_send",
        "invalid_request",
    )


def _type(details: dict[str, Any]) -> str:
    requested, resolved = details.get("type") or "", details.get("resolved_type")
    return f"{requested} → {resolved}" if resolved and resolved != requested else str(requested)


def _changed_fields(details: dict[str, Any]) -> str:
    changes = details.get("changes")
    if not isinstance(changes, dict):
        return ""
    model = model_of(details)
    names = [field_name(model, name) for name in [*sorted(changes), *(details.get("secrets_changed") or ())]]
    return ", ".join([*names[:FIELDS_SHOWN], *(["…"] if len(names) > FIELDS_SHOWN else [])])


def model_of(details: dict[str, Any]) -> type[Model] | None:
    """Return the model of a configuration event, or None if it is not installed."""
    try:
        return apps.get_model(str(details.get("model") or ""))
    except (LookupError, ValueError):
        return None


def field_name(model: type[Model] | None, name: str) -> str:
    try:
        return str(getattr(model._meta.get_field(name), "verbose_name", name)) if model else name
    except FieldDoesNotExist:
        return name
