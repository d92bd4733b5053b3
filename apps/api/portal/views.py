"""Views of the portal API. Versions 2, 3 and 4 share views, which get their version from the URL configuration."""

from collections.abc import Callable
from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from apps.api import authentication
from apps.api.parsers import StrictFormParser, fields
from apps.api.portal import descriptions, examples, idempotency, serializers
from apps.api.schema import BODY_ERRORS, CLIENT_AUTHENTICATION, FORM, error_responses
from apps.api.views import ApiView, parse_uuid, require_mobile_authentication
from apps.applications.models import Api, ApiClient
from apps.common import errors
from apps.system import services as system
from apps.system.models import PushEnrollmentMode
from apps.transactions.portal import availability
from apps.transactions.portal import services as transactions
from apps.transactions.request.parameters import ApiVersion

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": idempotency.MAX_KEY_CHARACTERS},
    OpenApiParameter.HEADER,
    description="Any string, different for each start. A repeated request with the same key gets the stored response.",
    examples=[OpenApiExample("key", "order-4711-login")],
)


def portal_errors(*more: type[errors.ApiError]) -> dict[int, OpenApiResponse]:
    return error_responses(
        errors.InvalidClient,
        errors.UnauthorizedClient,
        errors.AccessDenied,
        errors.FeatureDisabled,
        errors.VersionMandatory,
        *more,
    )


class PortalView(ApiView):
    """Base class of the portal API. Checks the API client, the feature and the API version, in this order."""

    version = ApiVersion.V4
    parser_classes = [StrictFormParser]

    def authorize(self, request: Request) -> ApiClient:
        client = authentication.authenticate_client(request, Api.MOBILE_AUTHENTICATION)
        require_mobile_authentication()
        is_multiple_devices = system.general().push_enrollment_mode == PushEnrollmentMode.MULTIPLE_DEVICES
        if is_multiple_devices and self.version < ApiVersion.V4:
            raise errors.VersionMandatory
        return client


def describe_start(serializer: type[Serializer[Any]], version_examples: list[OpenApiExample]) -> Callable[[Any], Any]:
    """Describe the start of an authentication. The parameter that names the device differs by version."""
    return extend_schema(
        operation_id="startAuthentication",
        summary="Start an authentication",
        description=descriptions.INITIATE,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        parameters=[IDEMPOTENCY_KEY],
        request={FORM: serializer},
        responses={
            200: OpenApiResponse(serializers.StartedAuthenticationSerializer, "The transaction was initiated."),
            **portal_errors(
                errors.InvalidParameter,
                errors.MessageTooLong,
                errors.InvalidPhoneNumber,
                errors.LimitReached,
                errors.NoAuthenticationPossibility,
                errors.SmsDisabled,
                errors.TypeNotFound,
                errors.IdempotencyInProgress,
                errors.IdempotencyKeyReused,
                errors.PushNotStored,
                errors.SmsNotStored,
                *BODY_ERRORS,
            ),
        },
        examples=version_examples,
    )


class StartAuthenticationView(PortalView):
    @describe_start(serializers.StartAuthenticationSerializer, examples.STARTED)
    def post(self, request: Request) -> Response:
        client = self.authorize(request)
        parameters = fields(request)
        response_body = idempotency.run_idempotent(
            client,
            request.headers.get("Idempotency-Key", ""),
            {"version": self.version, **parameters},
            partial(transactions.initiate, parameters, client, self.version),
        )
        return Response(response_body)


@extend_schema_view(post=describe_start(serializers.StartAuthenticationV3Serializer, examples.STARTED_V3))
class StartAuthenticationV3View(StartAuthenticationView):
    """E3 in version 3, which targets an application."""


@extend_schema_view(post=describe_start(serializers.StartAuthenticationV2Serializer, examples.STARTED_V2))
class StartAuthenticationV2View(StartAuthenticationView):
    """E3 in version 2, which targets a user."""


class TransactionView(PortalView):
    @extend_schema(
        operation_id="getTransaction",
        summary="Get the result of a transaction",
        description=descriptions.RESULT,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        responses={
            200: OpenApiResponse(serializers.TransactionResultSerializer, "Status and result."),
            **portal_errors(errors.TransactionNotFound),
        },
        examples=examples.RESULT,
    )
    def get(self, request: Request, transaction_id: str) -> Response:
        client = self.authorize(request)
        return Response(serializers.serialize_result(transactions.get_result(parse_uuid(transaction_id), client)))

    @extend_schema(
        operation_id="cancelTransaction",
        summary="Cancel a pending transaction",
        description=descriptions.CANCEL,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        responses={
            204: OpenApiResponse(description="The transaction was cancelled."),
            **portal_errors(errors.TransactionNotFound),
        },
    )
    def delete(self, request: Request, transaction_id: str) -> Response:
        transactions.cancel(parse_uuid(transaction_id), self.authorize(request))
        return Response(status=204)


class ResendPushView(PortalView):
    @extend_schema(
        operation_id="resendPush",
        summary="Resend the push of a transaction",
        description=descriptions.RESEND_PUSH,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        request=None,
        responses={
            204: OpenApiResponse(description="The push is stored and will be sent."),
            **portal_errors(
                errors.LimitReached, errors.TransactionNotFound, errors.ResendLimitReached, errors.PushNotStored
            ),
        },
    )
    def post(self, request: Request, transaction_id: str) -> Response:
        transactions.resend_push(parse_uuid(transaction_id), self.authorize(request))
        return Response(status=204)


class VerifyCodeView(PortalView):
    @extend_schema(
        operation_id="verifySmsCode",
        summary="Verify an SMS code",
        description=descriptions.VERIFY_CODE,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        examples=examples.CODE_VERIFIED,
        request={FORM: serializers.VerifySmsCodeSerializer},
        responses={
            200: OpenApiResponse(serializers.TransactionReferenceSerializer, "The code is correct."),
            **portal_errors(
                errors.InvalidParameter,
                errors.SmsDisabled,
                errors.InvalidVerificationCode,
                errors.TransactionNotFound,
                errors.LimitReached,
                *BODY_ERRORS,
            ),
        },
    )
    def post(self, request: Request, user_id: str) -> Response:
        client = self.authorize(request)
        parameters = serializers.require_parameters(fields(request), "transaction_id", "sms_code")
        transaction = transactions.verify_code(
            parse_uuid(parameters["transaction_id"]), client, user_id, parameters["sms_code"]
        )
        return Response({"transaction_id": str(transaction.pk)})


class VerifyPhoneCodeView(PortalView):
    @extend_schema(
        operation_id="verifyPhoneCode",
        summary="Verify a code that the device shows",
        description=descriptions.VERIFY_PHONE_CODE,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        examples=examples.PHONE_CODE_VERIFIED,
        request={FORM: serializers.VerifyPhoneCodeSerializer},
        responses={
            200: OpenApiResponse(serializers.TransactionReferenceSerializer, "The code is correct."),
            **portal_errors(
                errors.InvalidParameter,
                errors.InvalidVerificationCode,
                errors.TransactionNotFound,
                errors.LimitReached,
                *BODY_ERRORS,
            ),
        },
    )
    def post(self, request: Request, user_id: str) -> Response:
        client = self.authorize(request)
        parameters = serializers.require_parameters(fields(request), "transaction_id", "code")
        transaction = transactions.verify_code_of_phone(
            parse_uuid(parameters["transaction_id"]), client, user_id, parameters["code"]
        )
        return Response({"transaction_id": str(transaction.pk)})


class ResendCodeView(PortalView):
    @extend_schema(
        operation_id="resendSmsCode",
        summary="Resend an SMS code",
        description=descriptions.RESEND_CODE,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        examples=examples.CODE_SENT_AGAIN,
        request={FORM: serializers.ResendSmsCodeSerializer},
        responses={
            204: OpenApiResponse(description="The SMS is stored and will be sent."),
            **portal_errors(
                errors.InvalidParameter,
                errors.LimitReached,
                errors.SmsDisabled,
                errors.TransactionNotFound,
                errors.TypeNotFound,
                errors.ResendLimitReached,
                errors.SmsNotStored,
                *BODY_ERRORS,
            ),
        },
    )
    def post(self, request: Request, user_id: str) -> Response:
        client = self.authorize(request)
        parameters = serializers.require_parameters(fields(request), "transaction_id")
        transactions.resend_code(parse_uuid(parameters["transaction_id"]), client, user_id)
        return Response(status=204)


def describe_user_types(
    serializer: type[Serializer[Any]], description: str, version_examples: list[OpenApiExample]
) -> Callable[[Any], Any]:
    """Describe E2. The members of a type differ by version."""
    return extend_schema(
        operation_id="listUserTypes",
        summary="List the authentication types of a user",
        description=description,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        responses={200: OpenApiResponse(serializer, "The available types."), **portal_errors()},
        examples=version_examples,
    )


class UserTypesView(PortalView):
    @describe_user_types(
        serializers.UserTypesByDeviceSerializer, descriptions.USER_TYPES, examples.USER_TYPES_BY_DEVICE
    )
    def get(self, request: Request, user_id: str) -> Response:
        self.authorize(request)
        available = availability.for_user(user_id)
        return Response({"enabled": [serializers.serialize_available_type(item, self.version) for item in available]})


class UserTypesByApplicationView(UserTypesView):
    """E2 in versions 2 and 3, which list applications instead of devices."""

    @describe_user_types(
        serializers.UserTypesByApplicationSerializer,
        descriptions.USER_TYPES_BY_APPLICATION,
        examples.USER_TYPES_BY_APPLICATION,
    )
    def get(self, request: Request, user_id: str) -> Response:
        response: Response = super().get(request, user_id)
        return response


class DeviceTypesView(PortalView):
    @extend_schema(
        operation_id="listDeviceTypes",
        summary="List the authentication types of a device",
        description=descriptions.DEVICE_TYPES,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        responses={200: OpenApiResponse(serializers.TypeNamesSerializer, "Names of the types."), **portal_errors()},
        examples=examples.TYPE_NAMES,
    )
    def get(self, request: Request, user_id: str, device_id: str) -> Response:
        self.authorize(request)
        return Response({"enabled": availability.on_device(user_id, device_id)})


class ApplicationTypesView(PortalView):
    @extend_schema(
        operation_id="listApplicationTypes",
        summary="List the authentication types of an application",
        description=descriptions.APPLICATION_TYPES,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        responses={200: OpenApiResponse(serializers.TypeNamesSerializer, "Names of the types."), **portal_errors()},
        examples=examples.TYPE_NAMES,
    )
    def get(self, request: Request, user_id: str, app_id: str) -> Response:
        self.authorize(request)
        return Response({"enabled": availability.in_application(user_id, app_id)})


class TypeNamesView(PortalView):
    @extend_schema(
        operation_id="listTypeNames",
        summary="List the names of the authentication types of a user",
        description=descriptions.TYPE_NAMES,
        tags=["Portal"],
        auth=CLIENT_AUTHENTICATION,
        responses={200: OpenApiResponse(serializers.TypeNamesSerializer, "Names of the types."), **portal_errors()},
        examples=examples.TYPE_NAMES,
    )
    def get(self, request: Request, user_id: str) -> Response:
        self.authorize(request)
        available = availability.for_user(user_id)
        return Response({"enabled": [item.mobile_type.name for item in available]})
