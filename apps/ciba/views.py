"""Views of OpenID Connect CIBA: discovery, key set, authentication requests, tokens and userinfo."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import authentication
from apps.api.parsers import StrictFormParser, fields
from apps.api.views import ApiView
from apps.ciba import (
    client_authentication,
    descriptions,
    discovery,
    grants,
    keys,
    parameters,
    request_object,
    requests,
    tokens,
)
from apps.ciba.errors import CibaError, UnsupportedGrantType
from apps.ciba.models import CibaClient, DeliveryMode
from apps.ciba.parsers import JsonFormParser
from apps.common import errors
from apps.system import services as system

CACHEABLE = {"Cache-Control": f"public, max-age={round(keys.MAX_AGE.total_seconds())}"}
# Errors of the framework that OAuth has no name for.
INVALID_REQUESTS: dict[type[Exception], str] = {
    UnsupportedMediaType: "The body must be a form or a JSON object.",
    errors.RequestTooLarge: "The request is too large.",
}
# Characters that `error_description` must not have (RFC 6749, 5.2).
NOT_ALLOWED = re.compile(r'[^\x20-\x7e]|["\\]')


class CibaView(ApiView):
    """Base class of the views of CIBA. Errors have the names and the characters of OAuth, so they are in English."""

    parser_classes = [StrictFormParser, JsonFormParser]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with translation.override("en"):
            return super().dispatch(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        text = INVALID_REQUESTS.get(type(exc))
        response: Response = super().handle_exception(errors.InvalidRequest(text) if text else exc)
        response.data["error_description"] = NOT_ALLOWED.sub("?", response.data["error_description"])
        return response


def authenticate(request: Request) -> CibaClient:
    return client_authentication.authenticate(request, request.data, discovery.audiences())


def read_form(request: Request) -> Mapping[str, str]:
    """Return the parameters. Raises InvalidRequest if one is repeated, or if the body is not valid."""
    try:
        return fields(request)
    except errors.InvalidParameter as error:
        raise errors.InvalidRequest(error.text) from None


class IssuerView(CibaView):
    """Base class of the public documents. Without a client for CIBA, this server is no issuer."""

    def document(self) -> dict[str, Any]:
        raise NotImplementedError

    def respond(self) -> Response:
        if not CibaClient.objects.exists():
            raise errors.ObjectNotFound("OpenID Connect CIBA is not set up: no API client has settings for it.")
        return Response(self.document(), headers=CACHEABLE)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        finalized: Response = super().finalize_response(request, response, *args, **kwargs)
        if finalized.status_code == HTTPStatus.OK:
            del finalized.headers["Pragma"]
        return finalized


class DiscoveryView(IssuerView):
    @descriptions.discovery
    def get(self, request: Request) -> Response:
        return self.respond()

    def document(self) -> dict[str, Any]:
        return discovery.metadata()


class KeySetView(IssuerView):
    @descriptions.key_set
    def get(self, request: Request) -> Response:
        return self.respond()

    def document(self) -> dict[str, Any]:
        return keys.key_set()


class BackchannelAuthenticationView(CibaView):
    @descriptions.backchannel_authentication
    def post(self, request: Request) -> Response:
        client = authenticate(request)
        try:
            started = self._start(request, client)
        except (CibaError, errors.InvalidRequest, errors.LimitReached) as error:
            requests.record_rejection(client, error)
            raise
        body: dict[str, Any] = {"auth_req_id": started.auth_req_id, "expires_in": started.expires_in}
        if client.delivery_mode != DeliveryMode.PUSH:
            body["interval"] = requests.INTERVAL_SECONDS
        if started.verification_number:
            body["verification_number"] = started.verification_number
        return Response(body)

    def _start(self, request: Request, client: CibaClient) -> requests.StartedRequest:
        if not system.features().mobile_authentication:
            raise errors.AccessDenied("Mobile authentication is off.")
        form = request_object.read(read_form(request), client, settings.PUBLIC_URL)
        return requests.start(parameters.read(form, client), client)


class TokenView(CibaView):
    @descriptions.token
    def post(self, request: Request) -> Response:
        client = authenticate(request)
        form = read_form(request)
        grant_type = parameters.required(form, "grant_type")
        if grant_type != discovery.GRANT_TYPE:
            raise UnsupportedGrantType
        return Response(grants.redeem(parameters.required(form, "auth_req_id"), client).as_json())


class UserinfoView(CibaView):
    @descriptions.userinfo
    def get(self, request: Request) -> Response:
        token = authentication.bearer_token(request)
        if not token:
            raise errors.MissingAccessToken
        return Response({"sub": tokens.read_access_token(token)["sub"]})

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        response: Response = self.get(request)
        return response


@extend_schema_view(post=extend_schema(exclude=True))
class ShortPathBackchannelAuthenticationView(BackchannelAuthenticationView):
    """The same at the path that some clients use."""
