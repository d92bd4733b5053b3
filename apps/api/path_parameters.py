"""Path parameters of all APIs in the OpenAPI description."""

from typing import Any

from apps.enrollment.models import MAX_USER_ID_CHARACTERS

PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "user_id": {
        "description": "Id of the user at the portal. It can contain all characters except NUL; a slash is `%2F`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_USER_ID_CHARACTERS},
        "example": "anna",
    },
    "device_id": {
        "description": "Id of the device, as in the list of the user's devices.",
        "schema": {"type": "string"},
        "example": "5C6B7A" + "0" * 58,
    },
    "app_id": {
        "description": "Identifier of the application.",
        "schema": {"type": "string"},
        "example": "shop",
    },
    "transaction_id": {
        "description": "Id of the transaction.",
        "schema": {"type": "string", "format": "uuid"},
        "example": "1a5c6d6e-7a6b-4a27-8a4f-6f1d1f0a9b3c",
    },
    "profile_id": {
        "description": "Id of the profile: six characters A-Z and 0-9.",
        "schema": {"type": "string"},
        "example": "A1B2C3",
    },
    "integration_name": {
        "description": "Name of the integration.",
        "schema": {"type": "string"},
        "example": "demo",
    },
}
