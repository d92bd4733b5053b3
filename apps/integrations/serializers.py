"""Serializer of the request of Keycloak. Members without a value are null."""

from typing import Any

from rest_framework import serializers

from apps.api.fields import StrictCharField
from apps.enrollment.models import MAX_USER_ID_CHARACTERS

MAX_CHARACTERS = 2000
OPTIONAL: dict[str, Any] = {
    "required": False, "allow_null": True, "allow_blank": True, "trim_whitespace": False, "max_length": MAX_CHARACTERS
}  # fmt: skip


class KeycloakAuthenticationSerializer(serializers.Serializer[Any]):
    login_hint = StrictCharField(
        max_length=MAX_USER_ID_CHARACTERS, trim_whitespace=False, help_text="User name at Keycloak."
    )
    binding_message = StrictCharField(**OPTIONAL, help_text="Message for the user, shown on the device.")
    acr_values = StrictCharField(**OPTIONAL, help_text="Names of mobile authentication types, separated by spaces.")
    scope = StrictCharField(**OPTIONAL, help_text="Scope of the client's request. It is not used.")
