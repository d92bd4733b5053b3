"""Settings of drf-spectacular for the API description."""

SETTINGS = {
    "TITLE": "Countersign",
    "DESCRIPTION": (
        "Mobile authentication: portals request authentications, users approve them on their devices, and portals get "
        "callbacks."
    ),
    # Docstrings are for developers of the server.
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"AuthenticationMethodEnum": "apps.transactions.models.Method.values"},
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "client": {"type": "http", "scheme": "basic", "description": "Client id and secret of an API client."},
            "device": {"type": "http", "scheme": "bearer", "description": "The device token from enrolment."},
        }
    },
}
