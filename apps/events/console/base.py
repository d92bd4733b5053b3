"""The base of every page of the console that changes the configuration: each change is an event."""

from collections.abc import Collection, Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Model, ProtectedError
from django.forms.formsets import DELETION_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from unfold.admin import StackedInline

from apps.common.console import relations
from apps.common.console.admin import BaseConsoleAdmin
from apps.common.names import quoted
from apps.events import changes
from apps.events.types import EventType

CREATED, UPDATED, DELETED = (
    EventType.ADMIN_CONFIGURATION_CREATED,
    EventType.ADMIN_CONFIGURATION_UPDATED,
    EventType.ADMIN_CONFIGURATION_DELETED,
)
CONFIGURATION_EVENT_TYPES = [
    event_type.value for event_type in EventType if event_type.startswith("ADMIN_CONFIGURATION_")
]
# Enough to see by what something is used.
NAMES_SHOWN = 10


class ConsoleAdmin(BaseConsoleAdmin):
    """Records each change with who made it, and refuses to delete what is in use, saying by what.

    `secret_fields` are stored as hashes or otherwise sensitive: events say that they changed, never what they hold.
    """

    secret_fields: Collection[str] = ()

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        before = self.stored(obj)
        super().save_model(request, obj, form, change)
        self.record(request, obj, before)

    def stored(self, obj: Model) -> changes.Snapshot:
        """Take down what the database holds of `obj` now."""
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
            before = self.stored(row)
            row.save()
            self.record(request, row, before)
        formset.save_m2m()

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        before, who = changes.snapshot(obj, self.secret_fields), request.user.get_username()
        before = changes.Snapshot(plain=before.plain)
        changes.record(DELETED, who=who, row=obj, before=before, after=changes.EMPTY_SNAPSHOT)
        obj.delete()

    def get_deleted_objects(self, objs: Iterable[Model], request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Return the object, counts of what goes with it, and what protects it: names of at most ten."""
        rows = self.model._base_manager.filter(pk__in=[obj.pk for obj in objs])
        protecting = relations.protecting_rows(rows, NAMES_SHOWN + 1)
        names = [named(row) for row in protecting[:NAMES_SHOWN]]
        if len(protecting) > NAMES_SHOWN:
            names.append(_("… and more"))
        return [str(obj) for obj in objs], relations.cascade_counts(rows), set(), names

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        activity = reverse("admin:events_event_changelist", query={"event_type": CONFIGURATION_EVENT_TYPES})
        shown = {"title": _("History"), "activity": activity, **(extra_context or {})}
        response: HttpResponse = super().history_view(request, object_id, shown)
        return response

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        shown = {"title": _("Delete"), **(extra_context or {})}
        try:
            response: HttpResponse = super().delete_view(request, object_id, shown)
        except ProtectedError:
            # Something began to use it between the question and the answer; the page now says what.
            messages.error(request, _("This was taken into use meanwhile and was not deleted."))
            return HttpResponseRedirect(request.get_full_path())
        return response


def named(row: Model) -> str:
    return f"{row._meta.verbose_name} {quoted(row)}"


class InUseForm:
    """Of an inline: the deletion of a row in use is an error that names its users."""

    cleaned_data: dict[str, Any]
    instance: Model

    def hand_clean_DELETE(self) -> None:  # noqa: N802 - the framework's name
        if not self.cleaned_data.get(DELETION_FIELD_NAME) or self.instance._state.adding:
            return
        rows = type(self.instance)._base_manager.filter(pk=self.instance.pk)
        if protecting := relations.protecting_rows(rows, NAMES_SHOWN):
            raise ValidationError(
                _("%(row)s cannot be removed, it is used by: %(users)s."),
                params={"row": self.instance, "users": ", ".join(map(named, protecting))},
            )


class ConsoleInline(StackedInline):  # type: ignore[misc]
    """Rows that are edited together with what they belong to."""

    extra = 0
    show_change_link = False

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form = type(formset.form.__name__, (InUseForm, formset.form), {})
        return formset
