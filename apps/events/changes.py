"""Audit events of configuration changes: actor, object, and values before and after, without secrets."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from apps.common.encryption import EncryptedTextField
from apps.events import services
from apps.events.facts import ChangeFacts
from apps.events.models import Event
from apps.events.types import EventType, EventTypes

USER_IN_URL = re.compile(r"(?<=://)[^/?#\s]+@")
QUERY_IN_URL = re.compile(r"(://[^?#\s]*\?)([^#\s]+)")
# Placeholders in URLs, which are not secret.
PLACEHOLDERS = ("{key}", "{ip}")


@dataclass(frozen=True)
class Snapshot:
    """Values of a row at one time. `secret` has the stored secrets for the comparison; events never contain them."""

    plain: dict[str, Any] = field(default_factory=dict)
    secret: dict[str, Any] = field(default_factory=dict, repr=False)


EMPTY_SNAPSHOT = Snapshot()


def snapshot(row: models.Model, secret: Collection[str] = ()) -> Snapshot:
    """Return the field values of a row. Encrypted fields and those named in `secret` are treated as secrets."""
    values = Snapshot()
    for column in row._meta.concrete_fields:
        if column.primary_key or getattr(column, "auto_now", False):
            continue
        if column.name in secret or isinstance(column, EncryptedTextField):
            values.secret[column.name] = row.__dict__.get(column.attname) or ""
        else:
            plain = _json(getattr(row, column.name))
            values.plain[column.name] = _redact(plain)
            if values.plain[column.name] != plain:
                values.secret[column.name] = plain
    return values


def _json(value: Any) -> Any:
    plain = str(value) if isinstance(value, models.Model) else value
    return json.loads(json.dumps(plain, cls=DjangoJSONEncoder))


def _redact(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _redact(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_redact(inner) for inner in value]
    return redact_urls(value) if isinstance(value, str) else value


def redact_urls(text: str) -> str:
    """Return the text with the credentials and query values of its URLs redacted. Query values can be keys."""
    return QUERY_IN_URL.sub(_redact_query, USER_IN_URL.sub("…@", text))


def _redact_query(match: re.Match[str]) -> str:
    return match[1] + "&".join(map(_redact_parameter, match[2].split("&")))


def _redact_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=") if "=" in parameter else ("", "", parameter)
    return parameter if not value or value in PLACEHOLDERS else f"{name}{equals}…"


def record(
    event_type: EventType[ChangeFacts], *, who: str, row: models.Model, before: Snapshot, after: Snapshot
) -> Event | None:
    """Append the event of a change, or return None if nothing changed. `who` is a staff account or a command name."""
    names = sorted({*before.plain, *after.plain})
    changes = {name: [before.plain.get(name), after.plain.get(name)] for name in names}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    replaced = sorted(name for name, value in after.secret.items() if value != before.secret.get(name, ""))
    if event_type == EventTypes.ADMIN_CONFIGURATION_UPDATED and not changes and not replaced:
        return None
    facts = ChangeFacts(
        who=who, model=row._meta.label, object_id=str(row.pk), object=redact_urls(str(row)), changes=changes
    )
    if replaced:
        facts["secrets_changed"] = replaced
    return services.record(event_type, facts)
