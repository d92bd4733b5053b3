"""Tests: fixed keys, quick password hashing, callbacks to the loopback allowed."""

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
# No thread of its own touches a test's database.
EVENT_COUNTER_FLUSH_SECONDS = None
# Every test has a client, which would look at every static file when it starts.
WHITENOISE_AUTOREFRESH = True
# A test that changes configuration sees it at once.
SOLO_CACHE = None  # type: ignore[assignment]
REST_FRAMEWORK = {**REST_FRAMEWORK, "TEST_REQUEST_DEFAULT_FORMAT": "json"}
