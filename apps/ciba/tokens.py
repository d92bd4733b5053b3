"""ID tokens (OpenID Connect Core 1.0, 2) and access tokens (RFC 9068), both signed JWTs."""

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.utils import timezone
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.util import to_bytes, urlsafe_b64encode

from apps.ciba import keys
from apps.ciba.errors import InvalidGrant
from apps.ciba.models import AuthenticationRequest
from apps.ciba.parameters import SCOPE
from apps.common import errors
from apps.enrollment.models import AuthenticatorType
from apps.transactions.models import Status, Transaction

LIFETIME = timedelta(minutes=5)
ACCESS_TOKEN_TYPE = "at+jwt"
AUTH_REQ_ID_CLAIM = "urn:openid:params:jwt:claim:auth_req_id"
MAX_TOKEN_CHARACTERS = 8_000
# Authentication Method Reference values (RFC 8176) of the authenticator that approved.
METHOD_REFERENCES: dict[str, list[str]] = {
    "": [],
    AuthenticatorType.PIN: ["pin", "mfa"],
    AuthenticatorType.FINGERPRINT: ["fpt", "mfa"],
    AuthenticatorType.CUSTOM: ["mfa"],
}
# Every approval proves the possession of the key of the profile. Nothing attests that it is in hardware.
POSSESSION = ["pop", "swk"]


@dataclass(frozen=True)
class Tokens:
    """Signed tokens, and the authorization details that the user approved."""

    id_token: str
    access_token: str
    authorization_details: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Return the members of a token response (CIBA Core 1.0, 10.1.1; RFC 9396, 7)."""
        details = {"authorization_details": self.authorization_details} if self.authorization_details else {}
        return {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": round(LIFETIME.total_seconds()),
            "id_token": self.id_token,
            "scope": SCOPE,
            **details,
        }


def issue(request: AuthenticationRequest, client_id: str, *, auth_req_id: str = "") -> Tokens:
    """Sign the tokens of an authenticated transaction. `client_id` is the audience of the ID token.

    `auth_req_id` is a claim of tokens that are pushed. Raises InvalidGrant if the transaction is not authenticated,
    whatever the caller has checked.
    """
    if request.transaction.status != Status.AUTHENTICATED:
        raise InvalidGrant
    key = keys.active()
    now = int(timezone.now().timestamp())
    common = {"iss": settings.PUBLIC_URL, "iat": now, "exp": now + round(LIFETIME.total_seconds())}
    about_user = {**common, **_authentication(request.transaction)}
    access_token = _sign(key, ACCESS_TOKEN_TYPE, about_user | access_claims(request, client_id))
    details = json.loads(request.authorization_details or "[]")
    claims = id_claims(request, client_id, access_token) | details_claims(request.transaction, details)
    pushed = {AUTH_REQ_ID_CLAIM: auth_req_id} if auth_req_id else {}
    return Tokens(_sign(key, "JWT", about_user | claims | pushed), access_token, details)


def _authentication(transaction: Transaction) -> dict[str, Any]:
    """Return the claims about the user and the authentication."""
    answered_at = transaction.ended_at or transaction.created_at
    return {
        "sub": transaction.user_id,
        "auth_time": int(answered_at.timestamp()),
        "acr": transaction.type_name,
        "amr": POSSESSION + METHOD_REFERENCES[transaction.authenticator],
    }


def id_claims(request: AuthenticationRequest, client_id: str, access_token: str) -> dict[str, Any]:
    """Return the claims that only the ID token has."""
    return {"aud": client_id, "txn": str(request.transaction_id), "at_hash": _half_hash(access_token)}


def details_claims(transaction: Transaction, details: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the claims about the authorization details, with the device's signature over their canonical form.

    The signature and the key have the form of the portal API.
    """
    if not details:
        return {}
    if not transaction.signature_verified:
        return {"authorization_details": details}
    return {
        "authorization_details": details,
        "authorization_details_signature": transaction.signature,
        "user_public_key": transaction.user_public_key,
    }


def access_claims(request: AuthenticationRequest, client_id: str) -> dict[str, Any]:
    """Return the claims that only the access token has. Its audience is the issuer, for the userinfo endpoint.

    The `jti` is the same when a push is repeated.
    """
    return {"aud": settings.PUBLIC_URL, "client_id": client_id, "scope": request.scope, "jti": str(request.pk)}


def _sign(key: Any, token_type: str, claims: dict[str, Any]) -> str:
    header = {"alg": keys.ALGORITHM, "kid": key.kid, "typ": token_type}
    return jwt.encode(header, claims, keys.private_key(key), [keys.ALGORITHM])


def _half_hash(token: str) -> str:
    """Return the left half of the hash of a token (OpenID Connect Core 1.0, 3.1.3.6)."""
    return urlsafe_b64encode(sha256(to_bytes(token)).digest()[:16]).decode()


def read_access_token(token: str) -> dict[str, Any]:
    """Return the claims of a valid access token of this issuer. Raises InvalidAccessToken if it is not valid."""
    try:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise ValueError("too long")
        decoded = jwt.decode(token, keys.verification_keys(), [keys.ALGORITHM])
        registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": settings.PUBLIC_URL},
            aud={"essential": True, "value": settings.PUBLIC_URL},
            exp={"essential": True},
            sub={"essential": True},
        )
        registry.validate(decoded.claims)
        if decoded.header.get("typ") != ACCESS_TOKEN_TYPE:
            raise ValueError("another type of token")
    except (JoseError, ValueError, TypeError):
        raise errors.InvalidAccessToken from None
    return decoded.claims
