"""Views of the user API, which is available even if the feature mobile authentication is off.

Delete and disable requests return 204 even if the device does not exist or belongs to another user.
"""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import (
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer

from apps.api import authentication
from apps.api.parsers import Form, StrictFormParser, StrictJsonParser, fields
from apps.api.schema import BODY_ERRORS, CLIENT_AUTHENTICATION, JSON, ErrorSerializer, error_responses
from apps.api.users import descriptions, examples, serializers
from apps.api.views import ApiView
from apps.applications.models import Api
from apps.common import errors
from apps.common.clock import milliseconds
from apps.enrollment import device_management, links
from apps.enrollment import services as enrollment
from apps.enrollment.models import MAX_USER_ID_CHARACTERS
from apps.events.types import EventTypes

DONE = OpenApiResponse(description="The request was carried out.")


def user_errors(*more: type[errors.ApiError]) -> dict[int, OpenApiResponse]:
    return error_responses(errors.InvalidClient, errors.UnauthorizedClient, errors.AccessDenied, *more)


class UserIdSerializer(Serializer[Any]):
    user_id = CharField(max_length=MAX_USER_ID_CHARACTERS, trim_whitespace=False)


class UsersView(ApiView):
    parser_classes = [StrictJsonParser, StrictFormParser]

    def authorize(self, request: Request) -> str:
        """Authenticate the API client and return its id."""
        return authentication.authenticate_client(request, Api.END_USER).client_id


class EnrollmentCodesView(UsersView):
    @extend_schema(
        operation_id="createEnrollmentCode",
        summary="Create an enrolment code for a user",
        description=descriptions.ENROLLMENT_CODE,
        tags=["Users"],
        auth=CLIENT_AUTHENTICATION,
        # Two content types break clients of openapi-python-client 0.29. The description names the form.
        request={JSON: serializers.CreateEnrollmentCodeSerializer},
        responses={
            201: OpenApiResponse(serializers.EnrollmentCodeSerializer, "The enrolment code."),
            **user_errors(errors.InvalidRequest, errors.ObjectNotFound, *BODY_ERRORS),
        },
        examples=examples.ENROLLMENT_CODE,
    )
    def post(self, request: Request, user_id: str) -> Response:
        client_id = self.authorize(request)
        UserIdSerializer(data={"user_id": user_id}).is_valid(raise_exception=True)
        serializer = serializers.CreateEnrollmentCodeSerializer(data=fields(request))
        serializer.is_valid(raise_exception=True)
        code, row = enrollment.create_enrollment_code(
            user_id=user_id,
            application_identifier=serializer.validated_data["application_id"],
            client_id=client_id,
        )
        return Response(
            {
                "enrollment_code": code,
                **links.members(code, row.application),
                "expires_at": milliseconds(row.expires_at),
            },
            status=201,
        )


# An error of the server itself has the common body.
NOT_DELETED = PolymorphicProxySerializer(
    component_name="NotAllDeletedOrError",
    serializers=[serializers.NotAllDeletedSerializer, ErrorSerializer],
    resource_type_field_name=None,
)
NO_DEVICES = {
    404: OpenApiResponse(
        serializers.NoDevicesSerializer, "The user has no devices, or is unknown.", examples=[examples.NO_DEVICES]
    )
}


class DevicesView(UsersView):
    # Version 3 has other member names.
    list_serializer: type[Serializer[Any]] = serializers.DeviceListSerializer

    @extend_schema(
        operation_id="listDevices",
        summary="List the devices of a user",
        description=descriptions.LIST_DEVICES,
        tags=["Users"],
        auth=CLIENT_AUTHENTICATION,
        responses={
            200: OpenApiResponse(serializers.DeviceListSerializer, "Devices, oldest first."),
            **user_errors(),
            **NO_DEVICES,
        },
        examples=examples.DEVICES,
    )
    def get(self, request: Request, user_id: str) -> Response:
        devices = device_management.list_devices(user_id, client_id=self.authorize(request))
        if not devices:
            return Response(serializers.NO_DEVICES, status=404)
        return Response(self.list_serializer({"devices": devices}).data)

    @extend_schema(
        operation_id="deleteDevices",
        summary="Delete several devices of a user",
        description=descriptions.DELETE_DEVICES,
        tags=["Users"],
        auth=CLIENT_AUTHENTICATION,
        request={JSON: serializers.DeleteDevicesSerializer},
        responses={
            204: DONE,
            **user_errors(errors.InvalidRequest, *BODY_ERRORS),
            500: OpenApiResponse(NOT_DELETED, "Some devices were not deleted, or `internal_error`."),
        },
        examples=examples.DELETE,
    )
    def post(self, request: Request, user_id: str) -> Response:
        client_id = self.authorize(request)
        serializer = serializers.DeleteDevicesSerializer(data=_json_members(request))
        serializer.is_valid(raise_exception=True)
        profiles = device_management.profiles_on_devices(user_id, serializer.validated_data["delete"])
        remaining = device_management.remove_each(profiles, EventTypes.API_DEVICE_REMOVED, client_id=client_id)
        return Response(serializers.serialize_not_deleted(remaining), status=500) if remaining else Response(status=204)

    @extend_schema(
        operation_id="deleteAllDevices",
        summary="Delete all devices of a user",
        description=descriptions.DELETE_ALL_DEVICES,
        tags=["Users"],
        auth=CLIENT_AUTHENTICATION,
        responses={204: DONE, **user_errors()},
    )
    def delete(self, request: Request, user_id: str) -> Response:
        client_id = self.authorize(request)
        profiles = list(device_management.all_profiles(user_id))
        if device_management.remove_each(profiles, EventTypes.API_DEVICE_REMOVED, client_id=client_id):
            raise errors.InternalError
        return Response(status=204)


@extend_schema_view(
    get=extend_schema(
        responses={
            200: OpenApiResponse(serializers.DeviceListV3Serializer, "Devices, oldest first."),
            **user_errors(),
            **NO_DEVICES,
        },
        examples=examples.OLD_DEVICES,
    ),
)
class DevicesV3View(DevicesView):
    list_serializer = serializers.DeviceListV3Serializer


def _json_members(request: Request) -> dict[str, Any]:
    """Return the members of a JSON body. Raises UnsupportedMediaType for a form, which cannot contain a list."""
    if isinstance(request.data, Form):
        raise errors.UnsupportedMediaType
    members: dict[str, Any] = request.data
    return members


class DeviceView(UsersView):
    @extend_schema(
        operation_id="deleteDevice",
        summary="Delete one device of a user",
        description=descriptions.DELETE_DEVICE,
        tags=["Users"],
        auth=CLIENT_AUTHENTICATION,
        responses={204: DONE, **user_errors()},
    )
    def delete(self, request: Request, user_id: str, device_id: str) -> Response:
        client_id = self.authorize(request)
        device_management.remove(
            device_management.profiles_on_devices(user_id, [device_id]),
            EventTypes.API_DEVICE_REMOVED,
            client_id=client_id,
        )
        return Response(status=204)


class RevokeView(UsersView):
    """Base class of the views that revoke an authenticator or enrolment. Repeating the request is not an error."""

    revoke: Callable[..., object]

    @extend_schema(tags=["Users"], auth=CLIENT_AUTHENTICATION, request=None, responses={204: DONE, **user_errors()})
    def post(self, request: Request, user_id: str, device_id: str) -> Response:
        client_id = self.authorize(request)
        for profile in device_management.profiles_on_devices(user_id, [device_id]):
            self.revoke(profile, client_id=client_id)
        return Response(status=204)


@extend_schema_view(
    post=extend_schema(
        operation_id="disableFingerprint",
        summary="Revoke the fingerprint of a user on a device",
        description=descriptions.DISABLE_FINGERPRINT,
    )
)
class DisableFingerprintView(RevokeView):
    revoke = staticmethod(device_management.revoke_fingerprint)


@extend_schema_view(
    post=extend_schema(
        operation_id="disableMobileAuthentication",
        summary="Revoke mobile authentication of a user on a device",
        description=descriptions.DISABLE_MOBILE_AUTHENTICATION,
    )
)
class DisableMobileAuthenticationView(RevokeView):
    revoke = staticmethod(device_management.revoke_mobile_authentication)


@extend_schema_view(
    post=extend_schema(
        operation_id="disablePushAuthentication",
        summary="Revoke push authentication of a user on a device",
        description=descriptions.DISABLE_PUSH_AUTHENTICATION,
    )
)
class DisablePushAuthenticationView(RevokeView):
    revoke = staticmethod(device_management.revoke_push)
