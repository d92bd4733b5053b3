"""Settings of drf-spectacular: how the description of all APIs presents itself."""

SETTINGS = {
    "TITLE": "Countersign",
    "DESCRIPTION": "Mobile authentication: portals ask, users approve on their phones, portals are called back.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {"MethodEnum": "apps.transactions.models.Method.values"},
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "client": {"type": "http", "scheme": "basic", "description": "Client ID and secret of an API client."},
            "device": {"type": "http", "scheme": "bearer", "description": "The device token from enrolment."},
        }
    },
}
