"""The device API: what the phone speaks."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from apps.api import authentication
from apps.api.device import examples, serializers
from apps.api.schema import DEVICE_AUTHENTICATION, NO_AUTHENTICATION, error_responses
from apps.api.views import ApiView, parse_uuid, require_mobile_authentication
from apps.common import errors as api_errors
from apps.common.clock import milliseconds
from apps.enrollment import authenticators, overview, push_enrollments
from apps.enrollment import services as enrollment
from apps.enrollment.models import Device
from apps.enrollment.openpgp import keys
from apps.transactions.device import answers, challenges


def errors(*more: type[api_errors.ApiError]) -> dict[int, Any]:
    return error_responses(
        api_errors.InvalidRequest, api_errors.InvalidDeviceToken, api_errors.FeatureDisabled, *more, path="/device/"
    )


def checked(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the members of the body; `invalid_request` with the first problem when they are not right."""
    bound = serializer(data=request.data)
    bound.is_valid(raise_exception=True)
    return dict(bound.validated_data)


def calling_device(request: Request) -> Device:
    require_mobile_authentication()
    return authentication.device(request)


def sealed_message(request: Request) -> str:
    """Return the message of the body. One that is too large is judged as the message that it cannot be."""
    try:
        return str(checked(serializers.SealedSerializer, request)["message"])
    except api_errors.RequestTooLarge:
        return ""


class EnrollmentsView(ApiView):
    @extend_schema(
        operation_id="enrollments",
        examples=examples.ENROLLMENTS,
        summary="List the profiles of this device with the state of their authenticators",
        description=(
            "Everything that a device needs to draw its screens, oldest profile first. Also available to devices of a "
            "disabled application version. A user ID is never included."
        ),
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        responses={200: serializers.ProfileListSerializer, **errors()},
    )
    def get(self, request: Request) -> Response:
        profiles = overview.profiles(calling_device(request))
        return Response(serializers.ProfileListSerializer({"profiles": profiles}).data)

    @extend_schema(
        operation_id="enroll",
        examples=examples.ENROLLED,
        summary="Enrol a user's keys on this device",
        tags=["Device"],
        auth=NO_AUTHENTICATION + DEVICE_AUTHENTICATION,
        request=serializers.EnrollmentSerializer,
        responses={
            201: serializers.EnrolledSerializer,
            **errors(
                api_errors.InvalidEnrollmentCode,
                api_errors.InvalidPublicKey,
                api_errors.VersionNotEnabled,
                api_errors.EnrollmentDisabled,
            ),
        },
    )
    def post(self, request: Request) -> Response:
        require_mobile_authentication()
        wanted = enrollment.EnrollmentRequest(**checked(serializers.EnrollmentSerializer, request))
        profile, token = enrollment.enroll(wanted, bearer=authentication.bearer(request))
        return Response(
            {
                "device_id": profile.device.device_id,
                "profile_id": profile.profile_id,
                **({"device_token": token} if token else {}),
                "server_public_key": keys.server_key_of(profile).public_key,
            },
            status=201,
        )


class EnrollmentView(ApiView):
    @extend_schema(
        operation_id="unenroll",
        summary="Remove a profile from this device",
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        responses={204: None, **errors(api_errors.InvalidProfile)},
    )
    def delete(self, request: Request, profile_id: str) -> Response:
        enrollment.unenroll_by_device(calling_device(request), profile_id)
        return Response(status=204)


class PushEnrollmentView(ApiView):
    @extend_schema(
        operation_id="enroll_push",
        examples=examples.PUSH_ENROLLED,
        summary="Make a profile reachable by push",
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.PushTokenSerializer,
        responses={
            204: None,
            **errors(
                api_errors.InvalidProfile,
                api_errors.EnrollmentDisabled,
                api_errors.VersionNotEnabled,
                api_errors.PushTokenInUse,
                api_errors.UserAlreadyEnrolled,
            ),
        },
    )
    def put(self, request: Request, profile_id: str) -> Response:
        device = calling_device(request)
        push_token = checked(serializers.PushTokenSerializer, request)["push_token"]
        push_enrollments.enroll(device, profile_id, push_token)
        return Response(status=204)


class PushTokenView(ApiView):
    @extend_schema(
        operation_id="replace_push_token",
        examples=examples.PUSH_TOKEN_REPLACED,
        summary="Replace the push token of all profiles of this device",
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.ReplacedPushTokenSerializer,
        responses={204: None, **errors(api_errors.VersionNotEnabled, api_errors.PushTokenInUse)},
    )
    def put(self, request: Request) -> Response:
        device = calling_device(request)
        given = checked(serializers.ReplacedPushTokenSerializer, request)
        enrollment.require_enabled(device.version)
        push_enrollments.replace_token(device, given["old_push_token"], given["push_token"])
        return Response(status=204)


class AuthenticatorsView(ApiView):
    @extend_schema(
        operation_id="register_authenticator",
        examples=examples.AUTHENTICATOR_REGISTERED,
        summary="Register or replace a PIN, a fingerprint or a custom authenticator",
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.SealedSerializer,
        responses={
            201: serializers.SealedSerializer,
            **errors(
                api_errors.InvalidProfile,
                api_errors.InvalidMessage,
                api_errors.InvalidPin,
                api_errors.AuthenticatorNotEnabled,
                api_errors.Disconnected,
                api_errors.VersionNotEnabled,
            ),
        },
    )
    def post(self, request: Request, profile_id: str) -> Response:
        profile = enrollment.get_profile(calling_device(request), profile_id)
        return Response({"message": authenticators.register(profile, sealed_message(request))}, status=201)


class TransactionsView(ApiView):
    @extend_schema(
        operation_id="pending",
        examples=examples.PENDING,
        summary="The device's open transactions, oldest first",
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        responses={200: serializers.PendingListSerializer, **errors()},
    )
    def get(self, request: Request) -> Response:
        pending = challenges.pending(calling_device(request).pk)
        return Response(
            {
                "transactions": [
                    {
                        "transaction_id": str(transaction.pk),
                        "profile_id": transaction.profile.profile_id if transaction.profile else "",
                        "message": transaction.message,
                        "timestamp": milliseconds(transaction.created_at),
                        "time_to_live": transaction.time_to_live_seconds,
                    }
                    for transaction in pending
                ]
            }
        )


class FetchView(ApiView):
    @extend_schema(
        operation_id="fetch",
        examples=examples.FETCHED,
        summary="Fetch a transaction's sealed challenge",
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.FetchSerializer,
        responses={
            200: serializers.SealedSerializer,
            **errors(api_errors.InvalidProfile, api_errors.InvalidTransaction, api_errors.VersionNotEnabled),
        },
    )
    def post(self, request: Request, transaction_id: str) -> Response:
        device = calling_device(request)
        profile_id = checked(serializers.FetchSerializer, request)["profile_id"]
        profile = enrollment.get_profile(device, profile_id)
        return Response({"message": challenges.challenge(parse_uuid(transaction_id), profile)})


class OtpView(ApiView):
    @extend_schema(
        operation_id="claim_otp",
        examples=examples.SCANNED,
        summary="Bind a scanned one-time password to this user and fetch its sealed challenge",
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.OtpSerializer,
        responses={
            200: serializers.SealedSerializer,
            **errors(api_errors.InvalidProfile, api_errors.InvalidOtp, api_errors.VersionNotEnabled),
        },
    )
    def post(self, request: Request) -> Response:
        device = calling_device(request)
        given = checked(serializers.OtpSerializer, request)
        profile = enrollment.get_profile(device, given["profile_id"])
        return Response({"message": challenges.claim_otp(given["otp"], profile)})


class AnswerView(ApiView):
    @extend_schema(
        operation_id="answer",
        examples=examples.ANSWERED,
        summary="Answer a transaction with a sealed message",
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.SealedSerializer,
        responses={
            200: serializers.AnswerStatusSerializer,
            **errors(
                api_errors.InvalidTransaction,
                api_errors.InvalidMessage,
                api_errors.InvalidPin,
                api_errors.AuthenticatorRevoked,
                api_errors.Disconnected,
                api_errors.VersionNotEnabled,
            ),
        },
    )
    def post(self, request: Request, transaction_id: str) -> Response:
        device = calling_device(request)
        message = sealed_message(request)
        return Response({"status": answers.answer(parse_uuid(transaction_id), device, message)})
