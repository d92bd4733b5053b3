from functools import cached_property
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
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
from apps.common.encryption import CannotDecrypt
from apps.common.identifiers import shorten
from apps.common.input_text import is_storable
from apps.events import cursor_pagination, event_counters, services
from apps.events.audit import exports, keys
from apps.events.console import descriptions, details_table, devices, export
from apps.events.facts import ExportFacts
from apps.events.models import Event
from apps.events.names import event_name
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
        names = [(str(event_type), f"{event_name(event_type)} ({event_type})") for event_type in EVENT_TYPES]
        choices = sorted(names, key=itemgetter(1))
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

    list_filter = (
        ("occurred", PeriodFilter),
        ("event_type", EventTypeFilter),
        ("event_type", OtherTypesFilter),
        ("user_id", ExactFilter),
        ("client_id", ExactFilter),
        ("transaction_id", ExactFilter),
    )
    actions_list = ("export_as_csv", "export_as_json_lines")
    readonly_fields = ("time", "last_time", "name", "who", "user", "client", "transaction", "table")

    def get_list_display(self, request: HttpRequest) -> Any:
        user = self.link_or_text(request, "user", "user_id", "enrollment.view_profile")
        return ("time", "name", "what", "who", user, "app_name", "transaction", "client_ip")

    def get_fieldsets(self, request: HttpRequest, obj: Event | None = None) -> Any:
        user = self.link_or_text(request, "user", "user_id", "enrollment.view_profile")
        client = self.link_or_text(request, "client", "client_id", "applications.view_apiclient")
        return (
            (None, {"fields": ("name", ("time", "last_time"), ("who", user), ("app_name", client), "transaction")}),
            (_("Caller"), {"fields": (("client_ip", "user_agent"),)}),
            (_("Details"), {"fields": ("table", "event_identifier")}),
        )

    def link_or_text(self, request: HttpRequest, link: str, text: str, permission: str) -> str:
        """Return the field with a link for accounts that may follow it, and the field without one for others."""
        return link if request.user.has_perm(permission) else text

    @admin.display(description=_("time (UTC)"))
    def time(self, event: Event) -> str:
        return format_datetime(event.occurred)

    @admin.display(description=_("last time (UTC)"))
    def last_time(self, event: Event) -> str:
        return format_datetime(event.last_occurred)

    @admin.display(description=_("event"))
    def name(self, event: Event) -> SafeString:
        return format_html(
            '{} <code class="console-event-type" translate="no">{}</code>', event.title, event.event_type
        )

    @admin.display(description=_("what"), empty_value="-")
    def what(self, event: Event) -> str | None:
        return " · ".join(descriptions.facts(event)) or None

    @admin.display(description=_("who"), empty_value="-")
    def who(self, event: Event) -> str | None:
        return descriptions.actor(event) or None

    @admin.display(description=_("user"), empty_value="-")
    def user(self, event: Event) -> SafeString | str | None:
        if not event.user_id:
            return None
        return _link(reverse("admin:enrollment_profile_changelist", query={"q": event.user_id}), event.user_id)

    @admin.display(description=_("API client"), empty_value="-")
    def client(self, event: Event) -> SafeString | str | None:
        if not event.client_id:
            return None
        return _link(reverse("admin:applications_apiclient_changelist", query={"q": event.client_id}), event.client_id)

    @admin.display(description=_("details"), empty_value="-")
    def table(self, event: Event) -> SafeString | None:
        return details_table.render(event)

    @admin.display(description=_("transaction"), empty_value="-")
    def transaction(self, event: Event) -> Any:
        if event.transaction_id is None:
            return None
        url = reverse("admin:transactions_transaction_change", args=[event.transaction_id])
        return _link(url, shorten(event.transaction_id))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Event | None:
        event: Event | None = super().get_object(request, object_id, from_field)
        if event:
            devices.attach([event])
        return event

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        changelist: type[ChangeList] = cursor_pagination.EventChangeList
        return changelist

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist: ChangeList = super().get_changelist_instance(request)
        devices.attach(changelist.result_list)
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
        return self._export(request, "csv")

    @action(  # type: ignore[untyped-decorator]
        description=_("Export as JSON lines"),
        url_path="export-json-lines",
        icon="download",
        permissions=["view"],
        attrs={"title": _("The filtered events, newest first, at most 100,000")},
    )
    def export_as_json_lines(self, request: HttpRequest) -> HttpResponseBase:
        return self._export(request, "jsonl")

    def _export(self, request: HttpRequest, file_format: str) -> HttpResponseBase:
        """Return the filtered events as a signed file. The export is an audit event."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise Http404("unknown filter") from error
        filters = {name: values for name, values in changelist.get_filters_params().items() if any(values)}
        try:
            writer = exports.WRITERS[file_format](keys.load())
        except CannotDecrypt:
            messages.error(request, _("The export cannot be signed: the audit key cannot be decrypted."))
            return HttpResponseRedirect(reverse("admin:events_event_changelist"))
        facts = ExportFacts(who=request.user.get_username(), filters=filters)
        services.record(EventTypes.ADMIN_EVENTS_EXPORTED, facts)
        name = f"activity-{timezone.now():%Y%m%d-%H%M%S}.{file_format}"
        return StreamingHttpResponse(
            export.chunks(changelist.queryset, writer),
            content_type=exports.FORMATS[file_format],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _link(url: str, text: str) -> SafeString:
    return format_html('<a href="{}" class="text-link">{}</a>', url, text)
