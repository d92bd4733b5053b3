"""Serializers of the portal API. The parameters of E3 are validated in `transactions.request.parameters`."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from apps.common import errors
from apps.common.clock import milliseconds
from apps.enrollment.models import Profile
from apps.push.models import Platform
from apps.transactions.methods.base import StartedTransaction
from apps.transactions.models import Reason, Status, Transaction
from apps.transactions.portal.availability import AvailableType
from apps.transactions.request import messages, parameters
from apps.transactions.request.parameters import ApiVersion
from apps.transactions.types import PUSH_METHODS, Method


class InitiateSerializer(serializers.Serializer[Any]):
    """Form fields of an authentication request."""

    type = serializers.CharField(
        max_length=parameters.MAX_NAME_CHARACTERS, help_text="Name of a mobile authentication type."
    )
    user_id = serializers.CharField(
        required=False, max_length=255, help_text="Required for all methods except OTP, where it must be omitted."
    )
    device_id = serializers.CharField(
        required=False,
        max_length=parameters.MAX_DEVICE_ID_CHARACTERS,
        help_text="Version 4: the device that receives the push.",
    )
    app_id = serializers.CharField(required=False, help_text="Version 3: the application that receives the push.")
    callback_uri = serializers.CharField(
        required=False, max_length=2000, help_text="Required for push and OTP: absolute http or https URL."
    )
    phone_number = serializers.CharField(
        required=False, help_text="For SMS, also as a fallback, in international format."
    )
    message = serializers.CharField(
        required=False, help_text="Public message of the push; at most MESSAGE_MAX_LENGTH (155) code points."
    )
    signing_data = serializers.CharField(
        required=False,
        max_length=parameters.MAX_SIGNING_DATA_CHARACTERS,
        help_text="Used by types with transaction signing, which can require it; no bidirectional overrides.",
    )
    secure_message = serializers.CharField(
        required=False,
        max_length=parameters.MAX_SECURE_MESSAGE_CHARACTERS,
        help_text="Confidential message, sent only in the challenge, encrypted to the device.",
    )
    language_code = serializers.CharField(required=False, max_length=35)
    ip_address = serializers.IPAddressField(required=False)
    user_agent = serializers.CharField(required=False)


class DeviceNameSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    platform = serializers.CharField()


class InitiatedSerializer(serializers.Serializer[Any]):
    """Response of E3. `time_to_live` is in milliseconds."""

    transaction_id = serializers.UUIDField()
    auth_method = serializers.ChoiceField(choices=Method.values)
    time_to_live = serializers.IntegerField()
    device = DeviceNameSerializer(required=False, help_text="Push only.")
    otp = serializers.CharField(required=False, help_text="OTP only: one-time password for a QR code or a link.")
    verification_number = serializers.CharField(
        required=False,
        help_text="Number matching only: the portal displays it, and the user enters it on the device.",
    )


class NotAuthenticatedReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=Reason.values)
    description = serializers.CharField()


class ResultDeviceSerializer(serializers.Serializer[Any]):
    platform = serializers.ChoiceField(choices=[Platform.WEB.value], help_text="The server delivers its code.")


class ResultSerializer(serializers.Serializer[Any]):
    """Response of E4. `timestamp` is in milliseconds since the epoch."""

    callback_uri = serializers.CharField(required=False, help_text="Absent for SMS.")
    transaction_id = serializers.UUIDField()
    timestamp = serializers.IntegerField()
    user_id = serializers.CharField()
    is_authenticated = serializers.BooleanField()
    authentication_method = serializers.ChoiceField(choices=Method.values, required=False)
    used_authentication_attempts = serializers.IntegerField(
        required=False, help_text="Push with PIN: number of verified PINs, including the correct one."
    )
    signature = serializers.CharField(required=False, help_text="Signature over signing_data, in base64.")
    user_public_key = serializers.CharField(required=False, help_text="Public key that verifies the signature, in PEM.")
    signature_verified = serializers.BooleanField(required=False)
    fraud_reported = serializers.BooleanField(
        required=False, help_text="The user denied the transaction and reported fraud."
    )
    status = serializers.ChoiceField(choices=Status.values)
    device = ResultDeviceSerializer(required=False, help_text="Present if the device is a browser.")
    not_authenticated_reason = NotAuthenticatedReasonSerializer(required=False)


class ErrorSerializer(serializers.Serializer[Any]):
    """Error of the portal API. `error_code` and `description` are present if the error has a code."""

    error_code = serializers.CharField(required=False)
    description = serializers.CharField(required=False)
    error = serializers.CharField()
    error_description = serializers.CharField()


class VerifyCodeSerializer(serializers.Serializer[Any]):
    transaction_id = serializers.CharField()
    sms_code = serializers.CharField(help_text="Code that the user entered.")


class TransactionIdSerializer(serializers.Serializer[Any]):
    transaction_id = serializers.CharField()


class VerifiedSerializer(serializers.Serializer[Any]):
    transaction_id = serializers.UUIDField()


class TypeNamesSerializer(serializers.Serializer[Any]):
    enabled = serializers.ListField(child=serializers.CharField())


class EnrolledDeviceSerializer(serializers.Serializer[Any]):
    """Device on which the user is enrolled for push."""

    app_id = serializers.CharField()
    app_name = serializers.CharField()
    device_id = serializers.CharField()
    device_name = serializers.CharField()
    platform = serializers.CharField()


class EnrolledAppSerializer(serializers.Serializer[Any]):
    """Application in which the user is enrolled for push (versions 2 and 3)."""

    id = serializers.CharField()
    name = serializers.CharField()


class UserTypeSerializer(serializers.Serializer[Any]):
    """Authentication type. `sms_fallback_allowed` and `apps_enrolled_for_push` are present for push methods."""

    type = serializers.CharField()
    method = serializers.ChoiceField(choices=[method.upper() for method in Method.values])
    sms_fallback_allowed = serializers.BooleanField(required=False)


class UserTypeByDeviceSerializer(UserTypeSerializer):
    apps_enrolled_for_push = EnrolledDeviceSerializer(many=True, required=False)


class UserTypeByApplicationSerializer(UserTypeSerializer):
    apps_enrolled_for_push = EnrolledAppSerializer(many=True, required=False)


class UserTypesByDeviceSerializer(serializers.Serializer[Any]):
    enabled = UserTypeByDeviceSerializer(many=True)


class UserTypesByApplicationSerializer(serializers.Serializer[Any]):
    enabled = UserTypeByApplicationSerializer(many=True)


def require_parameters(data: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the named fields of a form. Raises InvalidParameter for the first missing field."""
    for name in names:
        if name not in data:
            raise errors.InvalidParameter(messages.missing_text(name))
    return {name: data[name] for name in names}


def serialize_started(started: StartedTransaction) -> dict[str, Any]:
    transaction = started.transaction
    device = transaction.profile.device if transaction.profile else None
    return {
        "transaction_id": str(transaction.pk),
        "auth_method": transaction.method,
        "time_to_live": transaction.time_to_live_seconds * 1000,
        **({"device": {"name": device.name, "platform": device.version.platform}} if device else {}),
        **({"otp": started.otp} if started.otp else {}),
        **({"verification_number": number} if (number := str(transaction.verification_number)) else {}),
    }


def serialize_result(transaction: Transaction) -> dict[str, Any]:
    status = transaction.current_status(timezone.now())
    reason = Reason(transaction.reason) if transaction.reason else None
    return {
        **({"callback_uri": transaction.callback_uri} if transaction.callback_uri else {}),
        "transaction_id": str(transaction.pk),
        "timestamp": milliseconds(transaction.created_at),
        "user_id": transaction.user_id,
        "is_authenticated": status == Status.AUTHENTICATED,
        **({"authentication_method": transaction.method} if transaction.is_answered else {}),
        "status": status.value,
        **({"device": {"platform": Platform.WEB}} if transaction.device_platform == Platform.WEB else {}),
        **_serialize_verification(transaction),
        **({"fraud_reported": True} if transaction.fraud_reported else {}),
        **({"not_authenticated_reason": {"reason": reason.value, "description": str(reason.label)}} if reason else {}),
    }


def _serialize_verification(transaction: Transaction) -> dict[str, Any]:
    """Return the number of verified PINs, and the signature with its public key."""
    members: dict[str, Any] = {}
    if transaction.method == Method.PUSH_WITH_PIN:
        members["used_authentication_attempts"] = transaction.attempts_used
    if transaction.signature_verified is not None:
        members["signature"] = transaction.signature
        members["user_public_key"] = transaction.user_public_key
        members["signature_verified"] = transaction.signature_verified
    return members


def serialize_available_type(item: AvailableType, version: ApiVersion) -> dict[str, Any]:
    members = {"type": item.mobile_type.name, "method": item.mobile_type.method.upper()}
    if item.mobile_type.method not in PUSH_METHODS:
        return members
    serialize_profiles = _serialize_devices if version == ApiVersion.V4 else _serialize_applications
    return {
        **members,
        "sms_fallback_allowed": item.sms_fallback_allowed,
        "apps_enrolled_for_push": serialize_profiles(item.profiles),
    }


def _serialize_devices(profiles: list[Profile]) -> list[dict[str, str]]:
    return [
        {
            "app_id": profile.device.version.application.identifier,
            "app_name": profile.device.version.application.name,
            "device_id": profile.device.device_id,
            "device_name": profile.device.name,
            "platform": profile.device.version.platform,
        }
        for profile in profiles
    ]


def _serialize_applications(profiles: list[Profile]) -> list[dict[str, str]]:
    applications = {profile.device.version.application for profile in profiles}
    return [
        {"id": application.identifier, "name": application.name}
        for application in sorted(applications, key=lambda application: application.identifier)
    ]
