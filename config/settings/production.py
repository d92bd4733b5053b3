"""Production: keys come from the environment, and nothing starts without them."""

from config.settings.base import *  # noqa: F403
from config.settings.base import _https, env
from config.settings.keys import encryption_keys, required

SECRET_KEY = required(env, "SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
FIELD_ENCRYPTION_KEYS = encryption_keys(required(env, "FIELD_ENCRYPTION_KEYS"))

SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
