"""Events about changes of the configuration: who, what, before and after, with everything secret left out."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from apps.common.encryption import EncryptedTextField
from apps.events import services
from apps.events.models import Event
from apps.events.types import EventType

USER_IN_URL = re.compile(r"(?<=://)[^/?#\s]+@")
QUERY_IN_URL = re.compile(r"(://[^?#\s]*\?)([^#\s]+)")
# What an address is filled in with when it is used is no secret in itself.
PLACES = ("{key}", "{ip}")


@dataclass(frozen=True)
class Snapshot:
    """A row at one moment. `secret` holds what was stored, only to tell whether it changed: it is never written."""

    plain: dict[str, Any] = field(default_factory=dict)
    secret: dict[str, Any] = field(default_factory=dict, repr=False)


EMPTY_SNAPSHOT = Snapshot()


def snapshot(row: models.Model, secret: Collection[str] = ()) -> Snapshot:
    """Take down a row's own fields; encrypted ones and those named in `secret` only as changed or not."""
    taken = Snapshot()
    for column in row._meta.concrete_fields:
        if column.primary_key or getattr(column, "auto_now", False):
            continue
        if column.name in secret or isinstance(column, EncryptedTextField):
            taken.secret[column.name] = row.__dict__.get(column.attname) or ""
        else:
            plain = _json(getattr(row, column.name))
            taken.plain[column.name] = _shown(plain)
            if taken.plain[column.name] != plain:
                taken.secret[column.name] = plain
    return taken


def _json(value: Any) -> Any:
    plain = str(value) if isinstance(value, models.Model) else value
    return json.loads(json.dumps(plain, cls=DjangoJSONEncoder))


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shown(inner) for inner in value]
    return redact_urls(value) if isinstance(value, str) else value


def redact_urls(text: str) -> str:
    """Return a text whose addresses name no user with a password, and no values in their queries: some are keys."""
    return QUERY_IN_URL.sub(_without_values, USER_IN_URL.sub("…@", text))


def _without_values(found: re.Match[str]) -> str:
    return found[1] + "&".join(map(_without_value, found[2].split("&")))


def _without_value(parameter: str) -> str:
    name, equals, value = parameter.partition("=") if "=" in parameter else ("", "", parameter)
    return parameter if not value or value in PLACES else f"{name}{equals}…"


def record(event_type: EventType, *, who: str, row: models.Model, before: Snapshot, after: Snapshot) -> Event | None:
    """Append the event of a change; None when nothing changed. `who` is a staff account or the name of a command."""
    names = sorted({*before.plain, *after.plain})
    changes = {name: [before.plain.get(name), after.plain.get(name)] for name in names}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    replaced = sorted(name for name, value in after.secret.items() if value != before.secret.get(name, ""))
    if event_type == EventType.ADMIN_CONFIGURATION_UPDATED and not changes and not replaced:
        return None
    details: dict[str, Any] = {
        "who": who,
        "model": row._meta.label,
        "object": redact_urls(str(row)),
        "changes": changes,
    }
    if replaced:
        details["secrets_changed"] = replaced
    return services.record(event_type, **details)
