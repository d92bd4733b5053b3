"""The shapes of the portal API, for its description; E3's parameters are judged in `transactions.parameters`."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from apps.transactions import parameters
from apps.transactions.models import Method, Reason, Status, Transaction
from apps.transactions.services import milliseconds


class InitiateSerializer(serializers.Serializer[Any]):
    """What a portal sends to start an authentication, as form fields."""

    type = serializers.CharField(
        max_length=parameters.MAX_NAME_CHARACTERS, help_text="Name of a mobile authentication type."
    )
    user_id = serializers.CharField(max_length=255)
    device_id = serializers.CharField(required=False, max_length=parameters.MAX_DEVICE_ID_CHARACTERS)
    callback_uri = serializers.CharField(max_length=2000, help_text="Absolute http or https URL.")
    message = serializers.CharField(
        required=False, help_text="Shown on the phone; at most MESSAGE_MAX_LENGTH (155) code points."
    )
    secure_message = serializers.CharField(
        required=False,
        max_length=parameters.MAX_SECURE_MESSAGE_CHARACTERS,
        help_text="Only ever leaves the server encrypted to the device.",
    )
    language_code = serializers.CharField(required=False, max_length=35)
    ip_address = serializers.IPAddressField(required=False)
    user_agent = serializers.CharField(required=False)


class DeviceNameSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    platform = serializers.CharField()


class InitiatedSerializer(serializers.Serializer[Any]):
    """E3's answer; `time_to_live` in milliseconds."""

    transaction_id = serializers.UUIDField()
    auth_method = serializers.ChoiceField(choices=Method.values)
    time_to_live = serializers.IntegerField()
    device = DeviceNameSerializer()


class NotAuthenticatedReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=Reason.values)
    description = serializers.CharField()


class ResultSerializer(serializers.Serializer[Any]):
    """E4's answer; `timestamp` in milliseconds since the epoch."""

    callback_uri = serializers.CharField()
    transaction_id = serializers.UUIDField()
    timestamp = serializers.IntegerField()
    user_id = serializers.CharField()
    is_authenticated = serializers.BooleanField()
    authentication_method = serializers.ChoiceField(choices=Method.values, required=False)
    status = serializers.ChoiceField(choices=Status.values)
    not_authenticated_reason = NotAuthenticatedReasonSerializer(required=False)


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error of this API. `error_code` and `description` are there when the error has a number."""

    error_code = serializers.CharField(required=False)
    description = serializers.CharField(required=False)
    error = serializers.CharField()
    error_description = serializers.CharField()


def initiated(transaction: Transaction) -> dict[str, Any]:
    device = transaction.profile.device if transaction.profile else None
    return {
        "transaction_id": str(transaction.pk),
        "auth_method": transaction.method,
        "time_to_live": transaction.time_to_live_seconds * 1000,
        **({"device": {"name": device.name, "platform": device.version.platform}} if device else {}),
    }


def result(transaction: Transaction) -> dict[str, Any]:
    status = transaction.current_status(timezone.now())
    answered = bool(transaction.answer_digest)
    return {
        "callback_uri": transaction.callback_uri,
        "transaction_id": str(transaction.pk),
        "timestamp": milliseconds(transaction.created_at),
        "user_id": transaction.user_id,
        "is_authenticated": status == Status.AUTHENTICATED,
        **({"authentication_method": transaction.method} if answered else {}),
        "status": status.value,
        **(
            {
                "not_authenticated_reason": {
                    "reason": transaction.reason,
                    "description": str(Reason(transaction.reason).label),
                }
            }
            if transaction.reason
            else {}
        ),
    }
