"""Serializers of the user API. Version 3 uses snake_case names and omits the model and the OS version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.api.fields import StrictCharField
from apps.common.clock import milliseconds
from apps.enrollment.device_management import TOKEN_TYPES
from apps.enrollment.models import KeyKind, Profile


@extend_schema_field(OpenApiTypes.INT64)
class MillisecondsField(serializers.Field[Any, Any, Any, Any]):
    """Timestamp in milliseconds since the epoch."""

    def to_representation(self, value: datetime) -> int:
        return milliseconds(value)


class EnrollmentCodeRequestSerializer(serializers.Serializer[Any]):
    application_id = StrictCharField(max_length=100)


class EnrollmentCodeSerializer(serializers.Serializer[Any]):
    """Enrolment code. `expires_at` is in milliseconds since the epoch."""

    enrollment_code = serializers.CharField()
    enrollment_uri = serializers.CharField()
    web_enrollment_uri = serializers.CharField(
        required=False, help_text="Link to the web phone, if the application has it."
    )
    expires_at = serializers.IntegerField()


class TokenTypesField(serializers.ListField):
    child = serializers.ChoiceField(choices=list(TOKEN_TYPES.values()))


class DeviceSerializer(serializers.Serializer[Any]):
    """Device of a user (version 4). Timestamps are in milliseconds since the epoch."""

    id = serializers.CharField()
    name = serializers.CharField()
    application = serializers.CharField(help_text="Name of the application.")
    model = serializers.CharField()
    platform = serializers.CharField(help_text="`android`, `ios` or `web`.")
    osVersion = serializers.CharField()  # noqa: N815 - a member's name
    createdAt = MillisecondsField()  # noqa: N815
    lastLogin = MillisecondsField()  # noqa: N815
    tokenTypes = TokenTypesField(help_text="Registered authenticators; DEFAULT is the PIN.")  # noqa: N815
    mobileAuthenticationEnabled = serializers.BooleanField()  # noqa: N815
    pushAuthenticationEnabled = serializers.BooleanField()  # noqa: N815
    keyKind = serializers.ChoiceField(  # noqa: N815
        choices=KeyKind.values, allow_null=True, help_text="Kind of the keys; null if they were removed."
    )


class DeviceV3Serializer(serializers.Serializer[Any]):
    """Device of a user (version 3). Timestamps are in milliseconds since the epoch."""

    id = serializers.CharField()
    name = serializers.CharField()
    application = serializers.CharField(help_text="Name of the application.")
    platform = serializers.CharField(help_text="`android`, `ios` or `web`.")
    created_at = MillisecondsField(source="createdAt")
    last_login = MillisecondsField(source="lastLogin")
    token_types = TokenTypesField(source="tokenTypes", help_text="Registered authenticators; DEFAULT is the PIN.")
    mobile_authentication_enabled = serializers.BooleanField(source="mobileAuthenticationEnabled")
    push_authentication_enabled = serializers.BooleanField(source="pushAuthenticationEnabled")


class DevicesSerializer(serializers.Serializer[Any]):
    devices = DeviceSerializer(many=True)


class DevicesV3Serializer(serializers.Serializer[Any]):
    devices = DeviceV3Serializer(many=True)


class NoDevicesSerializer(serializers.Serializer[Any]):
    """Response for a user without devices and for an unknown user."""

    error = serializers.CharField()


class DeleteDevicesSerializer(serializers.Serializer[Any]):
    delete = serializers.ListField(child=StrictCharField(trim_whitespace=False, allow_blank=True))


class DeviceStatusSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.ListField(child=serializers.CharField())


class NotDeletedSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = DeviceStatusSerializer()


class NotAllDeletedSerializer(serializers.Serializer[Any]):
    """Devices that could not be deleted. All others were deleted."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = NotDeletedSerializer(many=True)


NO_DEVICES = {"error": "No devices found"}


def serialize_not_deleted(profiles: Sequence[Profile]) -> dict[str, Any]:
    return {
        "code": "not_all_devices_deleted",
        "message": "Not all devices could be deleted.",
        "details": [
            {
                "id": profile.device.device_id,
                "status": {
                    "code": "device_not_deleted",
                    "message": "The device could not be deleted.",
                    "details": [],
                },
            }
            for profile in profiles
        ],
    }
