"""Serializers of the user API. Version 3 uses snake_case names and omits the model and the OS version."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.api.fields import JsonObjectField, StrictCharField
from apps.common.clock import milliseconds
from apps.enrollment.device_management import TOKEN_TYPES
from apps.enrollment.models import Profile

CREATED_AT = "Time of the enrolment, in milliseconds since the epoch."
LAST_LOGIN = "Time of the last authentication, in milliseconds since the epoch."
ENROLLED = "True if the user's keys are enrolled on the device."
PUSH_ENROLLED = "True if the user can be reached by push on the device."


@extend_schema_field(OpenApiTypes.INT64)
class MillisecondsField(serializers.Field[Any, Any, Any, Any]):
    """Timestamp in milliseconds since the epoch."""

    def to_representation(self, value: datetime) -> int:
        return milliseconds(value)


class CreateEnrollmentCodeSerializer(serializers.Serializer[Any]):
    application_id = StrictCharField(max_length=100, help_text="Identifier of the application.")


class EnrollmentCodeSerializer(serializers.Serializer[Any]):
    """Enrolment code. `expires_at` is in milliseconds since the epoch."""

    enrollment_code = serializers.CharField(help_text="Enrolment code for the app.")
    enrollment_uri = serializers.CharField(help_text="Link with the enrolment code that opens the app.")
    web_enrollment_uri = serializers.CharField(
        required=False, help_text="Link to the web phone, if the application has it."
    )
    expires_at = serializers.IntegerField(help_text="End of the validity, in milliseconds since the epoch.")


class TokenTypesField(serializers.ListField):
    child = serializers.ChoiceField(choices=list(TOKEN_TYPES.values()))


class DeviceSerializer(serializers.Serializer[Any]):
    """Device of a user (version 4). Timestamps are in milliseconds since the epoch."""

    id = serializers.CharField(help_text="Id of the device: 64 hexadecimal digits in upper case.")
    name = serializers.CharField(help_text="Name of the device.")
    application = serializers.CharField(help_text="Name of the application.")
    model = serializers.CharField(help_text="Model of the device; empty if unknown.")
    platform = serializers.CharField(help_text="`android`, `ios` or `web`.")
    osVersion = serializers.CharField(  # noqa: N815 - a member's name
        help_text="Version of the operating system; empty if unknown."
    )
    createdAt = MillisecondsField(help_text=CREATED_AT)  # noqa: N815
    lastLogin = MillisecondsField(help_text=LAST_LOGIN)  # noqa: N815
    tokenTypes = TokenTypesField(help_text="Registered authenticators; DEFAULT is the PIN.")  # noqa: N815
    mobileAuthenticationEnabled = serializers.BooleanField(help_text=ENROLLED)  # noqa: N815
    pushAuthenticationEnabled = serializers.BooleanField(help_text=PUSH_ENROLLED)  # noqa: N815
    keyKind = serializers.CharField(  # noqa: N815
        allow_null=True, help_text="Kind of the keys: `jose` or `openpgp`; null if they were removed."
    )


class DeviceV3Serializer(serializers.Serializer[Any]):
    """Device of a user (version 3). Timestamps are in milliseconds since the epoch."""

    id = serializers.CharField(help_text="Id of the device: 64 hexadecimal digits in upper case.")
    name = serializers.CharField(help_text="Name of the device.")
    application = serializers.CharField(help_text="Name of the application.")
    platform = serializers.CharField(help_text="`android`, `ios` or `web`.")
    created_at = MillisecondsField(source="createdAt", help_text=CREATED_AT)
    last_login = MillisecondsField(source="lastLogin", help_text=LAST_LOGIN)
    token_types = TokenTypesField(source="tokenTypes", help_text="Registered authenticators; DEFAULT is the PIN.")
    mobile_authentication_enabled = serializers.BooleanField(source="mobileAuthenticationEnabled", help_text=ENROLLED)
    push_authentication_enabled = serializers.BooleanField(source="pushAuthenticationEnabled", help_text=PUSH_ENROLLED)


class DeviceListSerializer(serializers.Serializer[Any]):
    devices = DeviceSerializer(many=True, help_text="Devices of the user, oldest first.")


class DeviceListV3Serializer(serializers.Serializer[Any]):
    devices = DeviceV3Serializer(many=True, help_text="Devices of the user, oldest first.")


class NoDevicesSerializer(serializers.Serializer[Any]):
    """Response for a user without devices and for an unknown user."""

    error = serializers.CharField(help_text="`No devices found`.")


class DeleteDevicesSerializer(serializers.Serializer[Any]):
    delete = serializers.ListField(
        child=StrictCharField(trim_whitespace=False, allow_blank=True), help_text="Ids of the devices to delete."
    )


class NotAllDeletedSerializer(serializers.Serializer[Any]):
    """Devices that could not be deleted. All others were deleted."""

    code = serializers.CharField(help_text="`not_all_devices_deleted`.")
    message = serializers.CharField(help_text="Explanation for people.")
    details = serializers.ListField(
        child=JsonObjectField(),
        help_text="The devices that remain: `id`, and `status` with `code` (`device_not_deleted`), `message` "
        "for people and `details`, which is empty.",
    )


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
