import json
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectMultipleWidget

from apps.common.console.admin import ExactFilter, FormFilter, LogAdmin, PeriodFilter, format_datetime
from apps.common.input_text import is_storable
from apps.events import cursor_pagination, event_counters, services
from apps.events.console import export
from apps.events.facts import ExportFacts
from apps.events.models import Event
from apps.events.types import EVENT_TYPES, EventTypes


class EventTypeFilter(FormFilter):
    """Filter for several event types. The model field has no choices, because the types are not part of the schema."""

    name, label = "event_type", _("Events")

    @property
    def selected(self) -> list[str]:
        values: Any = self.used_parameters.get(self.name) or []
        return [value for value in values if value]

    @property
    def storable(self) -> list[str]:
        """Return the selected values without NUL, which some databases reject in queries."""
        return [value for value in self.selected if is_storable(value)]

    def value(self, name: str) -> Any:
        return self.selected

    @cached_property
    def fields(self) -> dict[str, forms.Field]:
        choices = sorted((str(event_type), event_type.replace("_", " ")) for event_type in EVENT_TYPES)
        widget = UnfoldAdminSelectMultipleWidget(choices=choices, attrs={"size": 6})
        help_text = _("Select several with Ctrl or ⌘ and a click.")
        field = forms.MultipleChoiceField(
            label=self.label, required=False, choices=choices, widget=widget, help_text=help_text
        )
        return {self.name: field}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(event_type__in=self.storable) if self.selected else queryset


class OtherTypesFilter(EventTypeFilter):
    name, label = "exclude_event_type", _("Events to leave out")
    parameter_names = ("exclude_%s",)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """Select the other types by name: the index finds them if they are rare or do not exist."""
        if not self.selected:
            return queryset
        types = request.GET.getlist(EventTypeFilter.name) or event_counters.totals()
        return queryset.filter(event_type__in=[name for name in types if name not in self.selected])


@admin.register(Event)
class EventAdmin(LogAdmin):
    """Audit log, newest first."""

    list_display = ("time", "name", "user_id", "client_id", "app_name", "transaction", "client_ip")
    list_filter = (
        ("occurred", PeriodFilter),
        ("event_type", EventTypeFilter),
        ("event_type", OtherTypesFilter),
        ("user_id", ExactFilter),
        ("client_id", ExactFilter),
        ("transaction_id", ExactFilter),
    )
    actions_list = ("export_as_csv",)
    fieldsets = (
        (None, {"fields": ("name", ("time", "last_time"), ("user_id", "app_name"), ("client_id", "transaction"))}),
        (_("Caller"), {"fields": (("client_ip", "user_agent"),)}),
        (_("Details"), {"fields": ("details_json", "event_identifier")}),
    )
    readonly_fields = ("time", "last_time", "name", "transaction", "details_json")

    @admin.display(description=_("time (UTC)"))
    def time(self, event: Event) -> str:
        return format_datetime(event.occurred)

    @admin.display(description=_("last time (UTC)"))
    def last_time(self, event: Event) -> str:
        return format_datetime(event.last_occurred)

    @admin.display(description=_("event"))
    def name(self, event: Event) -> str:
        return event.title

    @admin.display(description=_("details"))
    def details_json(self, event: Event) -> SafeString:
        return format_html(
            '<pre class="console-json">{}</pre>', json.dumps(event.all_details, indent=2, ensure_ascii=False)
        )

    @admin.display(description=_("transaction"), empty_value="-")
    def transaction(self, event: Event) -> Any:
        if event.transaction_id is None:
            return None
        url = reverse("admin:transactions_transaction_change", args=[event.transaction_id])
        return format_html('<a href="{}" class="text-link">{}</a>', url, str(event.transaction_id)[:8])

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        changelist: type[ChangeList] = cursor_pagination.EventChangeList
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list. Its export button keeps the filters of the list."""
        response = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            query = urlencode(response.context_data["cl"].get_filters_params(), doseq=True)
            for button in response.context_data["actions_list"]:
                button["path"] += f"?{query}"
        return response

    @action(  # type: ignore[untyped-decorator]
        description=_("Export as CSV"),
        url_path="export",
        icon="download",
        permissions=["view"],
        attrs={"title": _("The filtered events, newest first, at most 100,000")},
    )
    def export_as_csv(self, request: HttpRequest) -> HttpResponseBase:
        """Return the filtered events as CSV. The export is an audit event."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise Http404("unknown filter") from error
        filters = {name: values for name, values in changelist.get_filters_params().items() if any(values)}
        facts = ExportFacts(who=request.user.get_username(), filters=filters)
        services.record(EventTypes.ADMIN_EVENTS_EXPORTED, facts)
        name = f"activity-{timezone.now():%Y%m%d-%H%M%S}.csv"
        return StreamingHttpResponse(
            export.csv_chunks(changelist.queryset),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
