"""Settings of drf-spectacular for the API description."""

from apps import VERSION

SETTINGS = {
    "TITLE": "Countersign",
    "DESCRIPTION": (
        "Mobile authentication: portals request authentications, users approve them on their devices, and portals get "
        "callbacks.\n\n"
        "Forms are in UTF-8 and have at most 100 fields; a body has at most 200 KiB. Errors have the body `Error`: "
        "programs use `error` or `error_code`, and people read `error_description`. All responses have the header "
        "`X-Request-Id`, and must not be cached, except metadata and keys of the issuer. Clients must ignore members "
        "that they do not know."
    ),
    "TAGS": [
        {"name": "Portal", "description": "Portal API: authentications of users, and callbacks."},
        {"name": "Users", "description": "User API: enrolment codes and devices of users."},
        {"name": "Events", "description": "Events API: the audit log."},
        {"name": "CIBA", "description": "OpenID Connect CIBA: authentications and tokens for standard clients."},
        {"name": "Device", "description": "Device API: enrolment, challenges and answers of devices."},
        {"name": "Identity providers", "description": "Authentications that an identity provider delegates."},
        {"name": "Portal (version 3)", "description": "Portal API that targets an application of the user."},
        {"name": "Portal (version 2)", "description": "Portal API that targets the user."},
        {"name": "Users (version 3)", "description": "User API with members in snake_case."},
    ],
    # Docstrings are for developers of the server.
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AuthenticationMethod": "apps.transactions.models.Method.values",
        "AuthenticatorType": "apps.enrollment.models.AuthenticatorType.values",
        "TokenType": "apps.enrollment.device_management.TOKEN_TYPES.values",
        "TypeMethod": "apps.api.portal.serializers.TYPE_METHODS",
        "Platform": "apps.push.models.Platform.values",
        "Reason": "apps.transactions.models.Reason.values",
        "TransactionStatus": "apps.transactions.models.Status.values",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.api.operations.complete",
    ],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "client": {
                "type": "http",
                "scheme": "basic",
                "description": (
                    "Client id and secret of an API client, as they are or form-urlencoded (RFC 6749). Operations with "
                    "a form also accept them as the fields `client_id` and `client_secret`."
                ),
            },
            "device": {
                "type": "http",
                "scheme": "bearer",
                "description": "The `device_token` that the device got when it enrolled.",
            },
            "keycloak": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "Token that the realm of the Keycloak integration has signed.",
            },
            "accessToken": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The `access_token` that a client of CIBA got for a user.",
            },
            "callback": {
                "type": "http",
                "scheme": "basic",
                "description": "Credentials of the callback endpoint, if it has any.",
            },
        }
    },
}
