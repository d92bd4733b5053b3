"""Serializers of the portal API. The parameters of E3 are validated in `transactions.request.parameters`."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework import serializers

from apps.common import errors
from apps.common.clock import milliseconds
from apps.common.urls import MAX_URL_CHARACTERS
from apps.enrollment.models import MAX_USER_ID_CHARACTERS, Profile
from apps.push.models import Platform
from apps.transactions.methods.base import StartedTransaction
from apps.transactions.models import Reason, Status, Transaction
from apps.transactions.portal.availability import AvailableType
from apps.transactions.request import messages, parameters
from apps.transactions.request.parameters import ApiVersion
from apps.transactions.types import PUSH_METHODS, Method

TYPE_METHODS = [method.upper() for method in Method.values]


class StartAuthenticationV2Serializer(serializers.Serializer[Any]):
    """Parameters of an authentication request that all versions have."""

    type = serializers.CharField(
        max_length=parameters.MAX_NAME_CHARACTERS, help_text="Name of a mobile authentication type."
    )
    user_id = serializers.CharField(
        required=False,
        max_length=MAX_USER_ID_CHARACTERS,
        help_text="The user who authenticates. Required for all methods except OTP, where it must be omitted.",
    )
    callback_uri = serializers.CharField(
        required=False,
        max_length=MAX_URL_CHARACTERS,
        help_text="Absolute `http` or `https` URL that gets the callback. Required for push and OTP; not used for SMS.",
    )
    phone_number = serializers.CharField(
        required=False,
        help_text="Phone number in international format, such as `+31612345678`. Required for SMS, also as a fallback.",
    )
    message = serializers.CharField(
        required=False,
        max_length=settings.MESSAGE_MAX_LENGTH,
        help_text="Public message of the push or SMS; `{code}` in an SMS is replaced by the verification code. "
        "Default: the message of the type for the language. Required if the type has none, except for OTP.",
    )
    signing_data = serializers.CharField(
        required=False,
        max_length=parameters.MAX_SIGNING_DATA_CHARACTERS,
        help_text="Data that the device signs, for types with transaction signing; no bidirectional overrides. A type "
        "can require it.",
    )
    secure_message = serializers.CharField(
        required=False,
        max_length=parameters.MAX_SECURE_MESSAGE_CHARACTERS,
        help_text="Confidential message. It is sent in the challenge only, encrypted to the device.",
    )
    language_code = serializers.CharField(
        required=False,
        max_length=35,
        help_text="Language of the default message and the confirmation template, such as `nl-BE`. Default: `en`.",
    )
    ip_address = serializers.IPAddressField(
        required=False, help_text="IP address of the user's browser, for the context in the secure message."
    )
    user_agent = serializers.CharField(
        required=False,
        help_text="`User-Agent` of the user's browser, for the context in the secure message. The first 1,024 "
        "characters are used.",
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields in the order in which they are validated."""
        declared = super().get_fields()
        names = dict.fromkeys(("type", "user_id", "device_id", "app_id", *declared))
        return {name: declared[name] for name in names if name in declared}


class StartAuthenticationV3Serializer(StartAuthenticationV2Serializer):
    app_id = serializers.CharField(
        required=False,
        max_length=parameters.MAX_NAME_CHARACTERS,
        help_text="The application that receives the push. Required for a user with a push enrolment.",
    )


class StartAuthenticationSerializer(StartAuthenticationV2Serializer):
    device_id = serializers.CharField(
        required=False,
        max_length=parameters.MAX_DEVICE_ID_CHARACTERS,
        help_text="The device that receives the push. Required for a user with a push enrolment.",
    )


class TargetDeviceSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="Name of the device.")
    platform = serializers.CharField(help_text="`android`, `ios` or `web`.")


class StartedAuthenticationSerializer(serializers.Serializer[Any]):
    """Transaction that was initiated."""

    transaction_id = serializers.UUIDField(help_text="Id of the transaction.")
    auth_method = serializers.ChoiceField(
        choices=Method.values, help_text="Method that is used: that of the type, or of its fallback."
    )
    time_to_live = serializers.IntegerField(help_text="Time until the transaction expires, in milliseconds.")
    device = TargetDeviceSerializer(required=False, help_text="Push only: the device that receives the push.")
    otp = serializers.CharField(
        required=False, help_text="OTP only: one-time password, to show as a QR code or to open as a link."
    )
    verification_number = serializers.CharField(
        required=False,
        help_text="Number matching only: the portal displays it, and the user enters it on the device.",
    )
    code_to_phone = serializers.BooleanField(
        required=False,
        help_text="Present and true if the device shows a code: the portal asks the user for it, and verifies it.",
    )


class NotAuthenticatedReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=Reason.values, help_text="Reason for programs.")
    description = serializers.CharField(help_text="Explanation of the reason.")


class ResultDeviceSerializer(serializers.Serializer[Any]):
    platform = serializers.ChoiceField(
        choices=Platform.values, help_text="`web`: the server delivers the code of the device."
    )


class TransactionResultSerializer(serializers.Serializer[Any]):
    """Status of a transaction and, if it has ended, its result."""

    callback_uri = serializers.CharField(required=False, help_text="Callback URL of the request. Absent for SMS.")
    transaction_id = serializers.UUIDField(help_text="Id of the transaction.")
    timestamp = serializers.IntegerField(help_text="Time of the request, in milliseconds since the epoch.")
    user_id = serializers.CharField(
        help_text="The user of the request. OTP: the user who scanned it, empty until then."
    )
    is_authenticated = serializers.BooleanField(help_text="True if the status is `authenticated`.")
    authentication_method = serializers.ChoiceField(
        choices=Method.values, required=False, help_text="Method with which the user answered."
    )
    used_authentication_attempts = serializers.IntegerField(
        required=False, help_text="Push with PIN: number of verified PINs, including the correct one."
    )
    signature = serializers.CharField(required=False, help_text="Signature over `signing_data`, in base64.")
    user_public_key = serializers.CharField(required=False, help_text="Public key that verifies the signature, in PEM.")
    signature_verified = serializers.BooleanField(
        required=False, help_text="True if the server has verified the signature."
    )
    fraud_reported = serializers.BooleanField(
        required=False, help_text="The user denied the transaction and reported fraud."
    )
    status = serializers.ChoiceField(
        choices=Status.values, help_text="Status of the transaction. Every status except `pending` is final."
    )
    device = ResultDeviceSerializer(required=False, help_text="Present if the device is a browser.")
    not_authenticated_reason = NotAuthenticatedReasonSerializer(
        required=False, help_text="Reason of the status `not_authenticated`."
    )


class VerifySmsCodeSerializer(serializers.Serializer[Any]):
    transaction_id = serializers.CharField(help_text="Id of the transaction.")
    sms_code = serializers.CharField(help_text="Code that the user entered: six digits.")


class VerifyPhoneCodeSerializer(serializers.Serializer[Any]):
    transaction_id = serializers.CharField(help_text="Id of the transaction.")
    code = serializers.CharField(help_text="Code that the user read on the device and entered: six digits.")


class ResendSmsCodeSerializer(serializers.Serializer[Any]):
    transaction_id = serializers.UUIDField(help_text="Id of the transaction.")


class TransactionReferenceSerializer(ResendSmsCodeSerializer):
    pass


class TypeNamesSerializer(serializers.Serializer[Any]):
    enabled = serializers.ListField(
        child=serializers.CharField(), help_text="Names of the available mobile authentication types."
    )


class EnrolledDeviceSerializer(serializers.Serializer[Any]):
    """Device on which the user is enrolled for push."""

    app_id = serializers.CharField(help_text="Identifier of the application.")
    app_name = serializers.CharField(help_text="Name of the application.")
    device_id = serializers.CharField(help_text="Id of the device.")
    device_name = serializers.CharField(help_text="Name of the device.")
    platform = serializers.CharField(help_text="`android`, `ios` or `web`.")


class EnrolledAppSerializer(serializers.Serializer[Any]):
    """Application in which the user is enrolled for push (versions 2 and 3)."""

    id = serializers.CharField(help_text="Identifier of the application.")
    name = serializers.CharField(help_text="Name of the application.")


class UserTypeSerializer(serializers.Serializer[Any]):
    """Authentication type. `sms_fallback_allowed` and `apps_enrolled_for_push` are present for push methods."""

    type = serializers.CharField(help_text="Name of the mobile authentication type.")
    method = serializers.ChoiceField(choices=TYPE_METHODS, help_text="Method of the type, in upper case.")
    sms_fallback_allowed = serializers.BooleanField(
        required=False, help_text="Push only: true if SMS is a fallback of the type."
    )


class UserTypeByDeviceSerializer(UserTypeSerializer):
    apps_enrolled_for_push = EnrolledDeviceSerializer(
        many=True, required=False, help_text="Push only: the devices on which the user can be reached."
    )


class UserTypeByApplicationSerializer(UserTypeSerializer):
    apps_enrolled_for_push = EnrolledAppSerializer(
        many=True, required=False, help_text="Push only: the applications in which the user can be reached."
    )


class UserTypesByDeviceSerializer(serializers.Serializer[Any]):
    enabled = UserTypeByDeviceSerializer(many=True, help_text="The available mobile authentication types.")


class UserTypesByApplicationSerializer(serializers.Serializer[Any]):
    enabled = UserTypeByApplicationSerializer(many=True, help_text="The available mobile authentication types.")


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
        **({"code_to_phone": True} if transaction.code_to_phone else {}),
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
