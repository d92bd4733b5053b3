"""Views of the device API."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from apps.api import authentication
from apps.api.device import descriptions, examples, serializers
from apps.api.device.rejections import constant_rejection_time
from apps.api.schema import BODY_ERRORS, DEVICE_AUTHENTICATION, NO_AUTHENTICATION, error_responses
from apps.api.views import ApiView, parse_uuid, require_mobile_authentication
from apps.common import errors
from apps.common.clock import milliseconds
from apps.enrollment import authenticators, keys, overview, push_enrollments
from apps.enrollment import services as enrollment
from apps.enrollment.models import Device
from apps.transactions.device import answers, challenges, phone_codes

DONE = OpenApiResponse(description="The request was carried out.")


def device_errors(*more: type[errors.ApiError]) -> dict[int, Any]:
    return error_responses(
        errors.InvalidRequest, errors.InvalidDeviceToken, errors.FeatureDisabled, *more, path="/device/"
    )


def validated_body(serializer_class: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the validated members of the body. Raises a validation error for the first invalid member."""
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def authenticate(request: Request) -> Device:
    require_mobile_authentication()
    return authentication.authenticate_device(request)


def read_sealed_message(request: Request) -> str:
    """Return the sealed message of the body. A body that is too large counts as an invalid message."""
    try:
        return str(validated_body(serializers.SealedSerializer, request)["message"])
    except errors.RequestTooLarge:
        return ""


class EnrollmentsView(ApiView):
    @extend_schema(
        operation_id="listProfiles",
        examples=examples.ENROLLMENTS,
        summary="List the profiles of this device",
        description=descriptions.ENROLLMENTS,
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        responses={
            200: OpenApiResponse(serializers.ProfileListSerializer, "Profiles, oldest first."),
            **device_errors(),
        },
    )
    def get(self, request: Request) -> Response:
        profiles = overview.list_profiles(authenticate(request))
        return Response(serializers.ProfileListSerializer({"profiles": profiles}).data)

    @extend_schema(
        operation_id="enrollDevice",
        examples=examples.ENROLLED,
        summary="Enrol a user on a device",
        description=descriptions.ENROLL,
        tags=["Device"],
        auth=NO_AUTHENTICATION + DEVICE_AUTHENTICATION,
        request=serializers.EnrollmentSerializer,
        responses={
            201: OpenApiResponse(serializers.EnrolledSerializer, "The user is enrolled."),
            **device_errors(
                errors.InvalidEnrollmentCode,
                errors.InvalidPublicKey,
                errors.VersionNotEnabled,
                errors.EnrollmentDisabled,
                *BODY_ERRORS,
            ),
        },
    )
    def post(self, request: Request) -> Response:
        require_mobile_authentication()
        enrollment_data = enrollment.EnrollmentRequest(**validated_body(serializers.EnrollmentSerializer, request))
        profile, token = enrollment.enroll(enrollment_data, bearer=authentication.bearer_token(request))
        return Response(
            {
                "device_id": profile.device.device_id,
                "profile_id": profile.profile_id,
                **({"device_token": token} if token else {}),
                **keys.server_member(profile),
            },
            status=201,
        )


class EnrollmentView(ApiView):
    @extend_schema(
        operation_id="unenrollProfile",
        summary="Remove a profile from this device",
        description=descriptions.UNENROLL,
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        responses={204: DONE, **device_errors(errors.InvalidProfile)},
    )
    def delete(self, request: Request, profile_id: str) -> Response:
        enrollment.unenroll_by_device(authenticate(request), profile_id)
        return Response(status=204)


class PushEnrollmentView(ApiView):
    @extend_schema(
        operation_id="enrollPush",
        examples=examples.PUSH_ENROLLED,
        summary="Enrol a profile for push",
        description=descriptions.ENROLL_PUSH,
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.PushTokenSerializer,
        responses={
            204: DONE,
            **device_errors(
                errors.InvalidProfile,
                errors.EnrollmentDisabled,
                errors.VersionNotEnabled,
                errors.PushTokenInUse,
                errors.UserAlreadyEnrolled,
                *BODY_ERRORS,
            ),
        },
    )
    def put(self, request: Request, profile_id: str) -> Response:
        device = authenticate(request)
        push_token = validated_body(serializers.PushTokenSerializer, request)["push_token"]
        push_enrollments.enroll(device, profile_id, push_token)
        return Response(status=204)


class PushTokenView(ApiView):
    @extend_schema(
        operation_id="replacePushToken",
        examples=examples.PUSH_TOKEN_REPLACED,
        summary="Replace the push token of this device",
        description=descriptions.REPLACE_PUSH_TOKEN,
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.ReplacedPushTokenSerializer,
        responses={204: DONE, **device_errors(errors.VersionNotEnabled, errors.PushTokenInUse, *BODY_ERRORS)},
    )
    def put(self, request: Request) -> Response:
        device = authenticate(request)
        members = validated_body(serializers.ReplacedPushTokenSerializer, request)
        enrollment.require_enabled(device.version)
        push_enrollments.replace_token(device, members["old_push_token"], members["push_token"])
        return Response(status=204)


class AuthenticatorsView(ApiView):
    @extend_schema(
        operation_id="registerAuthenticator",
        examples=examples.AUTHENTICATOR_REGISTERED,
        summary="Register an authenticator",
        description=descriptions.REGISTER_AUTHENTICATOR,
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.SealedSerializer,
        responses={
            201: OpenApiResponse(serializers.SealedSerializer, "Sealed token of the authenticator."),
            **device_errors(
                errors.InvalidProfile,
                errors.InvalidMessage,
                errors.InvalidPin,
                errors.AuthenticatorNotEnabled,
                errors.Disconnected,
                errors.VersionNotEnabled,
                errors.UnsupportedMediaType,
            ),
        },
    )
    @constant_rejection_time()
    def post(self, request: Request, profile_id: str) -> Response:
        profile = enrollment.get_profile(authenticate(request), profile_id)
        return Response({"message": authenticators.register(profile, read_sealed_message(request))}, status=201)


class TransactionsView(ApiView):
    @extend_schema(
        operation_id="listPendingTransactions",
        examples=examples.PENDING,
        summary="List the pending transactions of this device",
        description=descriptions.PENDING,
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        responses={
            200: OpenApiResponse(serializers.PendingListSerializer, "Pending transactions, oldest first."),
            **device_errors(),
        },
    )
    def get(self, request: Request) -> Response:
        pending = challenges.list_pending(authenticate(request).pk)
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
        operation_id="fetchChallenge",
        examples=examples.FETCHED,
        summary="Fetch the challenge of a transaction",
        description=descriptions.FETCH,
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.FetchSerializer,
        responses={
            200: OpenApiResponse(serializers.SealedSerializer, "Sealed challenge."),
            **device_errors(errors.InvalidProfile, errors.InvalidTransaction, errors.VersionNotEnabled, *BODY_ERRORS),
        },
    )
    def post(self, request: Request, transaction_id: str) -> Response:
        device = authenticate(request)
        profile_id = validated_body(serializers.FetchSerializer, request)["profile_id"]
        return Response({"message": challenges.fetch_challenge(parse_uuid(transaction_id), device, profile_id)})


class OtpView(ApiView):
    @extend_schema(
        operation_id="claimOtp",
        examples=examples.SCANNED,
        summary="Claim a scanned one-time password",
        description=descriptions.CLAIM_OTP,
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.OtpSerializer,
        responses={
            200: OpenApiResponse(serializers.SealedSerializer, "Sealed challenge."),
            **device_errors(errors.InvalidProfile, errors.InvalidOtp, errors.VersionNotEnabled, *BODY_ERRORS),
        },
    )
    def post(self, request: Request) -> Response:
        device = authenticate(request)
        members = validated_body(serializers.OtpSerializer, request)
        profile = enrollment.get_profile(device, members["profile_id"])
        return Response({"message": challenges.claim_otp(members["otp"], profile)})


# Errors of a sealed message with the credential of a method.
CREDENTIAL_ERRORS = device_errors(
    errors.InvalidTransaction,
    errors.InvalidMessage,
    errors.InvalidPin,
    errors.AuthenticatorRevoked,
    errors.Disconnected,
    errors.VersionNotEnabled,
    errors.UnsupportedMediaType,
)


class CodeView(ApiView):
    @extend_schema(
        operation_id="fetchCode",
        examples=examples.CODE_FETCHED,
        summary="Fetch the code of a transaction",
        description=descriptions.FETCH_CODE,
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.SealedSerializer,
        responses={
            200: OpenApiResponse(serializers.SealedSerializer, "The sealed code."),
            **CREDENTIAL_ERRORS,
        },
    )
    @constant_rejection_time()
    def post(self, request: Request, transaction_id: str) -> Response:
        device = authenticate(request)
        message = read_sealed_message(request)
        return Response({"message": phone_codes.fetch_code(parse_uuid(transaction_id), device, message)})


class AnswerView(ApiView):
    @extend_schema(
        operation_id="answerTransaction",
        examples=examples.ANSWERED,
        summary="Answer a transaction",
        description=descriptions.ANSWER,
        tags=["Device"],
        auth=DEVICE_AUTHENTICATION,
        request=serializers.SealedSerializer,
        responses={
            200: OpenApiResponse(serializers.AnswerStatusSerializer, "The transaction has ended."),
            **CREDENTIAL_ERRORS,
        },
    )
    @constant_rejection_time()
    def post(self, request: Request, transaction_id: str) -> Response:
        device = authenticate(request)
        message = read_sealed_message(request)
        return Response({"status": answers.process_answer(parse_uuid(transaction_id), device, message)})
