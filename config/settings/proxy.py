"""The outgoing proxy, in the variables of the Onegini Token Server."""

from apps.outgoing.proxy import Proxy
from config.settings.environment import Environment


def external_proxy(env: Environment) -> Proxy | None:
    """Return the proxy for FCM, SMS gateways and geolocation services, or None if it is disabled."""
    host = env.str("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_HOST", default="")
    if not env.boolean("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_ENABLED_BOOLEAN", default=False) or not host:
        return None
    schema = env.choice("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_SCHEMA", ("http", "https"), default="http")
    port = env.integer("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_PORT", default=8080, maximum=65_535)
    return Proxy(
        url=f"{schema}://{host}:{port}",
        username=env.str("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_USERNAME", default=""),
        password=env.str("TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_PASSWORD", default=""),
        preemptive=env.boolean(
            "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_PREEMPTIVE_AUTH_ENABLED_BOOLEAN", default=False
        ),
    )
