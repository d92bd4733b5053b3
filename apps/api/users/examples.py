"""Examples for the description of the user API."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from apps.api.schema import request_example, response_example

DEVICE_ID = "6DB5A4D7FB1B55B8B0C4C83F5D9A4B1FD2A5C1F0E7B3984D6A7C2E1B0F9D8C7A"
DEVICE: dict[str, Any] = {
    "id": DEVICE_ID,
    "name": "Anna's phone",
    "application": "Shop",
    "model": "Pixel 9",
    "platform": "android",
    "osVersion": "16",
    "createdAt": 1795530539461,
    "lastLogin": 1795616939461,
    "tokenTypes": ["DEFAULT", "FINGER_PRINT"],
    "mobileAuthenticationEnabled": True,
    "pushAuthenticationEnabled": True,
    "keyKind": "jose",
}
OLD_DEVICE = {
    "id": DEVICE_ID,
    "name": "Anna's phone",
    "application": "Shop",
    "platform": "android",
    "created_at": 1795530539461,
    "last_login": 1795616939461,
    "token_types": ["DEFAULT", "FINGER_PRINT"],
    "mobile_authentication_enabled": True,
    "push_authentication_enabled": True,
}
NOT_ALL_DELETED = {
    "code": "not_all_devices_deleted",
    "message": "Not all devices could be deleted.",
    "details": [
        {
            "id": DEVICE_ID,
            "status": {"code": "device_not_deleted", "message": "The device could not be deleted.", "details": []},
        }
    ],
}

ENROLLMENT_CODE = [
    request_example("application", {"application_id": "shop"}),
    response_example(
        "code",
        {
            "enrollment_code": "EXAM-P1EC-0DE4-F6C1-B0E9-A7D2",
            "enrollment_uri": "countersign://enroll?code=EXAM-P1EC-0DE4-F6C1-B0E9-A7D2",
            "web_enrollment_uri": "https://auth.example.com/phone/#code=EXAM-P1EC-0DE4-F6C1-B0E9-A7D2",
            "expires_at": 1795530539461,
        },
        201,
    ),
]
NO_DEVICES = OpenApiExample("no devices", {"error": "No devices found"}, response_only=True, status_codes=["404"])
DEVICES = [response_example("one device", {"devices": [DEVICE]})]
OLD_DEVICES = [response_example("one device", {"devices": [OLD_DEVICE]})]
DELETE = [
    request_example("two devices", {"delete": [DEVICE_ID, "F" * 64]}),
    response_example("one is left", NOT_ALL_DELETED, 500),
]
