"""The shapes of the events API."""

from typing import Any

from rest_framework import serializers

from apps.common.clock import milliseconds
from apps.events.models import Event
from apps.events.types import EventType

MAX_SIZE = 1000
DEFAULT_SIZE = 20
# Beyond this a reader should narrow the time instead of turning pages.
MAX_PAGE = 100_000


class EventsQuerySerializer(serializers.Serializer[Any]):
    """The query of the events API; dates in milliseconds since the epoch, both inclusive."""

    page = serializers.IntegerField(required=False, min_value=0, max_value=MAX_PAGE, default=0)
    size = serializers.IntegerField(required=False, min_value=1, max_value=MAX_SIZE, default=DEFAULT_SIZE)
    user_id = serializers.CharField(required=False, max_length=255)
    client_id = serializers.CharField(required=False, max_length=100)
    event_type = serializers.ListField(child=serializers.ChoiceField(choices=EventType.values), required=False)
    exclude_event_type = serializers.ListField(child=serializers.ChoiceField(choices=EventType.values), required=False)
    transaction_id = serializers.UUIDField(required=False)
    start_date = serializers.IntegerField(required=False, min_value=0, max_value=10**14)
    end_date = serializers.IntegerField(required=False, min_value=0, max_value=10**14)


class EventSerializer(serializers.Serializer[Any]):
    event_identifier = serializers.UUIDField()
    event_name = serializers.CharField()
    event_type = serializers.CharField()
    client_id = serializers.CharField()
    app_name = serializers.CharField()
    transaction_id = serializers.UUIDField(allow_null=True)
    user_id = serializers.CharField()
    client_ip = serializers.CharField(allow_null=True)
    user_agent = serializers.CharField()
    occurred = serializers.IntegerField(help_text="Milliseconds since the epoch.")
    details = serializers.DictField()


class PaginationSerializer(serializers.Serializer[Any]):
    page = serializers.IntegerField()
    size = serializers.IntegerField()
    total_elements = serializers.IntegerField()
    total_pages = serializers.IntegerField()


class EventPageSerializer(serializers.Serializer[Any]):
    result_set = EventSerializer(many=True)
    pagination = PaginationSerializer()


def event(row: Event) -> dict[str, Any]:
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
        "details": row.details,
    }
