"""Settings of tests: fixed keys, fast password hashing, callbacks to loopback addresses."""

from config.settings.base import *  # noqa: F403
from config.settings.base import DATABASES, INSTALLED_APPS, REST_FRAMEWORK, VAR_DIR
from config.settings.keys import encryption_keys

SECRET_KEY = "only-for-tests-" + "0" * 50
FIELD_ENCRYPTION_KEYS = encryption_keys("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
CALLBACKS_ALLOW_PRIVATE_ADDRESSES = True
DATABASES["default"]["TEST"] = (
    {"NAME": str(VAR_DIR / "test.sqlite3")} if "sqlite" in DATABASES["default"]["ENGINE"] else {}
)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [*INSTALLED_APPS, "apps.demo"]
ACCESS_LOG = False
# No background thread uses the database of a test.
EVENT_COUNTER_FLUSH_SECONDS = None
# Every test client would scan all static files at its start.
WHITENOISE_AUTOREFRESH = True
# Changes of the configuration take effect immediately.
CONFIGURATION_CACHE_SECONDS = 0.0
REST_FRAMEWORK = {**REST_FRAMEWORK, "TEST_REQUEST_DEFAULT_FORMAT": "json"}
