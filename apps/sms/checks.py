"""What is missing in the gateway's settings: `manage.py check --deploy` says it before the first message fails."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.translation import gettext as _

from apps.sms import services as sms

PREFIX = "TOKEN_SERVER_ENGINE_SMS_GATEWAY_"
REQUIRED_SETTINGS = {
    "twilio": ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER"],
    "rest": ["REST_URL"],
}


# Only with --deploy: who sends no text messages needs none of this, and would read it with every command.
@checks.register(deploy=True)
def check_settings(**_options: Any) -> list[checks.CheckMessage]:
    """Return a warning for each environment variable that the named gateway needs and does not have."""
    return [
        checks.Warning(
            _("%(variable)s is not set: no text message can be sent.") % {"variable": PREFIX + name},
            hint=_("Set it, or name another gateway (docs/sms-gateways.md)."),
            id="sms.W001",
        )
        for name in REQUIRED_SETTINGS.get(settings.SMS_GATEWAY, [])
        if not getattr(settings, f"SMS_GATEWAY_{name}")
    ]


@checks.register(deploy=True)
def check_gateway(**_options: Any) -> list[checks.CheckMessage]:
    """Return an error when the named gateway cannot be loaded."""
    try:
        sms.get_gateway()
    except (ImportError, TypeError) as error:
        text = _("The SMS gateway “%(name)s” cannot be loaded: %(reason)s.")
        return [checks.Error(text % {"name": settings.SMS_GATEWAY, "reason": error}, id="sms.E001")]
    return []
