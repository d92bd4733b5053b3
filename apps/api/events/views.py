"""Views of the events API."""

from math import ceil

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import authentication
from apps.api.events import serializers
from apps.api.schema import CLIENT_AUTHENTICATION, error_responses
from apps.api.views import ApiView
from apps.applications.models import Api
from apps.common import errors
from apps.events import services as events


class EventsView(ApiView):
    @extend_schema(
        operation_id="listEvents",
        examples=serializers.EXAMPLES,
        summary="List audit events",
        description=(
            "Returns one page of the audit log, newest event first, filtered by the parameters. The API client must "
            "have the API `events`. "
            "Dates are in milliseconds since the epoch and inclusive.\n\n"
            "`invalid_request`: a filter is invalid, or a filter other than the event types is repeated. "
            "To read beyond page 100,000, narrow the period."
        ),
        tags=["Events"],
        auth=CLIENT_AUTHENTICATION,
        parameters=[serializers.EventsQuerySerializer],
        responses={
            200: OpenApiResponse(serializers.EventPageSerializer, "One page of events."),
            **error_responses(
                errors.InvalidClient, errors.UnauthorizedClient, errors.AccessDenied, errors.InvalidRequest
            ),
        },
    )
    def get(self, request: Request) -> Response:
        authentication.authenticate_client(request, Api.EVENTS)
        query = serializers.EventsQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        filters = dict(query.validated_data)
        page, size = filters.pop("page"), filters.pop("size")
        matching = events.search(events.Filter(**filters))
        total = matching.count()
        return Response(
            {
                "result_set": [serializers.serialize_event(row) for row in matching[page * size : (page + 1) * size]],
                "pagination": {
                    "page": page,
                    "size": size,
                    "total_elements": total,
                    "total_pages": ceil(total / size),
                },
            }
        )
