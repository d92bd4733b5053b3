"""Errors of the specifications that the shared error tree lacks (CIBA Core 1.0, 11 and 13; RFC 6749, 9396).

`apps.common.errors` has the others: InvalidRequest, InvalidClient, UnauthorizedClient and AccessDenied. The texts are
not translated, because `error_description` is ASCII without quotation marks (RFC 6749, 5.2).
"""

from apps.common.errors import ApiError, LimitReached


class CibaError(ApiError):
    """Error of an endpoint of CIBA. The HTTP status is 400, except where a class says otherwise."""


class InvalidScope(CibaError):
    token = "invalid_scope"
    text = "The scope is missing, is malformed or does not contain openid."


class UnknownUserId(CibaError):
    token = "unknown_user_id"
    text = "The hint identifies no user who can be asked."


class ExpiredLoginHintToken(CibaError):
    token = "expired_login_hint_token"
    text = "The login hint token has expired."


class InvalidUserCode(CibaError):
    token = "invalid_user_code"
    text = "User codes are not supported."


class InvalidBindingMessage(CibaError):
    token = "invalid_binding_message"
    text = "The binding message is too long or contains characters that cannot be displayed."


class InvalidAuthorizationDetails(CibaError):
    token = "invalid_authorization_details"
    text = "The authorization details are invalid."


class UnsupportedGrantType(CibaError):
    token = "unsupported_grant_type"
    text = "This grant type is not supported."


class AuthorizationPending(CibaError):
    token = "authorization_pending"
    text = "The user has not answered yet."


class SlowDown(LimitReached):
    """The client polls too often, or a limit of authentications is reached. The first has the status 400."""

    code, token = "", "slow_down"

    def __init__(self, seconds: float, text: str = "Too many requests. Wait before the next request.") -> None:
        super().__init__(seconds, text)


class ExpiredToken(CibaError):
    token = "expired_token"
    text = "The authentication request has expired."


class InvalidGrant(CibaError):
    token = "invalid_grant"
    text = "The authentication request is unknown, was used, or belongs to another client."
