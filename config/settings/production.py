"""Production: keys come from the environment, and nothing starts without them."""

from config.settings.base import *  # noqa: F403
from config.settings.base import TRUSTED_PROXIES, _https, env
from config.settings.keys import encryption_keys, required

SECRET_KEY = required(env, "SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
FIELD_ENCRYPTION_KEYS = encryption_keys(required(env, "FIELD_ENCRYPTION_KEYS"))

if _https and TRUSTED_PROXIES:
    # TLS ends at the proxy. Who lies about it towards the server gets stricter checks, and nothing else.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
