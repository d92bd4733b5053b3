"""Parameters of an authentication request (CIBA Core 1.0, 7.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from apps.ciba import authorization_details, hints
from apps.ciba.authorization_details import AuthorizationDetails
from apps.ciba.errors import InvalidBindingMessage, InvalidScope, InvalidUserCode
from apps.ciba.models import CibaClient, DeliveryMode
from apps.common import errors
from apps.common.input_text import has_control_characters
from apps.transactions.request import messages
from apps.transactions.request.channels import Channel
from apps.transactions.types import MobileAuthenticationType

SCOPE = "openid"
SCOPE_CHARACTERS = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
# RFC 6750, 2.1.
BEARER_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
MAX_BEARER_CHARACTERS = 1024
MAX_EXPIRY_DIGITS = 9
KIND = "ciba"
CHANNEL = Channel(KIND, can_show_number=True)


@dataclass(frozen=True)
class Parameters:
    """Validated parameters. `types` are the types to try, in order. `requested_expiry` is in seconds, or None."""

    user_id: str
    types: list[MobileAuthenticationType]
    binding_message: str
    requested_expiry: int | None
    notification_token: str
    authorization_details: AuthorizationDetails | None


def read(form: Mapping[str, str], client: CibaClient) -> Parameters:
    """Return the validated parameters. Raises the error of the first invalid one."""
    _validate_scope(form)
    if "user_code" in form:
        raise InvalidUserCode
    return Parameters(
        notification_token=_notification_token(form, client),
        types=_types(form, client),
        binding_message=_binding_message(form),
        requested_expiry=_requested_expiry(form),
        authorization_details=_authorization_details(form, client),
        user_id=hints.user_id(form, client, settings.PUBLIC_URL),
    )


def _validate_scope(form: Mapping[str, str]) -> None:
    scope = required(form, "scope")
    if not SCOPE_CHARACTERS.fullmatch(scope) or SCOPE not in scope.split(" "):
        raise InvalidScope("The scope must be a list of names, separated by single spaces, that contains openid.")


def _notification_token(form: Mapping[str, str], client: CibaClient) -> str:
    """Return the bearer token for notifications. In poll mode, there are none."""
    if client.delivery_mode == DeliveryMode.POLL:
        return ""
    token = required(form, "client_notification_token")
    if len(token) > MAX_BEARER_CHARACTERS or not BEARER_TOKEN.fullmatch(token):
        raise _invalid("client_notification_token")
    return token


def _types(form: Mapping[str, str], client: CibaClient) -> list[MobileAuthenticationType]:
    """Return the types of `acr_values` that the client may use, in their order, or its default type."""
    allowed = {mobile_type.name: mobile_type for mobile_type in allowed_types(client)}
    if "acr_values" in form:
        names = dict.fromkeys(form["acr_values"].split(" "))
        types = [allowed[name] for name in names if name in allowed]
        if not types:
            raise errors.InvalidRequest("The parameter acr_values names no type that this client may use.")
        return types
    if client.default_type and client.default_type.name in allowed:
        return [client.default_type]
    if len(allowed) == 1:
        return list(allowed.values())
    raise errors.InvalidRequest("The parameter acr_values is missing, and this client has no usable default type.")


def allowed_types(client: CibaClient) -> list[MobileAuthenticationType]:
    """Return the types that a client may use, with its default type.

    CIBA has no field for a code, so types of SMS, of one-time passwords and with code to phone are left out.
    """
    types = {mobile_type.pk: mobile_type for mobile_type in client.types.all()}
    if client.default_type:
        types[client.default_type.pk] = client.default_type
    return [mobile_type for mobile_type in types.values() if CHANNEL.supports(mobile_type)]


def _binding_message(form: Mapping[str, str]) -> str:
    message = form.get("binding_message", "")
    if len(message) > settings.MESSAGE_MAX_LENGTH:
        raise InvalidBindingMessage(f"The binding message is longer than {settings.MESSAGE_MAX_LENGTH} characters.")
    if has_control_characters(message) or messages.clean(message) != message:
        raise InvalidBindingMessage("The binding message has characters that cannot be displayed.")
    return message


def _requested_expiry(form: Mapping[str, str]) -> int | None:
    text = form.get("requested_expiry")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > MAX_EXPIRY_DIGITS or int(text) == 0:
        raise _invalid("requested_expiry")
    return int(text)


def _authorization_details(form: Mapping[str, str], client: CibaClient) -> AuthorizationDetails | None:
    if "authorization_details" not in form:
        return None
    return authorization_details.parse(form["authorization_details"], client.authorization_details_types)


def required(form: Mapping[str, str], name: str) -> str:
    if name not in form:
        raise errors.InvalidRequest(f"The parameter {name} is missing.")
    return form[name]


def _invalid(name: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(f"The parameter {name} is invalid.")
