"""What the OpenAPI description of all APIs shares."""

from collections import defaultdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from apps.api.exceptions import body
from apps.common.exceptions import ApiError

# Security requirements as OpenAPI has them; the annotation of the library knows only half of what it takes.
CLIENT_AUTHENTICATION: list[Any] = [{"client": []}]
DEVICE_AUTHENTICATION: list[Any] = [{"device": []}]
DEVICE_OR_NOBODY: list[Any] = [{}, *DEVICE_AUTHENTICATION]


def error_responses(*errors: type[ApiError], path: str = "/oauth/") -> dict[int, OpenApiResponse]:
    """Describe errors by HTTP status, each with its very body as the example."""
    by_status: dict[int, list[type[ApiError]]] = defaultdict(list)
    for error in errors:
        by_status[error.status].append(error)
    return {
        status: OpenApiResponse(
            response=ERROR_SCHEMA,
            description="; ".join(error.token for error in group),
            examples=[OpenApiExample(error.token, body(error(), path)) for error in group],
        )
        for status, group in by_status.items()
    }


ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error", "error_description"],
    "properties": {
        "error": {"type": "string", "description": "Stable name."},
        "error_description": {"type": "string", "description": "Text for people."},
        "error_code": {"type": "string", "description": "Number, where the error has one."},
        "description": {"type": "string", "description": "The same text, where the error has a number."},
    },
}
