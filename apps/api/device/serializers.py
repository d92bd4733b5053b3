"""Serializers of the device API."""

from typing import Any

from rest_framework import serializers

from apps.api.fields import KeySetField, SealedField, StrictCharField
from apps.applications.models import VersionStatus
from apps.enrollment.models import AuthenticatorType
from apps.enrollment.openpgp.certificates import MAX_PUBLIC_KEY_CHARACTERS
from apps.push.models import Platform
from apps.transactions.models import Status

MAX_PUSH_TOKEN_CHARACTERS = 4096


class EnrollmentSerializer(serializers.Serializer[Any]):
    enrollment_code = StrictCharField(max_length=100)
    public_key = StrictCharField(
        max_length=MAX_PUBLIC_KEY_CHARACTERS,
        required=False,
        help_text="OpenPGP public key, ASCII-armoured. Required without `public_keys`.",
    )
    public_keys = KeySetField(required=False, help_text="JWK Set of two P-256 keys. Required without `public_key`.")
    application_id = StrictCharField(max_length=100)
    platform = serializers.ChoiceField(choices=Platform.values)
    app_version = StrictCharField(max_length=50)
    device_name = StrictCharField(max_length=100)
    device_model = StrictCharField(max_length=100, required=False, allow_blank=True)
    os_version = StrictCharField(max_length=50, required=False, allow_blank=True)


class EnrolledSerializer(serializers.Serializer[Any]):
    """Response to an enrolment. `device_token` is present for a new device.

    `server_public_key` is present for an OpenPGP key, `server_public_keys` for JOSE keys.
    """

    device_id = serializers.CharField()
    profile_id = serializers.CharField()
    device_token = serializers.CharField(required=False)
    server_public_key = serializers.CharField(required=False)
    server_public_keys = KeySetField(required=False, help_text="JWK Set of the two P-256 keys of the server.")


class AuthenticatorStateSerializer(serializers.Serializer[Any]):
    """State of an authenticator of a profile. `authenticator_id` is present for the type `custom`."""

    type = serializers.ChoiceField(choices=AuthenticatorType.values)
    authenticator_id = serializers.CharField(required=False)
    allowed = serializers.BooleanField(help_text="The application allows this authenticator.")
    registered = serializers.BooleanField(help_text="The user has registered this authenticator.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        members: dict[str, Any] = super().to_representation(instance)
        if not members["authenticator_id"]:
            del members["authenticator_id"]
        return members


class ProfileStateSerializer(serializers.Serializer[Any]):
    """State of a profile. A locked profile can deny transactions, but not approve them."""

    profile_id = serializers.CharField()
    application_id = serializers.CharField()
    version_status = serializers.ChoiceField(
        choices=VersionStatus.values, help_text="Status of the application version with which the device enrolled."
    )
    push_enrolled = serializers.BooleanField()
    locked = serializers.BooleanField()
    used_pin_attempts = serializers.IntegerField(help_text="Consecutive wrong PINs.")
    max_pin_attempts = serializers.IntegerField(help_text="0: no limit.")
    authenticators = AuthenticatorStateSerializer(many=True)


class ProfileListSerializer(serializers.Serializer[Any]):
    profiles = ProfileStateSerializer(many=True)


class PushTokenSerializer(serializers.Serializer[Any]):
    push_token = StrictCharField(max_length=MAX_PUSH_TOKEN_CHARACTERS)


class ReplacedPushTokenSerializer(PushTokenSerializer):
    old_push_token = StrictCharField(max_length=MAX_PUSH_TOKEN_CHARACTERS)


class FetchSerializer(serializers.Serializer[Any]):
    profile_id = StrictCharField(max_length=6)


class OtpSerializer(serializers.Serializer[Any]):
    profile_id = StrictCharField(max_length=6)
    otp = StrictCharField(max_length=500, help_text="The complete scanned string.")


class SealedSerializer(serializers.Serializer[Any]):
    """Message that is signed by the sender and encrypted to the receiver: OpenPGP or a compact JWE, at most 64 KiB."""

    message = SealedField()


class AnswerStatusSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=[Status.AUTHENTICATED.value, Status.NOT_AUTHENTICATED.value])


class PendingSerializer(serializers.Serializer[Any]):
    """Pending transaction. `timestamp` is in milliseconds since the epoch, `time_to_live` in seconds."""

    transaction_id = serializers.UUIDField()
    profile_id = serializers.CharField()
    message = serializers.CharField()
    timestamp = serializers.IntegerField()
    time_to_live = serializers.IntegerField()


class PendingListSerializer(serializers.Serializer[Any]):
    transactions = PendingSerializer(many=True)
