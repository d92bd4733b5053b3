"""Serializers of the events API."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from apps.api.fields import JsonObjectField
from apps.api.schema import response_example
from apps.common.clock import milliseconds
from apps.events.models import Event
from apps.events.types import EVENT_TYPES

MAX_SIZE = 1000
DEFAULT_SIZE = 20
# To read further events, a client must narrow the period.
MAX_PAGE = 100_000


SCHEMAS = {
    "EventType": {
        "type": "string",
        "enum": [str(event_type) for event_type in EVENT_TYPES],
        "description": "Type of an event.",
    }
}


@extend_schema_field({"type": "array", "items": {"$ref": "#/components/schemas/EventType"}})
class EventTypesField(serializers.ListField):
    """List of event types; an empty value counts as absent."""

    child = serializers.ChoiceField(choices=[str(event_type) for event_type in EVENT_TYPES])

    def get_value(self, dictionary: Any) -> Any:
        return [name for name in dictionary.getlist(self.field_name) if name] or empty


class EventsQuerySerializer(serializers.Serializer[Any]):
    """Query parameters of the events API. Dates are in milliseconds since the epoch and inclusive."""

    page = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_PAGE, default=0, help_text="Number of the page, from 0."
    )
    size = serializers.IntegerField(
        required=False, min_value=1, max_value=MAX_SIZE, default=DEFAULT_SIZE, help_text="Number of events on a page."
    )
    user_id = serializers.CharField(
        required=False, max_length=255, trim_whitespace=False, help_text="Only events of this user."
    )
    client_id = serializers.CharField(
        required=False, max_length=100, trim_whitespace=False, help_text="Only events of this API client."
    )
    event_type = EventTypesField(required=False, help_text="Only events of this type. Repeatable.")
    exclude_event_type = EventTypesField(required=False, help_text="No events of this type. Repeatable.")
    transaction_id = serializers.UUIDField(required=False, help_text="Only events of this transaction.")
    start_date = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=10**14,
        help_text="Only events from this time on, in milliseconds since the epoch.",
    )
    end_date = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=10**14,
        help_text="Only events up to this time, in milliseconds since the epoch.",
    )

    def to_internal_value(self, data: Any) -> Any:
        """Reject a repeated filter, of which only one value could be used."""
        for name, field in self.fields.items():
            if not isinstance(field, EventTypesField) and len(data.getlist(name)) > 1:
                raise serializers.ValidationError({name: [_("This filter is given more than once.")]})
        return super().to_internal_value(data)


class EventSerializer(serializers.Serializer[Any]):
    event_identifier = serializers.UUIDField(help_text="Id of the event.")
    event_name = serializers.CharField(help_text="Type of the event, with spaces.")
    event_type = serializers.CharField(help_text="Type of the event.")
    client_id = serializers.CharField(help_text="Id of the API client; empty if there is none.")
    app_name = serializers.CharField(help_text="Name of the application; empty if there is none.")
    transaction_id = serializers.UUIDField(allow_null=True, help_text="Id of the transaction.")
    user_id = serializers.CharField(help_text="Id of the user; empty if there is none.")
    client_ip = serializers.CharField(allow_null=True, help_text="IP address of the caller.")
    user_agent = serializers.CharField(help_text="`User-Agent` of the caller.")
    occurred = serializers.IntegerField(help_text="Time of the event, in milliseconds since the epoch.")
    details = JsonObjectField(
        help_text="Further facts of the event. "
        "Events of failed access count failures and contain `count` and `last_occurred` (milliseconds)."
    )


class PaginationSerializer(serializers.Serializer[Any]):
    page = serializers.IntegerField(help_text="Number of this page, from 0.")
    size = serializers.IntegerField(help_text="Number of events on a full page.")
    total_elements = serializers.IntegerField(help_text="Number of matching events.")
    total_pages = serializers.IntegerField(help_text="Number of pages.")


class EventPageSerializer(serializers.Serializer[Any]):
    result_set = EventSerializer(many=True, help_text="Events of this page, newest first.")
    pagination = PaginationSerializer(help_text="Position of this page.")


EXAMPLES = [
    response_example(
        "one",
        {
            "result_set": [
                {
                    "event_identifier": "0b8a4a0e-3c7f-4b5e-9a51-1d6e8f1c2a3b",
                    "event_name": "PUSH AUTH INITIALIZED",
                    "event_type": "PUSH_AUTH_INITIALIZED",
                    "client_id": "portal",
                    "app_name": "Shop",
                    "transaction_id": "1a5c6d6e-7a6b-4a27-8a4f-6f1d1f0a9b3c",
                    "user_id": "anna",
                    "client_ip": "192.0.2.1",
                    "user_agent": "Portal/1.0",
                    "occurred": 1795530539461,
                    "details": {"type": "login", "resolved_type": "login", "method": "push"},
                }
            ],
            "pagination": {"page": 0, "size": 20, "total_elements": 1, "total_pages": 1},
        },
    )
]


def serialize_event(row: Event) -> dict[str, Any]:
    return {
        "event_identifier": str(row.event_identifier),
        "event_name": row.event_name,
        "event_type": row.event_type,
        "client_id": row.client_id,
        "app_name": row.app_name,
        "transaction_id": str(row.transaction_id) if row.transaction_id else None,
        "user_id": row.user_id,
        "client_ip": row.client_ip,
        "user_agent": row.user_agent,
        "occurred": milliseconds(row.occurred),
        "details": row.all_details,
    }
