"""Base classes of the console pages that change the configuration. Each change is an audit event."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Model, ProtectedError
from django.forms.formsets import DELETION_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from unfold.admin import StackedInline

from apps.common.console import relations
from apps.common.console.admin import BaseConsoleAdmin
from apps.common.names import quoted
from apps.events import changes
from apps.events.console import history
from apps.events.types import EVENT_TYPES, EventTypes

CREATED, UPDATED, DELETED = (
    EventTypes.ADMIN_CONFIGURATION_CREATED,
    EventTypes.ADMIN_CONFIGURATION_UPDATED,
    EventTypes.ADMIN_CONFIGURATION_DELETED,
)
CONFIGURATION_EVENT_TYPES = [
    str(event_type) for event_type in EVENT_TYPES if event_type.startswith("ADMIN_CONFIGURATION_")
]
# Maximum number of names in a message.
NAMES_SHOWN = 10


class ConsoleAdmin(BaseConsoleAdmin):
    """Page that records each change with its actor, and does not delete rows in use.

    `secret_fields` are hashed or otherwise sensitive: events name them if they change, but do not contain their values.
    """

    secret_fields: Collection[str] = ()
    # Whether changes can be undone from the history.
    can_undo = True

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        before = self.load_snapshot(obj)
        super().save_model(request, obj, form, change)
        self.record(request, obj, before)

    def load_snapshot(self, obj: Model) -> changes.Snapshot:
        """Return the stored values of `obj`, or an empty snapshot if it is not stored."""
        row = type(obj)._base_manager.filter(pk=obj.pk).first()
        return changes.snapshot(row, self.secret_fields) if row else changes.EMPTY_SNAPSHOT

    def record(self, request: HttpRequest, obj: Model, before: changes.Snapshot) -> None:
        changes.record(
            UPDATED if before.plain else CREATED,
            who=request.user.get_username(),
            row=obj,
            before=before,
            after=changes.snapshot(obj, self.secret_fields),
        )

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        rows = formset.save(commit=False)
        for row in formset.deleted_objects:
            self.delete_model(request, row)
        for row in rows:
            before = self.load_snapshot(row)
            row.save()
            self.record(request, row, before)
        formset.save_m2m()

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        before, who = changes.snapshot(obj, self.secret_fields), request.user.get_username()
        before = changes.Snapshot(plain=before.plain)
        changes.record(DELETED, who=who, row=obj, before=before, after=changes.EMPTY_SNAPSHOT)
        obj.delete()

    def get_deleted_objects(self, objs: Iterable[Model], request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Return the objects, counts of related rows that are deleted too, and names of rows that prevent it."""
        rows = self.model._base_manager.filter(pk__in=[obj.pk for obj in objs])
        protecting = relations.protecting_rows(rows, NAMES_SHOWN + 1)
        names = [describe(row) for row in protecting[:NAMES_SHOWN]]
        if len(protecting) > NAMES_SHOWN:
            names.append(_("… and more"))
        return [str(obj) for obj in objs], relations.cascade_counts(rows), set(), names

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        activity = reverse("admin:events_event_changelist", query={"event_type": CONFIGURATION_EVENT_TYPES})
        row = self.get_object(request, object_id)
        changes_of_row = history.entries(self, request, row) if row else []
        context = {"title": _("History"), "activity": activity, "entries": changes_of_row, **(extra_context or {})}
        response: HttpResponse = super().history_view(request, object_id, context)
        return response

    def undo_view(self, request: HttpRequest, object_id: str, event_id: UUID) -> HttpResponse:
        return history.undo_view(self, request, object_id, event_id)

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_undo"
        view = self.admin_site.admin_view(self.undo_view)
        urls: list[Any] = super().get_urls()
        return [path("<path:object_id>/history/<uuid:event_id>/undo/", view, name=name), *urls]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        context = {"title": _("Delete"), **(extra_context or {})}
        try:
            response: HttpResponse = super().delete_view(request, object_id, context)
        except ProtectedError:
            # Another row referred to this one after the confirmation was displayed. The page now names it.
            messages.error(request, _("This item is now in use and was not deleted."))
            return HttpResponseRedirect(request.get_full_path())
        return response


def describe(row: Model) -> str:
    return f"{row._meta.verbose_name} {quoted(row)}"


class InUseForm:
    """Form of an inline: the deletion of a row in use is an error that names the rows using it."""

    cleaned_data: dict[str, Any]
    instance: Model

    def hand_clean_DELETE(self) -> None:  # noqa: N802 - the framework's name
        if not self.cleaned_data.get(DELETION_FIELD_NAME) or self.instance._state.adding:
            return
        rows = type(self.instance)._base_manager.filter(pk=self.instance.pk)
        if protecting := relations.protecting_rows(rows, NAMES_SHOWN):
            raise ValidationError(
                _("%(row)s cannot be removed because it is used by: %(users)s."),
                params={"row": self.instance, "users": ", ".join(map(describe, protecting))},
            )


class ConsoleInline(StackedInline):  # type: ignore[misc]
    """Inline of rows that are edited on the page of their parent."""

    extra = 0
    show_change_link = False

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form = type(formset.form.__name__, (InUseForm, formset.form), {})
        return formset
