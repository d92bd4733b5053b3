"""Configuring the server for the demo, as an administrator would: with a configuration file."""

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
from apps.demo.portal import SHOP, USER_ID, Limits
from apps.demo.visit import Way
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.push.models import PushMessagingConfiguration
from apps.transactions.types import Method, MobileAuthenticationType

CLIENT_ID = "demo-portal"
APPLICATION = "demo"
VERSION = {"platform": "android", "version": "1.0.0"}
TYPE = "login"
TYPES = {
    Way.PUSH: TYPE,
    Way.PIN: "login-pin",
    Way.FINGERPRINT: "login-fingerprint",
    Way.PAYMENT: "payment",
    Way.SMS: "login-sms",
    Way.OTP: "scan",
}
MAX_PIN_ATTEMPTS = 3
MAX_ATTEMPTS, MAX_RESENDS = 3, 2
PUSH_CONFIGURATION = "demo-fcm"
CALLBACK_USERNAME = "countersign"
ADMINISTRATOR = "admin"
TIME_TO_LIVE_SECONDS = 120


def server() -> str:
    return f"http://127.0.0.1:{settings.PORT}"


def callback_uri(base_url: str) -> str:
    return f"{base_url}/demo/callback"


def configure(*, reset: bool = False) -> list[str]:
    """Make the server ready for the demo and return what changed, a line each. Doing it again changes nothing.

    What is in place is left alone, also when an administrator has changed it; `reset` writes the demo's own
    configuration again and has the web process start the demo over.
    """
    kept = store.read(store.SETUP)
    wanted = {**_new_secrets(), **kept, "server": server()}
    changes = []
    if kept != wanted or reset or not _is_in_place(wanted):
        changes += configuration.import_configuration(_file(wanted))
        changes += _drop_old_callback_endpoint(kept.get("server", ""))
    if not store.read(store.LIVE):
        changes += _drop_lost_phones()
    changes += _administrator(wanted)
    if kept != wanted:
        store.write(store.SETUP, wanted)
    if reset:
        store.wish_for_reset()
        changes.append(_("The demo starts over."))
    return changes


def console_password() -> str:
    """Return the password of the console's administrator, as the last `configure` made it."""
    return str(store.read(store.SETUP)["administrator_password"])


def _new_secrets() -> dict[str, Any]:
    """Make what a first run needs; later runs keep theirs."""
    if store.read(store.SETUP).get("service_account"):
        return {}
    return {
        "client_secret": secrets.token_urlsafe(32),
        "callback_password": secrets.token_urlsafe(32),
        "administrator_password": secrets.token_urlsafe(12),
        "service_account": fcm.service_account(""),
    }


def _is_in_place(wanted: dict[str, Any]) -> bool:
    """Say whether everything that the demo needs exists, for this address and with these secrets."""
    client = ApiClient.objects.filter(client_id=CLIENT_ID).first()
    return (
        client is not None
        and client.has_secret(wanted["client_secret"])
        and MobileAuthenticationType.objects.filter(name__in=TYPES.values()).count() == len(TYPES)
        and ApplicationVersion.objects.filter(application__identifier=APPLICATION, **VERSION).exists()
        and PushMessagingConfiguration.objects.filter(name=PUSH_CONFIGURATION).exists()
        and CallbackEndpoint.objects.filter(url=callback_uri(wanted["server"])).exists()
    )


def _file(wanted: dict[str, Any]) -> dict[str, Any]:
    """Build the demo's configuration file. FCM is the stand-in that the web process serves."""
    google, account = f"{wanted['server']}/demo/fcm", wanted["service_account"]
    return {
        "features": {"transaction_signing": True},
        # Who tries things out starts and refuses more than people do.
        "general": {"max_pushes_without_success": 1000, "sms_per_number_per_hour": 100},
        "api_clients": [
            {
                "name": "Demo portal",
                "client_id": CLIENT_ID,
                "client_secret": wanted["client_secret"],
                "apis": ["mobile_authentication", "end_user"],
            }
        ],
        "push_messaging_configurations": [
            {
                "name": PUSH_CONFIGURATION,
                "platform": VERSION["platform"],
                "fcm_api_version": "http_v1",
                "service_account": {**account, "token_uri": google + fcm.TOKEN_PATH},
                "endpoint": google + fcm.send_path(account["project_id"]),
            }
        ],
        "applications": [
            {
                "identifier": APPLICATION,
                "name": SHOP,
                "pin_enabled": True,
                "max_pin_attempts": MAX_PIN_ATTEMPTS,
                "fingerprint_enabled": True,
                "versions": [{**VERSION, "status": "enabled", "push_messaging_configuration": PUSH_CONFIGURATION}],
            }
        ],
        "mobile_authentication_types": [
            _push_type(Way.PUSH, Method.PUSH, f"Sign in to {SHOP}?"),
            _push_type(Way.PIN, Method.PUSH_WITH_PIN, f"Sign in to {SHOP}?"),
            _push_type(Way.FINGERPRINT, Method.PUSH_WITH_FINGERPRINT, f"Sign in to {SHOP}?"),
            {
                **_push_type(Way.PAYMENT, Method.PUSH_WITH_FINGERPRINT, f"Pay {SHOP}?"),
                "transaction_signing": True,
            },
            {
                "name": TYPES[Way.SMS],
                "method": Method.SMS.value,
                "time_to_live": TIME_TO_LIVE_SECONDS,
                "max_attempts": MAX_ATTEMPTS,
                "max_resends": MAX_RESENDS,
                "sms_sender_id": SHOP,
                "default_messages": {"en": f"{{code}} is your {SHOP} code. Never tell it to anybody."},
            },
            {"name": TYPES[Way.OTP], "method": Method.OTP.value, "time_to_live": TIME_TO_LIVE_SECONDS},
        ],
        "callback_endpoints": [
            {
                "url": callback_uri(wanted["server"]),
                "username": CALLBACK_USERNAME,
                "password": wanted["callback_password"],
            }
        ],
    }


def _push_type(way: Way, method: Method, message: str) -> dict[str, Any]:
    return {
        "name": TYPES[way],
        "method": method.value,
        "time_to_live": TIME_TO_LIVE_SECONDS,
        "default_messages": {"en": message},
    }


def sms_limits() -> Limits:
    """Return the limits of the demo's type for text messages as they stand, which an administrator may have changed."""
    mobile_type = MobileAuthenticationType.objects.filter(name=TYPES[Way.SMS]).first()
    if mobile_type is None:
        return Limits(MAX_ATTEMPTS, MAX_RESENDS)
    return Limits(mobile_type.max_attempts, mobile_type.max_resends)


def _drop_old_callback_endpoint(old_server: str) -> list[str]:
    """The demo's address changed with PORT: its old callback endpoint is nobody's."""
    if not old_server or old_server == server():
        return []
    dropped, _by_model = CallbackEndpoint.objects.filter(url=callback_uri(old_server)).delete()
    return [_("callback endpoint %(url)s: removed") % {"url": callback_uri(old_server)}] if dropped else []


def _drop_lost_phones() -> list[str]:
    """A phone whose keys were deleted with VAR_DIR/demo would for ever stand in the way of a new one."""
    lost = Profile.objects.filter(user_id=USER_ID, device__version__application__identifier=APPLICATION)
    lines = []
    for profile in lost.select_related("device"):
        enrollment.unenroll(profile)
        lines.append(_("device %(name)s: removed") % {"name": profile.device.name})
    return lines


def _administrator(wanted: dict[str, Any]) -> list[str]:
    """Make sure that the printed password opens the console. Hashing is slow: a hash that was set here is trusted."""
    model = get_user_model()
    user = model.objects.filter(username=ADMINISTRATOR).first() or model(username=ADMINISTRATOR)
    as_it_should_be = user.is_active and user.is_staff and user.is_superuser
    if as_it_should_be and _digest(user) == wanted.get("administrator_digest"):
        return []
    user.is_active = user.is_staff = user.is_superuser = True
    user.set_password(wanted["administrator_password"])
    user.save()
    wanted["administrator_digest"] = _digest(user)
    return [_("administrator %(name)s: ready") % {"name": ADMINISTRATOR}]


def _digest(user: AbstractBaseUser) -> str:
    return sha256(user.password.encode()).hexdigest()
