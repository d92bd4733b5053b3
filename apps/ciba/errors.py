"""Errors of the specifications that the shared error tree lacks (CIBA Core 1.0, 11 and 13; RFC 6749, 9396).

`apps.common.errors` has the others: InvalidRequest, InvalidClient, UnauthorizedClient and AccessDenied. The texts are
not translated, because `error_description` is ASCII without quotation marks (RFC 6749, 5.2).
"""

from typing import TYPE_CHECKING

from apps.common.errors import ApiError, LimitReached

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


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


class PolledTooSoon(CibaError):
    """The client did not wait for the interval, which is now longer by 5 seconds."""

    token = "slow_down"
    text = "The interval between two token requests was too short. It is now longer by 5 seconds."

    def __init__(self, interval: int = 10) -> None:
        super().__init__()
        self.seconds = interval


class Denied(CibaError):
    """The user is not authenticated. The status is 400 (RFC 6749, 5.2), unlike that of `errors.AccessDenied`."""

    token = "access_denied"
    text = "The user denied the request."


class SlowDown(LimitReached):
    """A limit of authentications is reached. The status is 429."""

    code, token = "", "slow_down"

    def __init__(self, seconds: float = 60, text: "str | StrPromise | None" = None) -> None:
        super().__init__(seconds, text or "Too many requests. Wait before the next request.")


class ExpiredToken(CibaError):
    token = "expired_token"
    text = "The authentication request has expired."


class InvalidGrant(CibaError):
    token = "invalid_grant"
    text = "The authentication request is unknown, was used, or belongs to another client."
