"""Shared parts of the OpenAPI description of all APIs."""

from collections import defaultdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from apps.api.exceptions import body, status_of
from apps.common import errors

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
# Security requirements of OpenAPI. The decorator accepts them, but its type hints do not.
CLIENT_AUTHENTICATION: Any = [{"client": []}]
DEVICE_AUTHENTICATION: Any = [{"device": []}]
NO_AUTHENTICATION: Any = [{}]


def error_responses(*error_types: type[errors.ApiError], path: str = "/oauth/") -> dict[int, OpenApiResponse]:
    """Describe errors by HTTP status, each with its response body as an example."""
    by_status: dict[int, list[type[errors.ApiError]]] = defaultdict(list)
    for error in error_types:
        by_status[status_of(error)].append(error)
    return {
        status: OpenApiResponse(
            response=ERROR_SCHEMA,
            description="; ".join(error.token for error in status_errors),
            examples=[OpenApiExample(error.token, body(error(), path)) for error in status_errors],
        )
        for status, status_errors in by_status.items()
    }


def request_example(name: str, value: dict[str, Any], media_type: str = JSON) -> OpenApiExample:
    return OpenApiExample(name, value, request_only=True, media_type=media_type)


def response_example(name: str, value: dict[str, Any], status: int = 200) -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True, status_codes=[str(status)])


ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error", "error_description"],
    "properties": {
        "error": {"type": "string", "description": "Stable name of the error."},
        "error_description": {"type": "string", "description": "Explanation in the language of the request."},
        "error_code": {"type": "string", "description": "Error code, if the error has one."},
        "description": {"type": "string", "description": "Same text as error_description, if the error has a code."},
    },
}
