"""Serializer of the request of Keycloak. Members without a value are null; other members are ignored."""

from typing import Any

from rest_framework import serializers

from apps.api.fields import StrictCharField
from apps.enrollment.models import MAX_USER_ID_CHARACTERS

MAX_CHARACTERS = 2000
OPTIONAL: dict[str, Any] = {
    "required": False,
    "allow_null": True,
    "allow_blank": True,
    "trim_whitespace": False,
    "max_length": MAX_CHARACTERS,
}


class KeycloakAuthenticationSerializer(serializers.Serializer[Any]):
    login_hint = StrictCharField(max_length=MAX_USER_ID_CHARACTERS, trim_whitespace=False)
    binding_message = StrictCharField(**OPTIONAL)
    acr_values = StrictCharField(**OPTIONAL)
