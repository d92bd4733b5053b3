"""The shapes of the device API."""

from typing import Any

from rest_framework import serializers

from apps.api.fields import SealedField, StrictCharField
from apps.enrollment.certificates import MAX_PUBLIC_KEY_CHARACTERS
from apps.push.models import Platform
from apps.transactions.models import Status

MAX_PUSH_TOKEN_CHARACTERS = 4096


class EnrollmentSerializer(serializers.Serializer[Any]):
    enrollment_code = StrictCharField(max_length=100)
    public_key = StrictCharField(max_length=MAX_PUBLIC_KEY_CHARACTERS, help_text="OpenPGP, ASCII armoured.")
    application_id = StrictCharField(max_length=100)
    platform = serializers.ChoiceField(choices=Platform.values)
    app_version = StrictCharField(max_length=50)
    device_name = StrictCharField(max_length=100)
    device_model = StrictCharField(max_length=100, required=False, allow_blank=True)
    os_version = StrictCharField(max_length=50, required=False, allow_blank=True)


class EnrolledSerializer(serializers.Serializer[Any]):
    """`device_token` only for a new device."""

    device_id = serializers.CharField()
    profile_id = serializers.CharField()
    device_token = serializers.CharField(required=False)
    server_public_key = serializers.CharField()


class PushTokenSerializer(serializers.Serializer[Any]):
    push_token = StrictCharField(max_length=MAX_PUSH_TOKEN_CHARACTERS)


class ReplacedPushTokenSerializer(PushTokenSerializer):
    old_push_token = StrictCharField(max_length=MAX_PUSH_TOKEN_CHARACTERS)


class FetchSerializer(serializers.Serializer[Any]):
    profile_id = StrictCharField(max_length=6)


class OtpSerializer(serializers.Serializer[Any]):
    profile_id = StrictCharField(max_length=6)
    otp = StrictCharField(max_length=500, help_text="The whole string that was scanned.")


class SealedSerializer(serializers.Serializer[Any]):
    """A message that is signed by its sender and encrypted to its receiver, ASCII armoured; at most 64 KiB."""

    message = SealedField()


class AnswerStatusSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=[Status.AUTHENTICATED.value, Status.NOT_AUTHENTICATED.value])


class PendingSerializer(serializers.Serializer[Any]):
    """`timestamp` in ms since the epoch, `time_to_live` (the whole life) in seconds."""

    transaction_id = serializers.UUIDField()
    profile_id = serializers.CharField()
    message = serializers.CharField()
    timestamp = serializers.IntegerField()
    time_to_live = serializers.IntegerField()


class PendingListSerializer(serializers.Serializer[Any]):
    transactions = PendingSerializer(many=True)
