"""Development and the demo: keys are made on the first start and kept under VAR_DIR."""

from config.settings.base import *  # noqa: F403
from config.settings.base import INSTALLED_APPS, VAR_DIR, env
from config.settings.keys import development_keys, encryption_keys

_keys = development_keys(VAR_DIR / "keys.json")
SECRET_KEY = env.str("SECRET_KEY", default=_keys["SECRET_KEY"])
FIELD_ENCRYPTION_KEYS = encryption_keys(env.str("FIELD_ENCRYPTION_KEYS", default=_keys["FIELD_ENCRYPTION_KEYS"]))
CALLBACKS_ALLOW_PRIVATE_ADDRESSES = env.switch("CALLBACKS_ALLOW_PRIVATE_ADDRESSES", default=True)

SMS_GATEWAY = env.str("TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY", default="console")

INSTALLED_APPS = [*INSTALLED_APPS, "apps.demo"]
