"""View of Keycloak's HTTP authentication channel."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import authentication
from apps.api.fields import JSON_OBJECT
from apps.api.parsers import StrictJsonParser
from apps.api.schema import BODY_ERRORS, JSON, error_responses, request_example
from apps.api.views import ApiView, require_mobile_authentication
from apps.common import errors
from apps.integrations import access, requests
from apps.integrations.models import KeycloakIntegration
from apps.integrations.serializers import KeycloakAuthenticationSerializer

DESCRIPTION = (
    "Keycloak delegates the authentication of a user here (`ciba-http-auth-channel`).\n\n"
    "Members of the body:\n\n"
    "- `login_hint` (required): user name at Keycloak, at most 255 characters\n"
    "- `binding_message`: message for the user, shown on the device; null: the message of the type\n"
    "- `acr_values`: names of mobile authentication types, separated by spaces. The first that the integration allows "
    "is used\n\n"
    "Other members are ignored. The bearer token must be signed by the realm of the integration with RS256, PS256 or "
    "ES256, and have the realm as issuer and audience, `typ` `Bearer`, `jti`, `sub`, `azp` and `exp`. A repeated "
    "request with the same token starts nothing. The end of the transaction is reported to "
    "`{realm}/protocol/openid-connect/ext/ciba/auth/callback` with the same token: `SUCCEED`, `UNAUTHORIZED` (denied) "
    "or `CANCELLED` (not answered)."
)
REQUEST = {
    "login_hint": "anna",
    "binding_message": "W4SCT",
    "acr_values": None,
    "scope": "openid",
    "is_consent_required": False,
}
AUTHENTICATION: Any = [{"keycloak": []}]


class KeycloakView(ApiView):
    parser_classes = [StrictJsonParser]

    @extend_schema(
        operation_id="startKeycloakAuthentication",
        summary="Start an authentication for Keycloak",
        description=DESCRIPTION,
        tags=["Identity providers"],
        auth=AUTHENTICATION,
        # Keycloak is the only caller. A schema of its own would add a model to every generated client.
        request={JSON: JSON_OBJECT},
        responses={
            201: OpenApiResponse(description="The transaction was initiated, or was by an earlier request."),
            **error_responses(
                errors.AccessDenied,
                errors.FeatureDisabled,
                errors.IdempotencyInProgress,
                errors.InvalidAccessToken,
                errors.InvalidParameter,
                errors.InvalidRequest,
                errors.LimitReached,
                errors.MessageTooLong,
                errors.MissingAccessToken,
                errors.NoAuthenticationPossibility,
                errors.PathNotFound,
                errors.PushNotStored,
                errors.UnauthorizedClient,
                *BODY_ERRORS,
                path="/integrations/",
            ),
        },
        examples=[request_example("request", REQUEST)],
    )
    def post(self, request: Request, integration_name: str) -> Response:
        integration = _find(integration_name)
        bearer = access.authorize(integration, authentication.bearer_token(request))
        require_mobile_authentication()
        body = KeycloakAuthenticationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        members = {name: body.validated_data.get(name) or "" for name in ("binding_message", "acr_values")}
        requests.start(integration, bearer, requests.Request(body.validated_data["login_hint"], **members))
        return Response(status=201)


def _find(name: str) -> KeycloakIntegration:
    integration = KeycloakIntegration.objects.select_related("api_client", "type").filter(name=name).first()
    if integration is None:
        raise errors.PathNotFound
    return integration
