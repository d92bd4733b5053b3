"""Conversion of errors to HTTP responses. All HTTP statuses of errors are defined here."""

from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import bad_request as bad_request_page
from django.views.defaults import page_not_found
from django.views.defaults import server_error as server_error_page
from rest_framework import exceptions as drf
from rest_framework.response import Response

from apps.common import errors

log = structlog.get_logger(__name__)

NO_STORE = {"Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache"}

# An error without an entry has the status of its base class.
STATUS: dict[type[errors.ApiError], int] = {
    errors.ApiError: 400,
    errors.InvalidClient: 401,
    errors.InvalidDeviceToken: 401,
    errors.InvalidAccessToken: 401,
    errors.ResendLimitReached: 403,
    errors.AccessDenied: 403,
    errors.AuthenticatorNotEnabled: 403,
    errors.AuthenticatorRevoked: 403,
    errors.InvalidPin: 403,
    errors.VersionNotEnabled: 403,
    errors.EnrollmentDisabled: 403,
    errors.FeatureDisabled: 404,
    errors.NoAuthenticationPossibility: 404,
    errors.SmsDisabled: 404,
    errors.InvalidVerificationCode: 404,
    errors.VersionMandatory: 404,
    errors.TransactionNotFound: 404,
    errors.TypeNotFound: 404,
    errors.PathNotFound: 404,
    errors.InvalidEnrollmentCode: 404,
    errors.InvalidOtp: 404,
    errors.InvalidProfile: 404,
    errors.InvalidTransaction: 404,
    errors.ObjectNotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.IdempotencyInProgress: 409,
    errors.PushTokenInUse: 409,
    errors.UserAlreadyEnrolled: 409,
    errors.Disconnected: 410,
    errors.RequestTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.IdempotencyKeyReused: 422,
    errors.LimitReached: 429,
    errors.InternalError: 500,
    errors.PushNotStored: 503,
    errors.SmsNotStored: 503,
    errors.ServiceUnavailable: 503,
}
WWW_AUTHENTICATE: dict[type[errors.ApiError], str] = {
    errors.InvalidClient: 'Basic realm="Countersign", charset="UTF-8"',
    errors.InvalidDeviceToken: 'Bearer realm="Countersign"',
    errors.MissingAccessToken: 'Bearer realm="Countersign"',
    # RFC 6750, 3.
    errors.InvalidAccessToken: 'Bearer realm="Countersign", error="invalid_token"',
}

FRAMEWORK_ERRORS: dict[type[Exception], type[errors.ApiError]] = {
    drf.MethodNotAllowed: errors.MethodNotAllowed,
    drf.UnsupportedMediaType: errors.UnsupportedMediaType,
    RequestDataTooBig: errors.RequestTooLarge,
    OperationalError: errors.ServiceUnavailable,
    InterfaceError: errors.ServiceUnavailable,
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Return the response to an exception of a view (exception handler of the REST framework)."""
    api_error = _to_api_error(error)
    if isinstance(api_error, errors.InternalError):
        log.error("request_failed", exc_info=error, path=context["request"].path)
    elif isinstance(api_error, errors.ServiceUnavailable):
        # While the database is unavailable, each request logs one line and no traceback.
        log.error("request_failed", reason=str(error).partition("\n")[0][:200], path=context["request"].path)
    return Response(
        body(api_error, context["request"].path), status=status_of(type(api_error)), headers=headers_of(api_error)
    )


def _to_api_error(error: Exception) -> errors.ApiError:
    if isinstance(error, errors.ApiError):
        return error
    if isinstance(error, drf.ValidationError):
        return errors.InvalidRequest(first_problem(error.detail))
    return FRAMEWORK_ERRORS.get(type(error), errors.InternalError)()


def status_of(error: type[errors.ApiError]) -> int:
    """Return the HTTP status of an error."""
    return next(STATUS[base] for base in error.__mro__ if base in STATUS)


def headers_of(error: errors.ApiError) -> dict[str, str]:
    """Return the headers of an error response."""
    headers = {"Retry-After": str(error.seconds)} if error.seconds else {}
    if type(error) in WWW_AUTHENTICATE:
        headers["WWW-Authenticate"] = WWW_AUTHENTICATE[type(error)]
    return headers


def body(error: errors.ApiError, path: str) -> dict[str, Any]:
    """Build the body of an error: `error` and `error_description`, and the error code if the error has one."""
    text = str(error.text)
    members = {"error": error.token, "error_description": text}
    if path.split("/")[1] == "device":
        return {"error_code": error.code or error.token, **members, **error.members}
    return {"error_code": error.code, "description": text, **members} if error.code else members


def first_problem(detail: Any, name: str = "") -> str:
    """Return the first validation error of a serializer, in the order of its fields, with the name of the field."""
    if isinstance(detail, dict):
        member, detail_of_member = next(iter(detail.items()))
        # List items have an index instead of a name.
        nameless = member == "non_field_errors" or isinstance(member, int)
        return first_problem(detail_of_member, name if nameless else str(member))
    if isinstance(detail, list):
        return first_problem(detail[0], name)
    # The text can quote the input, and JSON input can contain lone surrogates, which cannot be encoded.
    text = str(detail).encode(errors="replace").decode()
    return f"{name}: {text}" if name else text


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response to a request that Django rejects before a view: an unknown host or a malformed request."""
    if is_api(request):
        return error_response(errors.InvalidRequest(), request.path)
    return bad_request_page(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response to an unknown path: JSON in the APIs, a page elsewhere."""
    if is_api(request):
        return error_response(errors.PathNotFound(), request.path)
    return page_not_found(request, exception)


def is_api(request: HttpRequest) -> bool:
    return request.path.split("/")[1] in ("oauth", "device", "integrations")


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the response to an unexpected error: JSON in the APIs, a page elsewhere."""
    if is_api(request):
        return error_response(errors.InternalError(), request.path)
    return server_error_page(request)


def error_response(error: errors.ApiError, path: str) -> HttpResponse:
    """Build the response to an error outside the views of the REST framework."""
    headers, content_type = {**NO_STORE, **headers_of(error)}, "application/json; charset=UTF-8"
    return JsonResponse(body(error, path), status=status_of(type(error)), headers=headers, content_type=content_type)
