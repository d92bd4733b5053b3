"""Examples for the description of the device API."""

from apps.api.schema import request_example, response_example

TRANSACTION_ID = "1a5c6d6e-7a6b-4a27-8a4f-6f1d1f0a9b3c"
SEALED = {"message": "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00i..."}

_KEY = {"kty": "EC", "crv": "P-256", "x": "...", "y": "..."}
_KEYS = [{**_KEY, "use": "sig", "alg": "ES256"}, {**_KEY, "use": "enc", "alg": "ECDH-ES+A256KW"}]

ENROLLED = [
    request_example(
        "JOSE keys",
        {
            "enrollment_code": "EXAM-P1EC-0DE4-F6C1-B0E9-A7D2",
            "public_keys": {"keys": _KEYS},
            "application_id": "shop",
            "platform": "ios",
            "app_version": "1.0.0",
            "device_name": "Anna's phone",
        },
    ),
    request_example(
        "OpenPGP key",
        {
            "enrollment_code": "EXAM-P1EC-0DE4-F6C1-B0E9-A7D2",
            "public_key": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n...",
            "application_id": "shop",
            "platform": "android",
            "app_version": "1.0.0",
            "device_name": "Anna's phone",
        },
    ),
    response_example(
        "JOSE keys, new device",
        {
            "device_id": "5C6B7A" + "0" * 58,
            "profile_id": "A1B2C3",
            "device_token": "stored by the device",
            "server_public_keys": {"keys": [{**key, "kid": "..."} for key in _KEYS]},
        },
        201,
    ),
    response_example(
        "OpenPGP key, new device",
        {
            "device_id": "5C6B7A" + "0" * 58,
            "profile_id": "A1B2C3",
            "device_token": "stored by the device",
            "server_public_key": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n...",
        },
        201,
    ),
]
ENROLLMENTS = [
    response_example(
        "one profile",
        {
            "profiles": [
                {
                    "profile_id": "A1B2C3",
                    "application_id": "shop",
                    "version_status": "enabled",
                    "push_enrolled": True,
                    "requests": "received",
                    "locked": False,
                    "used_pin_attempts": 1,
                    "max_pin_attempts": 3,
                    "authenticators": [
                        {"type": "pin", "allowed": True, "registered": True},
                        {"type": "fingerprint", "allowed": True, "registered": False},
                        {"type": "custom", "authenticator_id": "face", "allowed": True, "registered": False},
                    ],
                }
            ]
        },
    )
]
PUSH_ENROLLED = [request_example("token", {"push_token": "from the push provider"})]
PUSH_TOKEN_REPLACED = [request_example("token", {"old_push_token": "previous token", "push_token": "new token"})]
AUTHENTICATOR_REGISTERED = [request_example("sealed", SEALED), response_example("sealed token", SEALED, 201)]
PENDING = [
    response_example(
        "one",
        {
            "transactions": [
                {
                    "transaction_id": TRANSACTION_ID,
                    "profile_id": "A1B2C3",
                    "message": "Sign in?",
                    "timestamp": 1795530539461,
                    "time_to_live": 300,
                }
            ]
        },
    )
]
FETCHED = [request_example("profile", {"profile_id": "A1B2C3"}), response_example("challenge", SEALED)]
SCANNED = [
    request_example("scanned", {"profile_id": "A1B2C3", "otp": "eyJ0cmFuc2FjdGlvbl9pZCI6"}),
    response_example("challenge", SEALED),
]
ANSWERED = [request_example("answer", SEALED), response_example("approved", {"status": "authenticated"})]
CODE_FETCHED = [request_example("credential", SEALED), response_example("code", SEALED)]
