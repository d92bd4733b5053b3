"""Settings of production. The keys and PUBLIC_URL must be set in the environment."""

from config.settings.base import *  # noqa: F403
from config.settings.base import TRUSTED_PROXIES, _https, env
from config.settings.keys import (
    encryption_keys,
    require_strong_encryption_keys,
    require_strong_secret_key,
    required,
)

SECRET_KEY = required(env, "SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
FIELD_ENCRYPTION_KEYS = encryption_keys(required(env, "FIELD_ENCRYPTION_KEYS"))
require_strong_secret_key("SECRET_KEY", SECRET_KEY)
for _fallback in SECRET_KEY_FALLBACKS:
    require_strong_secret_key("SECRET_KEY_FALLBACKS", _fallback)
require_strong_encryption_keys(FIELD_ENCRYPTION_KEYS)

# Links for devices, cookies and passkeys depend on it: the default of base.py would break them.
required(env, "PUBLIC_URL")

if _https and TRUSTED_PROXIES:
    # TLS ends at the proxy. A client that forges the header only gets stricter checks.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
