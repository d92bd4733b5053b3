"""Settings of every installation. docs/configuration.md describes the environment variables."""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from apps.console.content_security import POLICY
from apps.outbox.queues import QUEUES
from config import openapi
from config.logging import logging_settings
from config.settings import service_urls
from config.settings.environment import Environment
from config.settings.proxy import external_proxy

# Files under VAR_DIR (database, logs, keys) are readable by the user of the process only.
os.umask(0o077)

env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = env.directory("VAR_DIR", default=BASE_DIR / "var")

DEBUG = False
HOST = env.str("HOST", default="0.0.0.0").strip()  # noqa: S104 - in a container, the network is that of the container
PORT = env.integer("PORT", default=8000, maximum=65_535)
WEB_WORKERS = env.integer("WEB_WORKERS", default=1, maximum=1000)
# Limits of each web process: in total, and for one IP address (IPv6: one /64) that is not a trusted proxy.
WEB_MAX_CONNECTIONS = env.integer("WEB_MAX_CONNECTIONS", default=5000, minimum=16, maximum=1_000_000)
WEB_MAX_CONNECTIONS_PER_ADDRESS = env.integer("WEB_MAX_CONNECTIONS_PER_ADDRESS", default=500, maximum=1_000_000)
PUBLIC_URL = env.site_url("PUBLIC_URL", default=f"http://localhost:{PORT}")
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[urlsplit(PUBLIC_URL).hostname or "localhost", "localhost", "127.0.0.1", "[::1]"]
)
# Origin of the web phone, if it has its own, and the directory of its files.
PHONE_URL = env.origin("PHONE_URL", other_than=PUBLIC_URL)
if PHONE_URL:
    ALLOWED_HOSTS = [*ALLOWED_HOSTS, str(urlsplit(PHONE_URL).hostname)]
PHONE_DIR = Path(env.str("PHONE_DIR", default=str(BASE_DIR / "clients" / "web-phone" / "dist"))).resolve()
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", default=[])
METRICS_ALLOWED = env.networks("METRICS_ALLOWED", default=["127.0.0.0/8", "::1"])
# Interval at which a process adds its event counters to the table. None: only on request, in tests.
EVENT_COUNTER_FLUSH_SECONDS: float | None = 5.0
# The access log has a line for each request, except successful probes.
ACCESS_LOG = env.boolean("ACCESS_LOG", default=True)
LOG_FORMAT = env.choice("LOG_FORMAT", ("json", "text"), default="json")
LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")

# "Try it out" in the API description sends requests to this server.
API_TRY_IT_OUT = env.boolean("API_TRY_IT_OUT", default=False)
# Site of the documentation elsewhere, and the directory of the site that this server has below /docs/.
DOCUMENTATION_URL = env.optional_site_url("DOCUMENTATION_URL")
DOCUMENTATION_DIR = Path(env.str("DOCUMENTATION_DIR", default=str(VAR_DIR / "docs"))).resolve()
MESSAGE_MAX_LENGTH = env.integer("MESSAGE_MAX_LENGTH", default=155)
# Languages of the default messages in the console.
SUPPORTED_LOCALES = [
    code.strip() for code in env.list("TOKEN_SERVER_ADMIN_GENERAL_SUPPORTED_LOCALES", default=["en"]) if code.strip()
]
CALLBACKS_ALLOW_PRIVATE_ADDRESSES = env.boolean("CALLBACKS_ALLOW_PRIVATE_ADDRESSES", default=False)

# URLs of APNs. Tests and gateways use other URLs and trusted certificates (PEM).
PUSH_APNS_PRODUCTION_URL = env.site_url("PUSH_APNS_PRODUCTION_URL", default="https://api.push.apple.com")
PUSH_APNS_DEVELOPMENT_URL = env.site_url("PUSH_APNS_DEVELOPMENT_URL", default="https://api.sandbox.push.apple.com")
PUSH_APNS_CA_FILE = env.str("PUSH_APNS_CA_FILE", default="")

# Hosts of push services to which Web Push is sent: of Chrome, Samsung Internet and Edge on Android; of other builds of
# Chromium; of Edge on Windows, Firefox and Safari.
WEB_PUSH_HOSTS = env.hosts(
    "WEB_PUSH_HOSTS",
    default=[
        "fcm.googleapis.com",
        "jmt17.google.com",
        "*.notify.windows.com",
        "updates.push.services.mozilla.com",
        "*.push.apple.com",
    ],
)
WEB_PUSH_CA_FILE = env.str("WEB_PUSH_CA_FILE", default="")

# SMS gateway: its name (twilio, rest, console) or the dotted path of a class, and its settings.
SMS_GATEWAY = env.str("TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY", default="twilio")
SMS_GATEWAY_TWILIO_ACCOUNT_SID = env.str("TOKEN_SERVER_ENGINE_SMS_GATEWAY_TWILIO_ACCOUNT_SID", default="")
SMS_GATEWAY_TWILIO_AUTH_TOKEN = env.str("TOKEN_SERVER_ENGINE_SMS_GATEWAY_TWILIO_AUTH_TOKEN", default="")
SMS_GATEWAY_TWILIO_FROM_NUMBER = env.str("TOKEN_SERVER_ENGINE_SMS_GATEWAY_TWILIO_FROM_NUMBER", default="")
SMS_GATEWAY_TWILIO_API_URL = env.str(
    "TOKEN_SERVER_ENGINE_SMS_GATEWAY_TWILIO_API_URL", default="https://api.twilio.com"
).rstrip("/")
SMS_GATEWAY_REST_URL = env.str("TOKEN_SERVER_ENGINE_SMS_GATEWAY_REST_URL", default="")
SMS_GATEWAY_REST_USERNAME = env.str("TOKEN_SERVER_ENGINE_SMS_GATEWAY_REST_USERNAME", default="")
SMS_GATEWAY_REST_PASSWORD = env.str("TOKEN_SERVER_ENGINE_SMS_GATEWAY_REST_PASSWORD", default="")
EXTERNAL_PROXY = external_proxy(env)

# Location database in MaxMind's format. It is used if no geolocation service is configured.
GEOCONTEXT_DATABASE = env.str("GEOCONTEXT_DATABASE", default="")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "config",
    "apps.console",
    "apps.console.apps.AdminSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "solo",
    "axes",
    "csp",
    "django_otp",
    "django_otp_webauthn",
    "apps.outgoing",
    "apps.outbox",
    "apps.events",
    "apps.system",
    "apps.staff",
    "apps.push",
    "apps.sms",
    "apps.otp",
    "apps.callbacks",
    "apps.geocontext",
    "apps.applications",
    "apps.enrollment",
    "apps.transactions",
    "apps.api",
    "apps.ciba",
    "apps.integrations",
    "apps.configuration",
]

MIDDLEWARE = [
    "apps.api.request_metrics.RequestMetricsMiddleware",
    "apps.common.caller.CallerMiddleware",
    "apps.api.access_log.AccessLogMiddleware",
    "apps.api.device.cross_origin.CrossOriginMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.web_phone.middleware.PhoneMiddleware",
    "apps.console.content_security.ContentSecurityMiddleware",
    "apps.console.documentation.middleware.DocumentationMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "apps.api.health.HostMiddleware",
    "apps.api.request_target.RequestTargetMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
# Clients use exact paths: a redirect would change their POST to a GET.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": env.database("DATABASE_URL", default=f"sqlite:///{quote(str(VAR_DIR / 'countersign.sqlite3'))}")
}
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database.setdefault("OPTIONS", {}).update(
        # Writers wait for the file lock at the start of a transaction, instead of failing in the middle.
        transaction_mode="IMMEDIATE",
        timeout=20,
        init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    )
else:
    # Worker threads use a connection only to claim and to record deliveries, so a small pool serves many threads.
    _database.setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    # The pool doubles its reconnect delays. A short timeout prevents delays of minutes after a long outage.
    _database["OPTIONS"].setdefault("pool", {"min_size": 1, "max_size": 16, "timeout": 5, "reconnect_timeout": 5})
    # The same few statements run repeatedly. Preparing them reduces the load of PostgreSQL by a quarter.
    _database["OPTIONS"].setdefault("server_side_binding", True)
    _database["OPTIONS"].setdefault("prepare_threshold", 3)
    # After a restart of the database, broken connections are replaced before a request uses them.
    _database["ENGINE"] = "config.postgresql"
_database["CONN_MAX_AGE"] = None if _database["ENGINE"] == "django.db.backends.sqlite3" else 0
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Configuration that requests read is cached for a second, so that a change takes effect in all processes within two.
CONFIGURATION_CACHE_SECONDS = 1.0
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

BROKER_URL = env.broker("BROKER_URL", default="")
CELERY_APPLICATION = "config.celery.app"
CELERY_BROKER_URL = BROKER_URL
CELERY_BROKER_USE_SSL = service_urls.broker_tls(BROKER_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A cancelled notification loses no delivery. Without this setting, Celery warns at every lost connection.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_TIMEOUT = 1
# Notifications are not retried: workers also poll the database for due deliveries.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
}
CELERY_TASK_ROUTES = {queue.task: {"queue": queue.name} for queue in QUEUES}
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# Lockout after failed sign-ins to the console: for one IP address, and for a user name at all addresses.
AXES_FAILURE_LIMIT = 5
STAFF_ACCOUNT_FAILURE_LIMIT = 50
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_HANDLER = "apps.staff.lockout.LockoutHandler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "username"]
AXES_LOCKOUT_CALLABLE = "apps.staff.lockout.locked_response"
AXES_CLIENT_IP_CALLABLE = "apps.staff.lockout.client_address"
AXES_RESET_ON_SUCCESS = True
# Attempts during a lockout do not extend it, because the page shows its end.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# axes stores the submitted form: passwords and user names are redacted.
AXES_SENSITIVE_PARAMETERS = ["username", "old_password", "new_password1", "new_password2", "csrfmiddlewaretoken"]
AXES_USERNAME_CALLABLE = "apps.staff.lockout.username_hash"
# Sign-ins are recorded as audit events.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# Whether the second factor of staff is required, and the relying party of their passkeys.
STAFF_SECOND_FACTOR = env.choice("STAFF_SECOND_FACTOR", ("optional", "required"), default="optional")
OTP_WEBAUTHN_RP_NAME = "Countersign"
OTP_WEBAUTHN_RP_ID = urlsplit(PUBLIC_URL).hostname or "localhost"
OTP_WEBAUTHN_ALLOWED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(PUBLIC_URL))]
OTP_WEBAUTHN_ALLOW_PASSWORDLESS_LOGIN = False
# Browsers do not allow passkeys over plain HTTP, so the check of the URL scheme is not needed at start-up.
SILENCED_SYSTEM_CHECKS = ["otp_webauthn.E031"]

SESSION_ENGINE = "apps.staff.session_store"
_https = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
# A console session expires after a working day, or after half an hour without a request (apps/staff/sessions.py).
CONSOLE_SESSION_SECONDS = env.integer("CONSOLE_SESSION_SECONDS", default=8 * 3600)
CONSOLE_IDLE_SECONDS = env.integer("CONSOLE_IDLE_SECONDS", default=1800)
SESSION_COOKIE_AGE = CONSOLE_IDLE_SECONDS
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CONTENT_SECURITY_POLICY = POLICY
SECURE_REFERRER_POLICY = "same-origin"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("nl", _("Dutch")), ("de", _("German")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
# Static files are served from the packages, so `collectstatic` is not needed.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# The largest uploads are service accounts; a sealed message is at most 64 KiB.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["apps.api.renderers.Utf8JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.api.parsers.StrictJsonParser"],
    "DEFAULT_SCHEMA_CLASS": "apps.api.operations.OperationSchema",
    "EXCEPTION_HANDLER": "apps.api.exceptions.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "apps.api.renderers.JsonNegotiation",
}

SPECTACULAR_SETTINGS = {**openapi.SETTINGS, "SERVERS": [{"url": PUBLIC_URL, "description": "This server"}]}

LOGGING = logging_settings(LOG_LEVEL, LOG_FORMAT)

UNFOLD = {
    "SITE_TITLE": "Countersign",
    "SITE_HEADER": "Countersign",
    "SITE_SUBHEADER": _("Mobile authentication"),
    "SITE_URL": None,
    "SITE_ICON": lambda _request: static("console/mark.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("console/mark.svg")},
    ],
    "STYLES": [lambda _request: static("console/console.css")],
    "SCRIPTS": [lambda _request: static("console/console.js")],
    "LOGIN": {"image": lambda _request: static("console/sign-in.svg")},
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Second factor"), "link": reverse_lazy("admin:second_factor")},
        ]
    },
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {"navigation": "apps.console.menu.languages"},
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 195)",
            "100": "oklch(94% .035 195)",
            "200": "oklch(89% .065 195)",
            "300": "oklch(82% .095 195)",
            "400": "oklch(72% .11 195)",
            "500": "oklch(60% .105 195)",
            "600": "oklch(50% .09 195)",
            "700": "oklch(43% .075 195)",
            "800": "oklch(37% .06 195)",
            "900": "oklch(32% .05 195)",
            "950": "oklch(24% .04 195)",
        }
    },
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "apps.console.menu.navigation"},
}
