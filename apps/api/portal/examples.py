"""Examples in the description of the portal API."""

from drf_spectacular.utils import OpenApiExample

TRANSACTION_ID = "1a5c6d6e-7a6b-4a27-8a4f-6f1d1f0a9b3c"

INITIATED = [
    OpenApiExample(
        "push",
        {
            "transaction_id": TRANSACTION_ID,
            "auth_method": "push",
            "time_to_live": 300000,
            "device": {"name": "Anna's phone", "platform": "android"},
        },
        response_only=True,
        status_codes=["200"],
    ),
    OpenApiExample(
        "sms",
        {"transaction_id": TRANSACTION_ID, "auth_method": "sms", "time_to_live": 300000},
        response_only=True,
        status_codes=["200"],
    ),
]
RESULT = [
    OpenApiExample(
        "approved",
        {
            "callback_uri": "https://portal.example.com/callback",
            "transaction_id": TRANSACTION_ID,
            "timestamp": 1795530539461,
            "user_id": "anna",
            "is_authenticated": True,
            "authentication_method": "push",
            "status": "authenticated",
        },
        response_only=True,
        status_codes=["200"],
    ),
    OpenApiExample(
        "denied",
        {
            "callback_uri": "https://portal.example.com/callback",
            "transaction_id": TRANSACTION_ID,
            "timestamp": 1795530539461,
            "user_id": "anna",
            "is_authenticated": False,
            "authentication_method": "push",
            "status": "not_authenticated",
            "not_authenticated_reason": {"reason": "not_accepted", "description": "User rejected push"},
        },
        response_only=True,
        status_codes=["200"],
    ),
]
