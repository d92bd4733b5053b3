"""Descriptions of the operations of CIBA for the API description."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from apps.api.fields import JSON_OBJECT
from apps.api.schema import (
    CLIENT_AUTHENTICATION,
    FORM,
    NO_AUTHENTICATION,
    error_responses,
    request_example,
    response_example,
)
from apps.ciba import errors as ciba
from apps.ciba.serializers import (
    AcceptedRequestSerializer,
    BackchannelAuthenticationSerializer,
    IssuedTokensSerializer,
    TokenSerializer,
)
from apps.common import errors

TAG = "CIBA"
ACCESS_TOKEN: Any = [{"accessToken": []}]
KEY_SET = {"$ref": "#/components/schemas/KeySet"}
GRANT_TYPE = "urn:openid:params:grant-type:ciba"
AUTH_REQ_ID = "mV0Xn3v5dRkT1y8uQwLcGh2sJpZaBfEo4iNx6tDrKqM"
_ACCESS = """The API client must have the API `ciba` and authenticates with its secret, as in the other APIs, or with a
signed JWT in `client_assertion` (private_key_jwt, RFC 7523)."""


def _example(name: str, value: object) -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True, status_codes=["200"])


discovery = extend_schema(
    operation_id="getIssuerMetadata",
    summary="Get the metadata of the issuer",
    description="Returns the endpoints and what they support (OpenID Connect Discovery 1.0). The document can be "
    "cached for an hour. `not_found`: no API client is set up for CIBA.",
    tags=[TAG],
    auth=NO_AUTHENTICATION,
    responses={200: OpenApiResponse(JSON_OBJECT, "The metadata."), **error_responses(errors.ObjectNotFound)},
    examples=[_example("metadata", {"issuer": "https://auth.example.com"})],
)

key_set = extend_schema(
    operation_id="getSigningKeys",
    summary="Get the keys that sign tokens",
    description="Returns the public keys of the issuer as a JWK Set. It can be cached for an hour: a new key is "
    "published before it signs. `not_found`: no API client is set up for CIBA.",
    tags=[TAG],
    auth=NO_AUTHENTICATION,
    responses={200: OpenApiResponse(KEY_SET, "The keys."), **error_responses(errors.ObjectNotFound)},
    examples=[
        _example(
            "one key",
            {
                "keys": [
                    {
                        "kty": "EC",
                        "crv": "P-256",
                        "x": "W3vnFmOBVa2FfHGvSWS0S0eSMZ5TbRMBtqsuFAQSWnQ",
                        "y": "bQCkB2yA3kcFXgqXLPXjDmRcJL2SGHhDSWSqkBQzmLw",
                        "kid": "mF0a2m1JXXqvsJrYyqvTPS0CvYhHnJtU0yYbL1pB5Hs",
                        "use": "sig",
                        "alg": "ES256",
                    }
                ]
            },
        )
    ],
)

backchannel_authentication = extend_schema(
    operation_id="startBackchannelAuthentication",
    summary="Ask a user to authenticate",
    description=f"""Starts an authentication on the device of a user (OpenID Connect CIBA Core 1.0, 7). {_ACCESS}

The device is the most recently used one of the user that can do the type. The path `/bc-authorize` is the same.

- `invalid_request`: a parameter is missing, invalid or repeated, or the signed `request` is invalid.
- `invalid_scope`: the scope does not contain `openid`.
- `unknown_user_id`: the user does not exist or has no device that can do one of the types. The two cases are
  indistinguishable.
- `expired_login_hint_token`: the `login_hint_token` has expired.
- `invalid_binding_message`: the binding message is too long, or has characters that cannot be displayed.
- `invalid_user_code`: user codes are not supported.
- `invalid_authorization_details`: the details are invalid, or of a type that the client may not use.
- `slow_down`: a limit of the user is reached. Repeat the request after `Retry-After` seconds.
""",
    tags=[TAG],
    auth=CLIENT_AUTHENTICATION,
    request={FORM: BackchannelAuthenticationSerializer},
    responses={
        200: OpenApiResponse(AcceptedRequestSerializer, "The device of the user is asked."),
        **error_responses(
            errors.InvalidClient,
            errors.UnauthorizedClient,
            errors.AccessDenied,
            errors.InvalidRequest,
            ciba.InvalidScope,
            ciba.UnknownUserId,
            ciba.ExpiredLoginHintToken,
            ciba.InvalidBindingMessage,
            ciba.InvalidUserCode,
            ciba.InvalidAuthorizationDetails,
            ciba.SlowDown,
        ),
    },
    examples=[
        request_example("login", {"scope": "openid", "login_hint": "anna", "binding_message": "Sign in: 10:15"}, FORM),
        response_example("login", {"auth_req_id": AUTH_REQ_ID, "expires_in": 300, "interval": 5}),
    ],
)

token = extend_schema(
    operation_id="requestTokens",
    summary="Get the tokens of an approved request",
    description=f"""Returns the tokens once the user has approved (OpenID Connect CIBA Core 1.0, 10.1 and 11). {_ACCESS}

- `authorization_pending`: the user has not answered yet. Repeat the request after `interval` seconds.
- `slow_down`: as `authorization_pending`, but the request came too early. The interval is 5 seconds longer now.
- `access_denied`: the user denied, the approval was invalid, or the request was cancelled.
- `expired_token`: the request has expired.
- `invalid_grant`: the `auth_req_id` is unknown, was used, or belongs to another client.
- `unauthorized_client`: the client gets its tokens by push.
- `unsupported_grant_type`: `grant_type` is another one.
""",
    tags=[TAG],
    auth=CLIENT_AUTHENTICATION,
    request={FORM: TokenSerializer},
    responses={
        200: OpenApiResponse(IssuedTokensSerializer, "The tokens. They are issued once."),
        **error_responses(
            errors.InvalidClient,
            errors.UnauthorizedClient,
            errors.AccessDenied,
            errors.InvalidRequest,
            ciba.UnsupportedGrantType,
            ciba.AuthorizationPending,
            ciba.PolledTooSoon,
            ciba.Denied,
            ciba.ExpiredToken,
            ciba.InvalidGrant,
        ),
    },
    examples=[
        request_example("poll", {"grant_type": GRANT_TYPE, "auth_req_id": AUTH_REQ_ID}, FORM),
        response_example(
            "tokens",
            {
                "access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl",
                "token_type": "Bearer",
                "expires_in": 300,
                "id_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl",
                "scope": "openid",
            },
        ),
    ],
)

userinfo = extend_schema(
    operation_id="getUserinfo",
    summary="Get the user of an access token",
    description="Returns the claim `sub`, the user id, for a valid access token (OpenID Connect Core 1.0, 5.3). POST "
    "is the same. `invalid_token`: the token is missing, invalid or expired.",
    tags=[TAG],
    auth=ACCESS_TOKEN,
    responses={
        200: OpenApiResponse(JSON_OBJECT, "The claims."),
        **error_responses(errors.InvalidAccessToken, errors.MissingAccessToken),
    },
    examples=[_example("anna", {"sub": "anna"})],
)
