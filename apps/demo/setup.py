"""Configuration of the server for the demo, with a configuration file."""

import secrets
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext as _

from apps.applications.models import ApiClient, ApplicationVersion
from apps.callbacks.models import CallbackEndpoint
from apps.configuration import services as configuration
from apps.demo import fcm, store
from apps.demo.portal import SHOP, USER_ID, CodeLimits
from apps.demo.visit import SignInMethod
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.push.models import Platform, PushMessagingConfiguration
from apps.push.providers.web_push import vapid
from apps.transactions.types import Method, MobileAuthenticationType

CLIENT_ID = "demo-portal"
APPLICATION = "demo"
VERSION = {"platform": "android", "version": "1.0.0"}
WEB_VERSION = {"platform": "web", "version": "1.0.0"}
TYPE = "login"
TYPES = {
    SignInMethod.PUSH: TYPE,
    SignInMethod.PIN: "login-pin",
    SignInMethod.FINGERPRINT: "login-fingerprint",
    SignInMethod.PAYMENT: "payment",
    SignInMethod.CODE: "login-code",
    SignInMethod.SMS: "login-sms",
    SignInMethod.OTP: "scan",
}
MAX_PIN_ATTEMPTS = 3
MAX_ATTEMPTS, MAX_RESENDS = 3, 2
PUSH_CONFIGURATION, WEB_PUSH_CONFIGURATION = "demo-fcm", "demo-web-push"
PUSH_CONFIGURATIONS = (PUSH_CONFIGURATION, WEB_PUSH_CONFIGURATION)
# Push services receive it with each message.
CONTACT = "mailto:countersign-demo@example.com"
CALLBACK_USERNAME = "countersign"
ADMINISTRATOR = "admin"
TIME_TO_LIVE_SECONDS = 120


def server() -> str:
    return f"http://127.0.0.1:{settings.PORT}"


def callback_uri(base_url: str) -> str:
    return f"{base_url}/demo/callback"


def configure(*, reset: bool = False) -> list[str]:
    """Configure the server for the demo and return one line for each change. The function is idempotent.

    Existing items stay unchanged, even if an administrator has edited them. `reset` restores the configuration of the
    demo and resets the demo in the web process.
    """
    stored = store.read(store.SETUP)
    values = {**_new_secrets(), **stored, "server": server()}
    changes = []
    if stored != values or reset or not _is_configured(values):
        changes += configuration.import_configuration(_configuration(values))
        changes += _delete_old_callback_endpoint(stored.get("server", ""))
    if not store.read(store.STATE):
        changes += _delete_lost_profiles()
    changes += _ensure_administrator(values)
    if stored != values:
        store.write(store.SETUP, values)
    if reset:
        store.request_reset()
        changes.append(_("The demo starts over."))
    return changes


def console_password() -> str:
    """Return the password of the administrator from the last `configure`."""
    return str(store.read(store.SETUP)["administrator_password"])


def _new_secrets() -> dict[str, Any]:
    """Make what a first run needs; later runs keep theirs."""
    if (stored := store.read(store.SETUP)).get("service_account"):
        # A run before the web phone has no key.
        return {} if "vapid_private_key" in stored else {"vapid_private_key": vapid.generate_private_key()}
    return {
        "vapid_private_key": vapid.generate_private_key(),
        "client_secret": secrets.token_urlsafe(32),
        "callback_password": secrets.token_urlsafe(32),
        "administrator_password": secrets.token_urlsafe(12),
        "service_account": fcm.service_account(""),
    }


def _is_configured(values: dict[str, Any]) -> bool:
    """Return True if all items of the demo exist, for this server and with these secrets."""
    client = ApiClient.objects.filter(client_id=CLIENT_ID).first()
    return (
        client is not None
        and client.has_secret(values["client_secret"])
        and MobileAuthenticationType.objects.filter(name__in=TYPES.values()).count() == len(TYPES)
        and all(
            ApplicationVersion.objects.filter(application__identifier=APPLICATION, **version).exists()
            for version in (VERSION, WEB_VERSION)
        )
        and PushMessagingConfiguration.objects.filter(name__in=PUSH_CONFIGURATIONS).count() == len(PUSH_CONFIGURATIONS)
        and CallbackEndpoint.objects.filter(url=callback_uri(values["server"])).exists()
    )


def _configuration(values: dict[str, Any]) -> dict[str, Any]:
    """Build the demo's configuration file. Its FCM endpoint is the fake in the web process."""
    fcm_url, account = f"{values['server']}/demo/fcm", values["service_account"]
    return {
        "features": {"transaction_signing": True},
        # Visitors of the demo start and deny more authentications than users.
        "general": {"max_pushes_without_success": 1000, "sms_per_number_per_hour": 100},
        "api_clients": [
            {
                "name": "Demo portal",
                "client_id": CLIENT_ID,
                "client_secret": values["client_secret"],
                "apis": ["mobile_authentication", "end_user"],
            }
        ],
        "push_messaging_configurations": [
            {
                "name": PUSH_CONFIGURATION,
                "platform": VERSION["platform"],
                "fcm_api_version": "http_v1",
                "service_account": {**account, "token_uri": fcm_url + fcm.TOKEN_PATH},
                "endpoint": fcm_url + fcm.send_path(account["project_id"]),
            },
            {
                "name": WEB_PUSH_CONFIGURATION,
                "platform": WEB_VERSION["platform"],
                "contact": CONTACT,
                "vapid_private_key": values["vapid_private_key"],
            },
        ],
        "applications": [
            {
                "identifier": APPLICATION,
                "name": SHOP,
                "pin_enabled": True,
                "max_pin_attempts": MAX_PIN_ATTEMPTS,
                "fingerprint_enabled": True,
                "web_phone": True,
                "versions": [
                    {**VERSION, "status": "enabled", "push_messaging_configuration": PUSH_CONFIGURATION},
                    {**WEB_VERSION, "status": "enabled", "push_messaging_configuration": WEB_PUSH_CONFIGURATION},
                ],
            }
        ],
        "mobile_authentication_types": [
            _push_type(SignInMethod.PUSH, Method.PUSH, f"Sign in to {SHOP}?"),
            _push_type(SignInMethod.PIN, Method.PUSH_WITH_PIN, f"Sign in to {SHOP}?"),
            _push_type(SignInMethod.FINGERPRINT, Method.PUSH_WITH_FINGERPRINT, f"Sign in to {SHOP}?"),
            {
                **_push_type(SignInMethod.PAYMENT, Method.PUSH_WITH_FINGERPRINT, f"Pay {SHOP}?"),
                "transaction_signing": True,
            },
            {
                **_push_type(SignInMethod.CODE, Method.PUSH_WITH_PIN, f"Show a code for {SHOP}?"),
                "code_to_phone": True,
                "max_attempts": MAX_ATTEMPTS,
            },
            {
                "name": TYPES[SignInMethod.SMS],
                "method": Method.SMS.value,
                "time_to_live": TIME_TO_LIVE_SECONDS,
                "max_attempts": MAX_ATTEMPTS,
                "max_resends": MAX_RESENDS,
                "sms_sender_id": SHOP,
                "default_messages": {"en": f"{{code}} is your {SHOP} code. Never share it."},
            },
            {"name": TYPES[SignInMethod.OTP], "method": Method.OTP.value, "time_to_live": TIME_TO_LIVE_SECONDS},
        ],
        "callback_endpoints": [
            {
                "url": callback_uri(values["server"]),
                "username": CALLBACK_USERNAME,
                "password": values["callback_password"],
            }
        ],
    }


def _push_type(way: SignInMethod, method: Method, message: str) -> dict[str, Any]:
    return {
        "name": TYPES[way],
        "method": method.value,
        "time_to_live": TIME_TO_LIVE_SECONDS,
        "default_messages": {"en": message},
    }


def code_limits(method: SignInMethod) -> CodeLimits:
    """Return the current limits of the type of a method, which an administrator can have changed."""
    mobile_type = MobileAuthenticationType.objects.filter(name=TYPES[method]).first()
    if mobile_type is None:
        return CodeLimits(MAX_ATTEMPTS, MAX_RESENDS)
    return CodeLimits(mobile_type.max_attempts, mobile_type.max_resends)


def browser_profile() -> Profile | None:
    """Return the newest profile of Anna in a browser, with its device and push enrolment, or None."""
    profiles = Profile.objects.filter(
        user_id=USER_ID,
        server_key__isnull=False,
        device__version__application__identifier=APPLICATION,
        device__version__platform=Platform.WEB,
    )
    return profiles.select_related("device", "push_enrollment").order_by("-created_at").first()


def _delete_old_callback_endpoint(old_server: str) -> list[str]:
    """Delete the callback endpoint of an earlier PORT."""
    if not old_server or old_server == server():
        return []
    deleted, _by_model = CallbackEndpoint.objects.filter(url=callback_uri(old_server)).delete()
    return [_("callback endpoint %(url)s: removed") % {"url": callback_uri(old_server)}] if deleted else []


def _delete_lost_profiles() -> list[str]:
    """Unenrol phones whose keys were deleted with VAR_DIR/demo, because they would block a new enrolment."""
    lost_profiles = Profile.objects.filter(user_id=USER_ID, device__version__application__identifier=APPLICATION)
    lines = []
    for profile in lost_profiles.select_related("device"):
        enrollment.unenroll(profile)
        lines.append(_("device %(name)s: removed") % {"name": profile.device.name})
    return lines


def _ensure_administrator(values: dict[str, Any]) -> list[str]:
    """Create the administrator with the printed password, or reset it.

    A digest of the password hash avoids a slow verification at every start.
    """
    model = get_user_model()
    user = model.objects.filter(username=ADMINISTRATOR).first() or model(username=ADMINISTRATOR)
    is_administrator = user.is_active and user.is_staff and user.is_superuser
    if is_administrator and _password_digest(user) == values.get("administrator_digest"):
        return []
    user.is_active = user.is_staff = user.is_superuser = True
    user.set_password(values["administrator_password"])
    user.save()
    values["administrator_digest"] = _password_digest(user)
    return [_("administrator %(name)s: ready") % {"name": ADMINISTRATOR}]


def _password_digest(user: AbstractBaseUser) -> str:
    return sha256(user.password.encode()).hexdigest()
