"""System checks of the SMS gateway's settings, for `manage.py check --deploy`."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.translation import gettext as _

PREFIX = "TOKEN_SERVER_ENGINE_SMS_GATEWAY_"
REQUIRED_SETTINGS = {
    "twilio": ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER"],
    "rest": ["REST_URL"],
}


# Only with --deploy: a server without SMS needs no gateway, and other commands must not print these warnings.
@checks.register(deploy=True)
def check_settings(**_options: Any) -> list[checks.CheckMessage]:
    """Return a warning for each missing environment variable of the configured gateway."""
    return [
        checks.Warning(
            _("%(variable)s is not set. Text messages cannot be sent.") % {"variable": PREFIX + name},
            hint=_("Set it, or configure another gateway (docs/sms-gateways.md)."),
            id="sms.W001",
        )
        for name in REQUIRED_SETTINGS.get(settings.SMS_GATEWAY, [])
        if not getattr(settings, f"SMS_GATEWAY_{name}")
    ]


@checks.register(deploy=True)
def check_gateway(**_options: Any) -> list[checks.CheckMessage]:
    """Return an error if the configured gateway cannot be loaded."""
    from apps.sms import services as sms  # noqa: PLC0415 - 40 ms of every start, only for this check

    try:
        sms.get_gateway()
    except (ImportError, TypeError) as error:
        text = _("The SMS gateway “%(name)s” cannot be loaded: %(reason)s.")
        return [checks.Error(text % {"name": settings.SMS_GATEWAY, "reason": error}, id="sms.E001")]
    return []
