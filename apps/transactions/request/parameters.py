"""Parameters of E3. They are validated in the order of the table of the API, and the first error is reported."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import partial

from django.utils.translation import gettext as _

from apps.callbacks import kinds
from apps.callbacks import services as callbacks
from apps.common import errors, short_cache
from apps.common.caller import is_address
from apps.common.input_text import has_control_characters, is_storable
from apps.common.urls import is_http_url
from apps.enrollment.models import MAX_USER_ID_CHARACTERS
from apps.system import services as system
from apps.transactions.request import messages, phone_numbers
from apps.transactions.request.channels import Channel
from apps.transactions.types import Method, MobileAuthenticationType

MAX_NAME_CHARACTERS = 100
MAX_DEVICE_ID_CHARACTERS = 64
MAX_SIGNING_DATA_CHARACTERS = 16_000
MAX_SECURE_MESSAGE_CHARACTERS = 4_000
MAX_USER_AGENT_CHARACTERS = 1_024
LANGUAGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}")


class ApiVersion(IntEnum):
    """Versions of the portal API. They select the device of a push by user, by application or by device."""

    V2 = 2
    V3 = 3
    V4 = 4


@dataclass(frozen=True)
class AuthenticationRequest:
    """Validated request of E3. `target` is the device id (v4) or the application (v3).

    `phone_number` is the unchanged parameter: a fallback validates it again.
    """

    version: ApiVersion
    mobile_type: MobileAuthenticationType
    user_id: str
    target: str
    callback_uri: str
    explicit_message: str
    message: str
    signing_data: str
    secure_message: str
    phone_number: str
    language: str
    ip_address: str
    user_agent: str
    channel: Channel | None = None

    @property
    def callback_kind(self) -> str:
        return self.channel.callback_kind if self.channel else kinds.PORTAL


# The parameter that selects the device, and its maximum length.
TARGET_PARAMETERS = {
    ApiVersion.V2: ("", 0),
    ApiVersion.V3: ("app_id", MAX_NAME_CHARACTERS),
    ApiVersion.V4: ("device_id", MAX_DEVICE_ID_CHARACTERS),
}


def validate(raw: Mapping[str, str], version: ApiVersion, channel: Channel | None = None) -> AuthenticationRequest:
    """Return the validated request. With a `channel`, the server has set the callback URL.

    Raises TypeNotFound, InvalidParameter, MessageTooLong or PhoneNumberRejected for the first error.
    """
    mobile_type = _type(_required(raw, "type", MAX_NAME_CHARACTERS))
    user_id = _user_id(raw, mobile_type)
    target = _target(raw, version)
    callback_uri = _callback_uri(raw, mobile_type, channel)
    language = raw.get("language_code", "")
    message = messages.from_request(raw.get("message", ""), mobile_type, language)
    signing_data = _signing_data(raw, mobile_type)
    secure_message = messages.clean(_text(raw, "secure_message", MAX_SECURE_MESSAGE_CHARACTERS))
    if mobile_type.method == Method.SMS and system.general().sms_authentication_enabled:
        phone_numbers.validate(raw.get("phone_number", ""))
    if language and not LANGUAGE.fullmatch(language):
        raise _invalid("language_code")
    if raw.get("ip_address") and not is_address(raw["ip_address"]):
        raise _invalid("ip_address")
    return AuthenticationRequest(
        version=version,
        mobile_type=mobile_type,
        user_id=user_id,
        target=target,
        callback_uri=callback_uri,
        explicit_message=messages.clean(raw.get("message", "")),
        message=message,
        signing_data=signing_data,
        secure_message=secure_message,
        phone_number=raw.get("phone_number", ""),
        language=language,
        ip_address=raw.get("ip_address", ""),
        user_agent=raw.get("user_agent", "")[:MAX_USER_AGENT_CHARACTERS],
        channel=channel,
    )


def _type(name: str) -> MobileAuthenticationType:
    mobile_type = short_cache.get((MobileAuthenticationType, name), partial(_load_type, name))
    if mobile_type is None:
        raise errors.TypeNotFound
    return mobile_type


def _load_type(name: str) -> MobileAuthenticationType | None:
    return MobileAuthenticationType.objects.filter(name=name).first()


def _user_id(raw: Mapping[str, str], mobile_type: MobileAuthenticationType) -> str:
    if mobile_type.method != Method.OTP:
        return _required_user_id(raw)
    if "user_id" in raw:
        raise errors.InvalidParameter(
            _("The parameter user_id must be omitted: the device that scans the one-time password identifies the user.")
        )
    return ""


def _required_user_id(raw: Mapping[str, str]) -> str:
    """Return the user id. It can contain all characters except NUL, as in the paths of the APIs."""
    _require(raw, "user_id")
    user_id = _text(raw, "user_id", MAX_USER_ID_CHARACTERS)
    if not is_storable(user_id):
        raise _invalid("user_id")
    return user_id


def _target(raw: Mapping[str, str], version: ApiVersion) -> str:
    name, limit = TARGET_PARAMETERS[version]
    return _optional(raw, name, limit) if name else ""


def _callback_uri(raw: Mapping[str, str], mobile_type: MobileAuthenticationType, channel: Channel | None) -> str:
    if channel:
        return raw.get("callback_uri", "")
    if mobile_type.method == Method.SMS:
        return ""
    _require(raw, "callback_uri")
    url = raw["callback_uri"]
    if not is_http_url(url):
        raise _invalid("callback_uri")
    if not callbacks.is_allowed(url):
        raise errors.InvalidParameter(_("The parameter callback_uri matches no allowed callback endpoint."))
    return url


def _signing_data(raw: Mapping[str, str], mobile_type: MobileAuthenticationType) -> str:
    """Return the signing data. It must not be changed, so deceptive text is rejected instead of cleaned."""
    signing_data = _text(raw, "signing_data", MAX_SIGNING_DATA_CHARACTERS)
    if messages.has_bidirectional_override(signing_data):
        raise errors.InvalidParameter(_("The parameter signing_data must not contain bidirectional overrides."))
    if is_signing_data_missing(signing_data, mobile_type):
        raise _missing("signing_data")
    return signing_data


def is_signing_data_missing(signing_data: str, mobile_type: MobileAuthenticationType) -> bool:
    """Return True if the type requires signing data and the request has none."""
    return mobile_type.signing_data_required and not signing_data and requires_signature(mobile_type)


def requires_signature(mobile_type: MobileAuthenticationType) -> bool:
    """Return True if the type requires a signature and the feature is on."""
    return mobile_type.transaction_signing and system.features().transaction_signing


def _require(raw: Mapping[str, str], name: str) -> None:
    if name not in raw:
        raise _missing(name)


def _required(raw: Mapping[str, str], name: str, limit: int) -> str:
    _require(raw, name)
    return _optional(raw, name, limit)


def _optional(raw: Mapping[str, str], name: str, limit: int) -> str:
    """Return the value of an identifier, or an empty string. Control characters are rejected."""
    value = _text(raw, name, limit)
    if has_control_characters(value):
        raise _invalid(name)
    return value


def _text(raw: Mapping[str, str], name: str, limit: int) -> str:
    value = raw.get(name, "")
    if len(value) > limit:
        raise errors.InvalidParameter(
            _("The parameter %(name)s is longer than %(limit)d characters.") % {"name": name, "limit": limit}
        )
    return value


def _missing(name: str) -> errors.InvalidParameter:
    return errors.InvalidParameter(messages.missing_text(name))


def _invalid(name: str) -> errors.InvalidParameter:
    return errors.InvalidParameter(_("The parameter %(name)s is invalid.") % {"name": name})
