"""Serializers of the device API."""

from typing import Any

from rest_framework import serializers

from apps.api.fields import KeySetField, SealedField, StrictCharField
from apps.enrollment.models import AuthenticatorType
from apps.enrollment.openpgp.certificates import MAX_PUBLIC_KEY_CHARACTERS
from apps.enrollment.pulling import RequestDelivery
from apps.push.models import Platform
from apps.transactions.models import Status

MAX_PUSH_TOKEN_CHARACTERS = 4096


class EnrollmentSerializer(serializers.Serializer[Any]):
    enrollment_code = StrictCharField(max_length=100, help_text="Enrolment code of the user.")
    public_key = StrictCharField(
        max_length=MAX_PUBLIC_KEY_CHARACTERS,
        required=False,
        help_text="OpenPGP public key, ASCII-armoured. Required without `public_keys`.",
    )
    public_keys = KeySetField(required=False, help_text="JWK Set of two P-256 keys. Required without `public_key`.")
    application_id = StrictCharField(max_length=100, help_text="Identifier of the application.")
    platform = serializers.ChoiceField(choices=Platform.values, help_text="Platform of the device.")
    app_version = StrictCharField(max_length=50, help_text="Version of the application.")
    device_name = StrictCharField(max_length=100, help_text="Name of the device, which users and support staff see.")
    device_model = StrictCharField(max_length=100, required=False, allow_blank=True, help_text="Model of the device.")
    os_version = StrictCharField(
        max_length=50, required=False, allow_blank=True, help_text="Version of the operating system."
    )


class EnrolledSerializer(serializers.Serializer[Any]):
    """Response to an enrolment. `device_token` is present for a new device.

    `server_public_key` is present for an OpenPGP key, `server_public_keys` for JOSE keys.
    """

    device_id = serializers.CharField(help_text="Id of the device: 64 hexadecimal digits in upper case.")
    profile_id = serializers.CharField(help_text="Id of the profile of the user on this device.")
    device_token = serializers.CharField(
        required=False, help_text="New device only: bearer token of the device. It is returned once."
    )
    server_public_key = serializers.CharField(
        required=False, help_text="OpenPGP public key of the server, ASCII-armoured."
    )
    server_public_keys = KeySetField(required=False, help_text="JWK Set of the two P-256 keys of the server.")


class AuthenticatorStateSerializer(serializers.Serializer[Any]):
    """State of an authenticator of a profile. `authenticator_id` is present for the type `custom`."""

    type = serializers.ChoiceField(choices=AuthenticatorType.values, help_text="Type of the authenticator.")
    authenticator_id = serializers.CharField(required=False, help_text="Type `custom` only: id of the authenticator.")
    allowed = serializers.BooleanField(help_text="The application allows this authenticator.")
    registered = serializers.BooleanField(help_text="The user has registered this authenticator.")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        members: dict[str, Any] = super().to_representation(instance)
        if not members["authenticator_id"]:
            del members["authenticator_id"]
        return members


class ProfileStateSerializer(serializers.Serializer[Any]):
    """State of a profile. A locked profile can deny transactions, but not approve them."""

    profile_id = serializers.CharField(help_text="Id of the profile.")
    application_id = serializers.CharField(help_text="Identifier of the application.")
    version_status = serializers.CharField(
        help_text="Status of the application version with which the device enrolled: `enabled`, `login_only` or "
        "`disabled`."
    )
    push_enrolled = serializers.BooleanField(help_text="True if the profile can be reached by push.")
    requests = serializers.ChoiceField(
        choices=RequestDelivery.values,
        help_text="`received`: push types reach this profile. `other_device`: they reach another device of the user. "
        "`off`: neither, for example after support staff revoked push notifications.",
    )
    locked = serializers.BooleanField(help_text="A locked profile can deny transactions, but not approve them.")
    used_pin_attempts = serializers.IntegerField(help_text="Number of consecutive wrong PINs.")
    max_pin_attempts = serializers.IntegerField(
        help_text="Number of wrong PINs after which the user is disconnected. 0: no limit."
    )
    authenticators = AuthenticatorStateSerializer(many=True, help_text="Authenticators of the profile.")


class ProfileListSerializer(serializers.Serializer[Any]):
    profiles = ProfileStateSerializer(many=True, help_text="Profiles of the device, oldest first.")


class PushTokenSerializer(serializers.Serializer[Any]):
    push_token = StrictCharField(max_length=MAX_PUSH_TOKEN_CHARACTERS, help_text="Push token of the push provider.")


class ReplacedPushTokenSerializer(PushTokenSerializer):
    old_push_token = StrictCharField(max_length=MAX_PUSH_TOKEN_CHARACTERS, help_text="Push token to replace.")


class FetchSerializer(serializers.Serializer[Any]):
    profile_id = StrictCharField(max_length=6, help_text="Id of the profile.")


class OtpSerializer(serializers.Serializer[Any]):
    profile_id = StrictCharField(max_length=6, help_text="Id of the profile.")
    otp = StrictCharField(max_length=500, help_text="The complete scanned string.")


class SealedSerializer(serializers.Serializer[Any]):
    """Message that is signed by the sender and encrypted to the receiver: OpenPGP or a compact JWE, at most 64 KiB."""

    message = SealedField(help_text="Sealed message: ASCII-armoured OpenPGP, or a compact JWE.")


class AnswerStatusSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=Status.values, help_text="`authenticated` or `not_authenticated`.")


class PendingSerializer(serializers.Serializer[Any]):
    """Pending transaction. `timestamp` is in milliseconds since the epoch, `time_to_live` in seconds."""

    transaction_id = serializers.UUIDField(help_text="Id of the transaction.")
    profile_id = serializers.CharField(help_text="Id of the profile that can answer.")
    message = serializers.CharField(help_text="Public message.")
    timestamp = serializers.IntegerField(help_text="Time of the request, in milliseconds since the epoch.")
    time_to_live = serializers.IntegerField(help_text="Time from the request to the expiry, in seconds.")


class PendingListSerializer(serializers.Serializer[Any]):
    transactions = PendingSerializer(many=True, help_text="Pending transactions, oldest first.")
