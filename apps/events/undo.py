"""Undo of a recorded configuration change."""

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.encryption import CannotDecrypt, EncryptedTextField
from apps.events import changes
from apps.events.models import Event
from apps.events.types import EventTypes

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# Part of a value that an event does not contain, for example the password in a URL.
REDACTED = "…"


@dataclass(frozen=True)
class Reversal:
    """Fields that an undo sets back, each with its current and its former value. `reason` says why it is impossible."""

    values: "dict[str, tuple[Any, Any]]"
    reason: "str | StrPromise" = ""

    @property
    def state_token(self) -> str:
        return sha256(repr(sorted(self.values.items())).encode(errors="surrogatepass")).hexdigest()


def is_candidate(event: Event) -> bool:
    """Return True if the event records changed values of fields, and no secret among them."""
    details = event.details
    return (
        event.event_type == EventTypes.ADMIN_CONFIGURATION_UPDATED
        and bool(details.get("changes"))
        and not details.get("secrets_changed")
        and REDACTED not in str(details["changes"])
    )


def reversal(event: Event, row: models.Model) -> Reversal:
    """Return what an undo of the event sets back on the row."""
    values = {name: (after, before) for name, (before, after) in event.details["changes"].items()}
    if not is_candidate(event) or not all(_is_restorable(row, name) for name in values):
        text = _("This change contains a secret or a reference to another item, which events do not store.")
        return Reversal({}, text)
    current = changes.snapshot(row).plain
    if any(current.get(name) != after for name, (after, _before) in values.items()):
        return Reversal({}, _("The values were changed again later. Undo the later change first."))
    return _validated(row, values)


def _is_restorable(row: models.Model, name: str) -> bool:
    field = next((field for field in row._meta.concrete_fields if field.name == name), None)
    return field is not None and field.editable and not field.is_relation and not isinstance(field, EncryptedTextField)


def _validated(row: models.Model, values: "dict[str, tuple[Any, Any]]") -> Reversal:
    """Set the former values on the row, without saving it, and return them, or the reason why they are invalid."""
    try:
        for name, (_after, before) in values.items():
            setattr(row, name, row._meta.get_field(name).to_python(before))  # type: ignore[union-attr]
        row.clean_fields(exclude={field.name for field in row._meta.concrete_fields} - values.keys())
        row.clean()
        row.validate_unique()
        row.validate_constraints()
    except ValidationError as error:
        return Reversal({}, " ".join(error.messages))
    except CannotDecrypt:
        return Reversal({}, _("A secret of this item cannot be decrypted."))
    return Reversal(values)


def events_of(row: models.Model, limit: int) -> list[Event]:
    """Return the recorded changes of the row, newest first."""
    types = [EventTypes.ADMIN_CONFIGURATION_CREATED, EventTypes.ADMIN_CONFIGURATION_UPDATED]
    identity = {"details__model": row._meta.label, "details__object_id": str(row.pk)}
    return list(Event.objects.filter(event_type__in=types, **identity)[:limit])
