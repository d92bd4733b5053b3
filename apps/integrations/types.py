"""Mobile authentication types that Keycloak can use: its channel shows nothing to the user and asks for nothing."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from apps.integrations.apps import KEYCLOAK
from apps.transactions.request.channels import Channel
from apps.transactions.types import PUSH_METHODS, MobileAuthenticationType

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

CHANNEL = Channel(KEYCLOAK)


def unsupported_reason(mobile_type: MobileAuthenticationType) -> "StrPromise | None":
    """Return why Keycloak cannot use a type, or None."""
    if mobile_type.method not in PUSH_METHODS:
        return _("Keycloak can only use push types: it shows no one-time password and asks for no code.")
    if mobile_type.code_to_phone:
        return _("Keycloak cannot use a type with code to phone: it asks the user for no code.")
    if mobile_type.number_matching_digits:
        return _("Keycloak cannot use a type with number matching: it does not show the number to the user.")
    if mobile_type.signing_data_required:
        return _("Keycloak cannot use a type that requires signing data: it sends none.")
    return None
