"""The user API: what a portal does with its users' devices."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import authentication
from apps.api.fields import StrictCharField
from apps.api.parsers import StrictFormParser, StrictJsonParser, fields
from apps.api.schema import CLIENT_AUTHENTICATION, FORM, error_responses, request_example, response_example
from apps.api.views import ApiView
from apps.applications.models import Api
from apps.common.clock import milliseconds
from apps.common.exceptions import (
    AccessDenied,
    InvalidClient,
    InvalidRequest,
    ObjectNotFound,
    UnauthorizedClient,
    UnsupportedMediaType,
)
from apps.enrollment import links
from apps.enrollment import services as enrollment
from apps.enrollment.models import MAX_USER_ID_CHARACTERS


class UserIdSerializer(serializers.Serializer[Any]):
    user_id = serializers.CharField(max_length=MAX_USER_ID_CHARACTERS, trim_whitespace=False)


class EnrollmentCodeRequestSerializer(serializers.Serializer[Any]):
    application_id = StrictCharField(max_length=100)


class EnrollmentCodeSerializer(serializers.Serializer[Any]):
    """`expires_at` in milliseconds since the epoch."""

    enrollment_code = serializers.CharField()
    enrollment_uri = serializers.CharField()
    expires_at = serializers.IntegerField()


EXAMPLES = [
    request_example("application", {"application_id": "shop"}),
    request_example("application as a form", {"application_id": "shop"}, FORM),
    response_example(
        "code",
        {
            "enrollment_code": "Zk3T0v9QfWmB1xYdLq8hSg",
            "enrollment_uri": "countersign://enroll?code=Zk3T0v9QfWmB1xYdLq8hSg",
            "expires_at": 1795530539461,
        },
        201,
    ),
]


class EnrollmentCodesView(ApiView):
    parser_classes = [StrictJsonParser, StrictFormParser]

    @extend_schema(
        operation_id="create_enrollment_code",
        examples=EXAMPLES,
        summary="Make a one-time enrolment code for a user",
        tags=["Users"],
        auth=CLIENT_AUTHENTICATION,
        request={
            "application/json": EnrollmentCodeRequestSerializer,
            FORM: EnrollmentCodeRequestSerializer,
        },
        responses={
            201: EnrollmentCodeSerializer,
            **error_responses(
                InvalidClient, UnauthorizedClient, AccessDenied, InvalidRequest, ObjectNotFound, UnsupportedMediaType
            ),
        },
    )
    def post(self, request: Request, user_id: str) -> Response:
        client = authentication.client(request, Api.END_USER)
        UserIdSerializer(data={"user_id": user_id}).is_valid(raise_exception=True)
        wanted = EnrollmentCodeRequestSerializer(data=fields(request))
        wanted.is_valid(raise_exception=True)
        code, row = enrollment.create_code(
            user_id=user_id,
            application_identifier=wanted.validated_data["application_id"],
            client_id=client.client_id,
        )
        return Response(
            {
                "enrollment_code": code,
                "enrollment_uri": links.enrollment_uri(code, row.application.identifier),
                "expires_at": milliseconds(row.expires_at),
            },
            status=201,
        )
