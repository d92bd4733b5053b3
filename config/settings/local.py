"""Settings of development and the demo. Keys are generated at the first start and stored under VAR_DIR."""

from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS, VAR_DIR, env
from config.settings.keys import development_keys, encryption_keys, required

if env.str("DATABASE_URL", default=""):
    # Generated keys belong to the SQLite database under VAR_DIR, not to this database.
    SECRET_KEY = required(env, "SECRET_KEY")
    _encryption_keys = required(env, "FIELD_ENCRYPTION_KEYS")
else:
    _generated = development_keys(VAR_DIR / "keys.json")
    SECRET_KEY = env.str("SECRET_KEY", default=_generated["SECRET_KEY"])
    _encryption_keys = env.str("FIELD_ENCRYPTION_KEYS", default=_generated["FIELD_ENCRYPTION_KEYS"])
FIELD_ENCRYPTION_KEYS = encryption_keys(_encryption_keys)
API_TRY_IT_OUT = env.boolean("API_TRY_IT_OUT", default=True)
CALLBACKS_ALLOW_PRIVATE_ADDRESSES = env.boolean("CALLBACKS_ALLOW_PRIVATE_ADDRESSES", default=True)

SMS_GATEWAY = env.str("TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY", default="console")

INSTALLED_APPS = [*INSTALLED_APPS, "apps.demo"]
