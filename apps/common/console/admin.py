"""What the console's pages have in common: titles, lists that do not count, filters, pages that only show."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NoReturn

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList as DjangoChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import InvalidPage, Page, Paginator
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

# Behind this page it is quicker to filter than to turn pages.
MAX_PAGES = 1000


def format_datetime(value: datetime | None) -> str:
    """Show a time with its seconds, which matter in a log."""
    return "-" if value is None else date_format(timezone.localtime(value), "j M Y, H:i:s")


def format_localized_texts(texts: Mapping[str, str]) -> SafeString | None:
    """Show texts by language, a line each; None when there is none."""
    return format_html_join("\n", '<span class="console-text">{}: {}</span>', sorted(texts.items())) if texts else None


class BaseConsoleAdmin(ModelAdmin):
    """The look of every page: no bulk actions, no facets, and titles that name the thing."""

    actions = None
    show_facets = admin.ShowFacets.NEVER
    list_filter_submit = True
    list_per_page = 50
    list_filter: ClassVar[Sequence[tuple[str, "type[FormFilter]"]]] = ()
    # What the page is called when the model's own name is not the console's word.
    title: Any = None

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        if change and not self.has_change_permission(request, obj):
            # Who may only look gets texts, for which no form of ours has to be ready.
            kwargs["form"] = forms.ModelForm
        return super().get_form(request, obj, change, **kwargs)

    @property
    def page_title(self) -> str:
        return str(self.title or self.opts.verbose_name_plural)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = {"title": self.page_title, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, shown)
        return response

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the parameters of the page's filters. Any other look-up could find out what the page does not show."""
        return any(lookup in kind.parameters(path) for path, kind in self.list_filter)

    def form_context(self) -> dict[str, Any]:
        """Return what the page of one row is told beyond what Django tells it."""
        return {"title": self.page_title, "show_save_and_add_another": False}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        shown = {**self.form_context(), **(extra_context or {})}
        response: HttpResponse = super().changeform_view(request, object_id, form_url, shown)
        return response


class StoredPasswordAdmin(BaseConsoleAdmin):
    """Of a row with an encrypted password: who may change it types another, who may look sees whether there is one."""

    def password_fields(self, request: HttpRequest, obj: Model | None) -> tuple[str, ...]:
        if obj and not self.has_change_permission(request, obj):
            return ("has_password",)
        return ("new_password", "remove_password") if obj and has_password(obj) else ("new_password",)

    @admin.display(description=_("password stored"), boolean=True)
    def has_password(self, row: Model) -> bool:
        return has_password(row)


class ReadOnlyAdmin(BaseConsoleAdmin):
    """Rows that the server writes: shown, never added, changed or deleted, not by address either."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def form_context(self) -> dict[str, Any]:
        return {**super().form_context(), "show_history": False}

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> NoReturn:
        raise Http404("these rows have no history: they are never changed")


class UncountedPage(Page):  # type: ignore[type-arg]
    """One page, which knows only whether another follows."""

    def has_next(self) -> bool:
        return bool(self.paginator.has_more)  # type: ignore[attr-defined]


class UncountedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of a table that is too large to count: each page asks for one row more than it shows."""

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


class UncountedChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # The heading announces how many were filtered out when these two differ.
        self.full_result_count = self.result_count


class LogAdmin(ReadOnlyAdmin):
    """A table that grows for ever: newest first, never counted, never sorted by a column without an index."""

    paginator = UncountedPaginator
    show_full_result_count = False
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DjangoChangeList]:
        changelist: type[DjangoChangeList] = UncountedChangeList
        return changelist


class FormFilter(admin.FieldListFilter):
    """A filter that is typed or chosen in a small form. A value that cannot be meant matches nothing."""

    template = "admin/form_filter.html"
    # In terms of the field's name.
    parameter_names: ClassVar[tuple[str, ...]] = ("%s",)

    @classmethod
    def parameters(cls, field_path: str) -> list[str]:
        """Return the parameters of the query that the filter of a field takes."""
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
    """The field is exactly what is typed: that is what the indexes answer."""

    @cached_property
    def fields(self) -> dict[str, forms.Field]:
        return {
            self.field_path: forms.CharField(
                label=capfirst(self.title), required=False, widget=UnfoldAdminTextInputWidget()
            )
        }

    def lookups(self) -> dict[str, Any]:
        value = self.value(self.field_path)
        if "\0" in value:
            raise ValueError("no stored text holds a NUL")
        return {self.field_path: self.field.to_python(value)} if value else {}


class ChoiceFilter(ExactFilter):
    """The field is the chosen value: one of its choices, or a row of the model that it points at."""

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
        # Checked here, because a database refuses numbers that it cannot hold.
        self.fields[self.field_path].clean(self.value(self.field_path))
        return super().lookups()


class PeriodFilter(FormFilter):
    """From and to, by the minute, in the console's time zone."""

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
