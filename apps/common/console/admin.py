"""Base classes of the console's pages: titles, lists without row counts, filters, read-only pages."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NoReturn

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList as DjangoChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import InvalidPage, Page, Paginator
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.common.console.forms import has_password
from apps.common.input_text import is_storable

# Beyond this page, a filter is faster than paging.
MAX_PAGES = 1000


def format_datetime(value: datetime | None) -> str:
    """Format a time with seconds."""
    return "-" if value is None else date_format(timezone.localtime(value), "DATETIME_FORMAT")


def format_localized_texts(texts: Mapping[str, str]) -> SafeString | None:
    """Render texts by language, one line each. Return None if there are none."""
    return format_html_join("\n", '<span class="console-text">{}: {}</span>', sorted(texts.items())) if texts else None


class BaseConsoleAdmin(ModelAdmin):
    """Base class of all console pages: no bulk actions, no facets, and a title that names the model."""

    actions: Any = None
    show_facets = admin.ShowFacets.NEVER
    list_filter_submit = True
    list_per_page = 50
    list_filter: ClassVar[Sequence[tuple[str, "type[FormFilter]"]]] = ()
    # The title of the page if it differs from the plural name of the model.
    title: Any = None

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        if change and not self.has_change_permission(request, obj):
            # Users without change permission see read-only values, so the custom form is not used.
            kwargs["form"] = forms.ModelForm
        return super().get_form(request, obj, change, **kwargs)

    @property
    def page_title(self) -> str:
        return str(self.title or self.opts.verbose_name_plural)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        page_context = {"title": self.page_title, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, page_context)
        return response

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Return True if the parameter belongs to a filter of the page. Other lookups could reveal hidden fields."""
        return any(lookup in kind.parameters(path) for path, kind in self.list_filter)

    def form_context(self) -> dict[str, Any]:
        """Return additional template context for the page of one row."""
        return {"title": self.page_title, "show_save_and_add_another": False}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        page_context = {**self.form_context(), **(extra_context or {})}
        response: HttpResponse = super().changeform_view(request, object_id, form_url, page_context)
        return response


class StoredPasswordAdmin(BaseConsoleAdmin):
    """Page of a row with an encrypted password. Users without change permission only see whether one is stored."""

    def password_fields(self, request: HttpRequest, obj: Model | None) -> tuple[str, ...]:
        if obj and not self.has_change_permission(request, obj):
            return ("has_password",)
        return ("new_password", "remove_password") if obj and has_password(obj) else ("new_password",)

    @admin.display(description=_("password stored"), boolean=True)
    def has_password(self, row: Model) -> bool:
        return has_password(row)


class ReadOnlyAdmin(BaseConsoleAdmin):
    """Read-only page of rows that the server writes. The add, change and delete views are disabled."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def form_context(self) -> dict[str, Any]:
        return {**super().form_context(), "show_history": False}

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> NoReturn:
        raise Http404("these rows have no history: they cannot be changed")


class UncountedPage(Page):  # type: ignore[type-arg]
    """Page that knows only whether another page follows."""

    def has_next(self) -> bool:
        return bool(self.paginator.has_more)  # type: ignore[attr-defined]


class UncountedPaginator(Paginator):  # type: ignore[type-arg]
    """Paginator of a table that is too large to count. It reads one row more than a page shows."""

    template_name = "admin/uncounted_pagination.html"
    has_more = False

    @cached_property
    def count(self) -> int:
        return MAX_PAGES * self.per_page

    def page(self, number: int | str) -> "Page[Any]":
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows = list(self.object_list[first : first + self.per_page + 1])
        if number > 1 and not rows:
            raise InvalidPage
        self.has_more = len(rows) > self.per_page and number < MAX_PAGES
        return UncountedPage(rows[: self.per_page], number, self)


@contextlib.contextmanager
def planned_for_values() -> Iterator[None]:
    """Make PostgreSQL plan the queries of the block for the values of the filters.

    Otherwise, it uses one plan for all values of a repeated query. For a rare value, that plan reads most of the table.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        yield


class UncountedChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        with planned_for_values():
            super().get_results(request)
        # The heading shows the number of filtered rows if the two counts differ.
        self.full_result_count = self.result_count


class LogAdmin(ReadOnlyAdmin):
    """Page of a log table: newest rows first, not counted, and not sortable by columns without an index."""

    paginator = UncountedPaginator
    show_full_result_count = False
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DjangoChangeList]:
        changelist: type[DjangoChangeList] = UncountedChangeList
        return changelist


class FormFilter(admin.FieldListFilter):
    """Filter with a small form. An invalid value matches no row."""

    template = "admin/form_filter.html"
    # Query parameters; %s is the name of the field.
    parameter_names: ClassVar[tuple[str, ...]] = ("%s",)

    @classmethod
    def parameters(cls, field_path: str) -> list[str]:
        """Return the query parameters of the filter for a field."""
        return [name % field_path for name in cls.parameter_names]

    def expected_parameters(self) -> list[str | None]:
        return [*self.parameters(self.field_path)]

    def value(self, name: str) -> str:
        values = self.used_parameters.get(name) or [""]
        return str(values[-1] if isinstance(values, list) else values)

    def choices(self, changelist: DjangoChangeList) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        form = forms.Form({name: self.value(name) for name in self.fields})
        form.fields.update(self.fields)
        yield {"form": form}

    @cached_property
    def fields(self) -> dict[str, forms.Field]:
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        try:
            return queryset.filter(**self.lookups())
        except (ValueError, ValidationError):
            return queryset.none()

    def lookups(self) -> dict[str, Any]:
        raise NotImplementedError


class ExactFilter(FormFilter):
    """Filter for an exact value, which the indexes support."""

    @cached_property
    def fields(self) -> dict[str, forms.Field]:
        return {
            self.field_path: forms.CharField(
                label=capfirst(self.title), required=False, widget=UnfoldAdminTextInputWidget()
            )
        }

    def lookups(self) -> dict[str, Any]:
        value = self.value(self.field_path)
        if not is_storable(value):
            raise ValueError("stored text cannot contain NUL")
        return {self.field_path: self.field.to_python(value)} if value else {}


class ChoiceFilter(ExactFilter):
    """Filter for one of the field's choices, or for a related row."""

    @cached_property
    def fields(self) -> dict[str, forms.Field]:
        choices = [("", _("All")), *self.options()]
        widget = UnfoldAdminSelectWidget(choices=choices)
        return {
            self.field_path: forms.ChoiceField(
                label=capfirst(self.title), required=False, choices=choices, widget=widget
            )
        }

    def options(self) -> list[tuple[Any, Any]]:
        return list(self.field.get_choices(include_blank=False))

    def lookups(self) -> dict[str, Any]:
        # Validated first, because a database raises an error for numbers out of its range.
        self.fields[self.field_path].clean(self.value(self.field_path))
        return super().lookups()


class PeriodFilter(FormFilter):
    """Filter for a period, to the minute, in the console's time zone."""

    parameter_names = ("%s_from", "%s_to")

    @cached_property
    def fields(self) -> dict[str, forms.Field]:
        labels = (_("%(field)s from"), _("%(field)s to"))
        return {
            name: forms.CharField(
                label=label % {"field": capfirst(self.title)},
                required=False,
                widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
            )
            for name, label in zip(self.parameters(self.field_path), labels, strict=True)
        }

    def lookups(self) -> dict[str, Any]:
        bounds = zip(self.parameters(self.field_path), ("gte", "lte"), strict=True)
        return {
            f"{self.field_path}__{bound}": timezone.make_aware(datetime.fromisoformat(self.value(name)))
            for name, bound in bounds
            if self.value(name)
        }
