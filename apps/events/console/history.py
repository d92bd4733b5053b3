"""History of an item, with the values of each change, and the page that undoes a change."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from apps.common.console.confirmations import Confirmation, render_confirmation
from apps.events import undo
from apps.events.console import descriptions
from apps.events.models import Event
from apps.events.types import EventTypes

if TYPE_CHECKING:
    from apps.events.console.base import ConsoleAdmin

MAX_EVENTS = 50


class Entry(NamedTuple):
    """Change in the history. `lines` describe the changed fields; without them, `text` describes the change."""

    occurred: datetime
    who: str
    text: str
    lines: list[str]
    undo_url: str = ""


def entries(model_admin: "ConsoleAdmin", request: HttpRequest, row: models.Model) -> list[Entry]:
    """Return the changes of a row, newest first. Of changes before 1.1, only Django's log entries name the row."""
    events = undo.events_of(row, MAX_EVENTS)
    can_undo = model_admin.can_undo and model_admin.has_change_permission(request, row)
    found = [_event_entry(event, row, can_undo=can_undo) for event in events]
    if len(events) < MAX_EVENTS:
        found += _log_entries(row, events[-1].occurred if events else None)
    return found


def _event_entry(event: Event, row: models.Model, *, can_undo: bool) -> Entry:
    details = event.details
    is_update = event.event_type == EventTypes.ADMIN_CONFIGURATION_UPDATED
    lines = list(_lines(row, details)) if is_update else []
    url = _undo_url(row, event) if can_undo and undo.is_candidate(event) else ""
    return Entry(event.occurred, details["who"], _("Changed") if is_update else _("Added"), lines, url)


def _lines(row: models.Model, details: dict[str, Any]) -> Iterator[str]:
    for name, (before, after) in details["changes"].items():
        yield f"{field_label(row, name)}: {_display(before)} → {_display(after)}"
    for name in details.get("secrets_changed", []):
        yield _("%(field)s: new value") % {"field": field_label(row, name)}


def field_label(row: models.Model, name: str) -> str:
    return capfirst(descriptions.field_name(type(row), name))


def _display(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "-" if value in (None, "", [], {}) else str(value)


def _log_entries(row: models.Model, before: datetime | None) -> list[Entry]:
    """Return the log entries of changes that were made before the oldest event that names the row."""
    logged = LogEntry.objects.filter(object_id=str(row.pk), content_type__app_label=row._meta.app_label)
    logged = logged.filter(content_type__model=row._meta.model_name).select_related("user").order_by("-action_time")
    if before:
        logged = logged.filter(action_time__lt=before)
    return [
        Entry(entry.action_time, entry.user.get_username(), entry.get_change_message() or _("Added"), [])
        for entry in logged[:MAX_EVENTS]
    ]


def _undo_url(row: models.Model, event: Event) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_undo"
    return reverse(name, args=[row.pk, event.event_identifier])


def undo_view(model_admin: "ConsoleAdmin", request: HttpRequest, object_id: str, event_id: Any) -> HttpResponse:
    """Show what is set back on GET. On POST, set it back if it is still the same."""
    with transaction.atomic():
        row = _load(model_admin, request, object_id)
        event = next((event for event in undo.events_of(row, MAX_EVENTS) if event.event_identifier == event_id), None)
        if event is None:
            raise Http404("this item has no such change")
        before, name = model_admin.load_snapshot(row), str(row)
        reversal = undo.reversal(event, row)
        history = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_history", args=[row.pk])
        if request.method == "POST" and not reversal.reason:
            if request.POST.get("state_token") == reversal.state_token:
                row.save()
                model_admin.record(request, row, before)
                messages.success(request, _("The change was undone."))
                return HttpResponseRedirect(history)
            messages.warning(request, _("The item was changed since the page was shown. Nothing was undone."))
    return render_confirmation(model_admin, request, _confirmation(row, name, reversal, history), row)


def _load(model_admin: "ConsoleAdmin", request: HttpRequest, object_id: str) -> models.Model:
    """Return the locked row."""
    row = model_admin.get_object(request, object_id)
    if row is None or not model_admin.can_undo:
        raise Http404("there is no such item")
    if not model_admin.has_change_permission(request, row):
        raise PermissionDenied
    locked: models.Model = type(row)._base_manager.select_for_update().get(pk=row.pk)
    return locked


def _confirmation(row: models.Model, name: str, reversal: undo.Reversal, history: str) -> Confirmation:
    title, icon = _("Undo the change"), "undo"
    if reversal.reason:
        paragraphs = [_("Nothing was changed."), str(reversal.reason)]
        return Confirmation(title, _("This change cannot be undone"), paragraphs, icon, history)
    items = [
        f"{field_label(row, field)}: {_display(current)} → {_display(former)}"
        for field, (current, former) in reversal.values.items()
    ]
    heading = _("Undo this change of “%(item)s”?") % {"item": name}
    paragraphs = [_("These values are set back. The undo is recorded as a change of its own.")]
    return Confirmation(title, heading, paragraphs, icon, history, _("Undo"), "", reversal.state_token, items)
