"""Shared parts of the OpenAPI description of all APIs: the body of errors, examples and security requirements."""

from collections import defaultdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from apps.api.exceptions import body, status_of
from apps.common import errors

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
# Security requirements of OpenAPI. The decorator accepts them, but its type hints do not.
CLIENT_AUTHENTICATION: Any = [{"client": []}]
DEVICE_AUTHENTICATION: Any = [{"device": []}]
NO_AUTHENTICATION: Any = [{}]

# Errors of every operation, and of every operation with a request body.
COMMON_ERRORS = (errors.InternalError, errors.ServiceUnavailable)
BODY_ERRORS = (errors.RequestTooLarge, errors.UnsupportedMediaType)


class ErrorSerializer(serializers.Serializer[Any]):
    """Error of any API."""

    error = serializers.CharField(help_text="Name of the error for programs, such as `transaction_not_found`.")
    error_description = serializers.CharField(
        help_text="Explanation for people, in the language of the header `Accept-Language`."
    )
    error_code = serializers.CharField(
        required=False,
        help_text="Number of the error, such as `3004`. Absent if the error has none; the device API then repeats the "
        "name.",
    )
    description = serializers.CharField(
        required=False, help_text="Same text as `error_description`, if an error of the portal API has a number."
    )
    used_attempts = serializers.IntegerField(
        required=False, min_value=0, help_text="Error `invalid_pin`: number of consecutive wrong PINs."
    )
    max_attempts = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text="Error `invalid_pin`: number of wrong PINs after which the user is disconnected. 0: no limit.",
    )


def error_responses(*error_types: type[errors.ApiError], path: str = "/oauth/") -> dict[int, OpenApiResponse]:
    """Describe errors by HTTP status, each with its response body as an example."""
    by_status: dict[int, list[type[errors.ApiError]]] = defaultdict(list)
    for error in (*error_types, *COMMON_ERRORS):
        by_status[status_of(error)].append(error)
    return {
        status: OpenApiResponse(
            response=ErrorSerializer,
            description=", ".join(f"`{error.token}`" for error in status_errors),
            examples=[OpenApiExample(error.token, body(error(), path)) for error in status_errors],
        )
        for status, status_errors in by_status.items()
    }


def request_example(name: str, value: dict[str, Any], media_type: str = JSON) -> OpenApiExample:
    return OpenApiExample(name, value, request_only=True, media_type=media_type)


def response_example(name: str, value: dict[str, Any], status: int = 200) -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True, status_codes=[str(status)])
