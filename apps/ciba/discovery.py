"""Metadata of the issuer (OpenID Connect Discovery 1.0 and CIBA Core 1.0, 4). Only what works is advertised."""

from itertools import chain
from typing import Any

from django.conf import settings

from apps.ciba import keys
from apps.ciba.models import AuthenticationMethod, CibaClient, DeliveryMode
from apps.ciba.parameters import SCOPE
from apps.common.jose.public_keys import ALL_ALGORITHMS

GRANT_TYPE = "urn:openid:params:grant-type:ciba"
CLAIMS = [
    *("iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "txn", "at_hash"),
    *("authorization_details", "authorization_details_signature", "user_public_key"),
]
# Paths of the endpoints. Some clients build the path of an authentication request from the issuer.
BACKCHANNEL_PATHS = ("/oauth/bc-authorize", "/bc-authorize")
TOKEN_PATH = "/oauth/token"


def metadata() -> dict[str, Any]:
    issuer = settings.PUBLIC_URL
    details_types = CibaClient.objects.values_list("authorization_details_types", flat=True)
    return {
        "issuer": issuer,
        "backchannel_authentication_endpoint": issuer + BACKCHANNEL_PATHS[0],
        "token_endpoint": issuer + TOKEN_PATH,
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "grant_types_supported": [GRANT_TYPE],
        "response_types_supported": [],
        "scopes_supported": [SCOPE],
        "subject_types_supported": ["public"],
        "claims_supported": CLAIMS,
        "id_token_signing_alg_values_supported": [keys.ALGORITHM],
        "token_endpoint_auth_methods_supported": AuthenticationMethod.values,
        "token_endpoint_auth_signing_alg_values_supported": list(ALL_ALGORITHMS),
        "backchannel_token_delivery_modes_supported": DeliveryMode.values,
        "backchannel_authentication_request_signing_alg_values_supported": list(ALL_ALGORITHMS),
        "backchannel_user_code_parameter_supported": False,
        "authorization_details_types_supported": sorted(set(chain.from_iterable(details_types))),
        "claims_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def audiences() -> list[str]:
    """Return the audiences of a signed JWT for client authentication: issuer and endpoints (CIBA Core 1.0, 7.1)."""
    endpoints = [settings.PUBLIC_URL + path for path in (TOKEN_PATH, *BACKCHANNEL_PATHS)]
    # Some clients end the issuer with a slash.
    return [settings.PUBLIC_URL, f"{settings.PUBLIC_URL}/", *endpoints]
