import json
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.common.admin import ChoiceFilter, ExactFilter, LogAdmin, PeriodFilter, moment
from apps.events.models import Event
from apps.events.types import EventType


class EventTypeFilter(ChoiceFilter):
    """The types are code, not schema: the column has no choices of its own."""

    def options(self) -> list[tuple[str, Any]]:
        return sorted((event_type.value, event_type.replace("_", " ")) for event_type in EventType)


@admin.register(Event)
class EventAdmin(LogAdmin):
    list_display = ("time", "name", "user_id", "client_id", "app_name", "transaction", "client_ip")
    list_filter = (
        ("event_type", EventTypeFilter),
        ("user_id", ExactFilter),
        ("client_id", ExactFilter),
        ("transaction_id", ExactFilter),
        ("occurred", PeriodFilter),
    )
    fieldsets = (
        (None, {"fields": ("name", "time", ("user_id", "app_name"), ("client_id", "transaction"))}),
        (_("Caller"), {"fields": (("client_ip", "user_agent"),)}),
        (_("Details"), {"fields": ("what", "event_identifier")}),
    )
    readonly_fields = ("time", "name", "transaction", "what")

    @admin.display(description=_("time (UTC)"))
    def time(self, event: Event) -> str:
        return moment(event.occurred)

    @admin.display(description=_("event"))
    def name(self, event: Event) -> str:
        return event.event_name

    @admin.display(description=_("details"))
    def what(self, event: Event) -> SafeString:
        return format_html(
            '<pre class="console-json">{}</pre>', json.dumps(event.details, indent=2, ensure_ascii=False)
        )

    @admin.display(description=_("transaction"), empty_value="-")
    def transaction(self, event: Event) -> Any:
        if event.transaction_id is None:
            return None
        url = reverse("admin:transactions_transaction_change", args=[event.transaction_id])
        return format_html('<a href="{}" class="text-link">{}</a>', url, str(event.transaction_id)[:8])
