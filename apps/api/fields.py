"""Fields of request bodies with stricter validation than those of the REST framework."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


class StrictCharField(serializers.CharField):
    """Text field that rejects numbers and booleans instead of converting them."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"$ref": "#/components/schemas/KeySet"})
class KeySetField(serializers.DictField):
    """Field of a JWK Set. Its members are validated with the key, so that all defects have the same error."""


JSON_OBJECT = {"$ref": "#/components/schemas/JsonObject"}


@extend_schema_field(JSON_OBJECT)
class JsonObjectField(serializers.DictField):
    """Field of a JSON object whose members depend on the context."""


class SealedField(StrictCharField):
    """Field of a sealed message. It accepts any text: opening it reports all defects with the same error."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **kwargs)

    def run_validators(self, value: Any) -> None:
        """Skip the validators: their errors would make different defects distinguishable."""
