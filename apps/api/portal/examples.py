"""Examples for the description of the portal API."""

from apps.api.schema import FORM, request_example, response_example

TRANSACTION_ID = "1a5c6d6e-7a6b-4a27-8a4f-6f1d1f0a9b3c"
DEVICE_ID = "5C6B7A" + "0" * 58
CALLBACK = "https://portal.example.com/callback"
RESULT_OF_ANNA = {
    "callback_uri": CALLBACK,
    "transaction_id": TRANSACTION_ID,
    "timestamp": 1795530539461,
    "user_id": "anna",
}

PUSH = {"type": "login", "user_id": "anna", "callback_uri": CALLBACK}

_STARTED = [
    request_example("sms", {"type": "login-sms", "user_id": "anna", "phone_number": "+31612345678"}, FORM),
    request_example("otp", {"type": "scan", "callback_uri": CALLBACK}, FORM),
    response_example(
        "push",
        {
            "transaction_id": TRANSACTION_ID,
            "auth_method": "push",
            "time_to_live": 300000,
            "device": {"name": "Anna's phone", "platform": "android"},
        },
    ),
    response_example(
        "code to phone",
        {
            "transaction_id": TRANSACTION_ID,
            "auth_method": "push_with_pin",
            "time_to_live": 300000,
            "device": {"name": "Anna's phone", "platform": "android"},
            "code_to_phone": True,
        },
    ),
    response_example("sms", {"transaction_id": TRANSACTION_ID, "auth_method": "sms", "time_to_live": 300000}),
    response_example(
        "otp",
        {
            "transaction_id": TRANSACTION_ID,
            "auth_method": "otp",
            "time_to_live": 120000,
            "otp": "eyJ0cmFuc2FjdGlvbl9pZCI6",
        },
    ),
]
STARTED = [request_example("push", {**PUSH, "device_id": DEVICE_ID}, FORM), *_STARTED]
STARTED_V3 = [request_example("push", {**PUSH, "app_id": "shop"}, FORM), *_STARTED]
STARTED_V2 = [request_example("push", PUSH, FORM), *_STARTED]
RESULT = [
    response_example("pending", {**RESULT_OF_ANNA, "is_authenticated": False, "status": "pending"}),
    response_example(
        "approved",
        {**RESULT_OF_ANNA, "is_authenticated": True, "authentication_method": "push", "status": "authenticated"},
    ),
    response_example(
        "denied",
        {
            **RESULT_OF_ANNA,
            "is_authenticated": False,
            "authentication_method": "push",
            "status": "not_authenticated",
            "not_authenticated_reason": {"reason": "not_accepted", "description": "User rejected push"},
        },
    ),
]
CODE_VERIFIED = [
    request_example("code", {"transaction_id": TRANSACTION_ID, "sms_code": "482913"}, FORM),
    response_example("correct code", {"transaction_id": TRANSACTION_ID}),
]
PHONE_CODE_VERIFIED = [
    request_example("code", {"transaction_id": TRANSACTION_ID, "code": "482913"}, FORM),
    response_example("correct code", {"transaction_id": TRANSACTION_ID}),
]
CODE_SENT_AGAIN = [request_example("resend", {"transaction_id": TRANSACTION_ID}, FORM)]
TYPE_NAMES = [response_example("names", {"enabled": ["login", "scan"]})]
USER_TYPES_BY_DEVICE = [
    response_example(
        "user",
        {
            "enabled": [
                {
                    "type": "login",
                    "method": "PUSH",
                    "sms_fallback_allowed": True,
                    "apps_enrolled_for_push": [
                        {
                            "app_id": "shop",
                            "app_name": "Shop",
                            "device_id": DEVICE_ID,
                            "device_name": "Anna's phone",
                            "platform": "android",
                        }
                    ],
                },
                {"type": "scan", "method": "OTP"},
            ]
        },
    )
]
USER_TYPES_BY_APPLICATION = [
    response_example(
        "user",
        {
            "enabled": [
                {
                    "type": "login",
                    "method": "PUSH",
                    "sms_fallback_allowed": True,
                    "apps_enrolled_for_push": [{"id": "shop", "name": "Shop"}],
                },
                {"type": "scan", "method": "OTP"},
            ]
        },
    )
]
