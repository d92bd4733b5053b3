"""Details of an event as a table with the names of the facts in the reader's language."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.common.console.admin import format_datetime
from apps.events.console import descriptions
from apps.events.models import Event


def render(event: Event) -> SafeString | None:
    """Return the table, or None if the event has no details."""
    # PostgreSQL does not keep the order of the members.
    details = sorted(event.all_details.items())
    rows = [(descriptions.label(name), _cell(event, name, value)) for name, value in details]
    lines = format_html_join("", '<tr><th scope="row">{}</th><td>{}</td></tr>', rows)
    table = '<table class="console-table console-details-table"><tbody>{}</tbody></table>'
    return format_html(table, lines) if rows else None


def _cell(event: Event, name: str, value: Any) -> str:
    if render_fact := RENDERERS.get(name):
        return render_fact(event, value)
    if isinstance(value, list):
        return _lines(map(_plain, value))
    return descriptions.value_text(name, _plain(value))


def _device(event: Event, device_id: Any) -> str:
    """Render the name of a device as a link to the user's profile on it, and its id."""
    reference = event.device_reference
    if reference is None:
        return _plain(device_id)
    name = format_html('<a href="{}" class="text-link">{}</a>', reference.url, reference.name)
    return format_html("{}<br><small>{}</small>", name if reference.url else reference.name, device_id)


def _attempt(event: Event, number: Any) -> str:
    return descriptions.attempt_text(event.details) or _plain(number)


def _model(event: Event, name: Any) -> str:
    model = descriptions.model_of(event.details)
    return capfirst(str(model._meta.verbose_name)) if model else _plain(name)


def _changes(event: Event, changes: Any) -> str:
    if not isinstance(changes, dict):
        return _plain(changes)
    model = descriptions.model_of(event.details)
    return _lines(
        f"{capfirst(descriptions.field_name(model, name))}: {' → '.join(map(_plain, pair))}"
        for name, pair in sorted(changes.items())
        if isinstance(pair, list)
    )


def _secrets(event: Event, names: Any) -> str:
    model = descriptions.model_of(event.details)
    return ", ".join(descriptions.field_name(model, str(name)) for name in names)


def _next_attempt(_event: Event, timestamp: Any) -> str:
    try:
        return format_datetime(datetime.fromisoformat(str(timestamp)))
    except ValueError:
        return _plain(timestamp)


def _last_occurred(event: Event, _milliseconds: Any) -> str:
    return format_datetime(event.last_occurred)


def _lines(texts: Any) -> str:
    return format_html_join("", "<div>{}</div>", ((text,) for text in texts))


def _plain(value: Any) -> str:
    """Return a JSON value as text."""
    if value in (None, "", [], {}):
        return "-"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_plain(inner)}" for name, inner in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)


RENDERERS: dict[str, Callable[[Event, Any], str]] = {
    "attempt": _attempt,
    "changes": _changes,
    "device_id": _device,
    "last_occurred": _last_occurred,
    "model": _model,
    "next_attempt_at": _next_attempt,
    "secrets_changed": _secrets,
}
