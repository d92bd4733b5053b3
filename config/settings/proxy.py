"""The outgoing proxy, in the variables of the Onegini Token Server."""

import environ

from apps.common.http import Proxy


def external_proxy(env: environ.Env) -> Proxy | None:
    """Return the proxy for FCM, SMS gateways and geolocation services; None when it is switched off."""
    host = env.str("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_HOST", default="")
    if not env.bool("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_ENABLED_BOOLEAN", default=False) or not host:
        return None
    schema = env.str("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_SCHEMA", default="http")
    port = env.int("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_PORT", default=8080)
    return Proxy(
        url=f"{schema}://{host}:{port}",
        username=env.str("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_USERNAME", default=""),
        password=env.str("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_PASSWORD", default=""),
        preemptive=env.bool(
            "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_PREEMPTIVE_AUTH_ENABLED_BOOLEAN", default=False
        ),
    )
