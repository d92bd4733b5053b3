"""The portal API, version 4."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import authentication
from apps.api.parsers import StrictFormParser, fields
from apps.api.portal import serializers
from apps.api.schema import CLIENT_AUTHENTICATION, error_responses
from apps.api.views import ApiView, parse_uuid, require_mobile_authentication
from apps.applications.models import Api
from apps.common.exceptions import (
    AccessDenied,
    FeatureDisabled,
    InvalidClient,
    InvalidParameter,
    MessageTooLong,
    NoAuthenticationPossibility,
    PushNotStored,
    TransactionNotFound,
    TypeNotFound,
    UnauthorizedClient,
    UnsupportedMediaType,
)
from apps.transactions import services as transactions

CALLER_ERRORS = [InvalidClient, UnauthorizedClient, AccessDenied, FeatureDisabled]


class InitiateView(ApiView):
    parser_classes = [StrictFormParser]

    @extend_schema(
        operation_id="initiate",
        summary="Start a mobile authentication (E3)",
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        request={"application/x-www-form-urlencoded": serializers.InitiateSerializer},
        responses={
            200: serializers.InitiatedSerializer,
            **error_responses(
                *CALLER_ERRORS,
                InvalidParameter,
                MessageTooLong,
                NoAuthenticationPossibility,
                TypeNotFound,
                PushNotStored,
                UnsupportedMediaType,
            ),
        },
        examples=[
            OpenApiExample(
                "push",
                {
                    "transaction_id": "1a5c6d6e-7a6b-4a27-8a4f-6f1d1f0a9b3c",
                    "auth_method": "push",
                    "time_to_live": 300000,
                    "device": {"name": "Anna's phone", "platform": "android"},
                },
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def post(self, request: Request) -> Response:
        client = authentication.client(request, Api.MOBILE_AUTHENTICATION)
        require_mobile_authentication()
        return Response(serializers.initiated(transactions.initiate(fields(request), client)))


class TransactionView(ApiView):
    parser_classes = [StrictFormParser]

    @extend_schema(
        operation_id="result",
        summary="Read a transaction's result (E4)",
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        responses={200: serializers.ResultSerializer, **error_responses(*CALLER_ERRORS, TransactionNotFound)},
    )
    def get(self, request: Request, transaction_id: str) -> Response:
        client = authentication.client(request, Api.MOBILE_AUTHENTICATION)
        require_mobile_authentication()
        return Response(serializers.result(transactions.result(parse_uuid(transaction_id), client)))
