"""Kinds of errors that prevent a callback from being sent or from getting a response."""

from enum import StrEnum

from apps.outgoing.errors import NetworkErrorKind


class CallbackErrorKind(StrEnum):
    """Errors before a callback is sent. The values are stored, like those of NetworkErrorKind."""

    CANNOT_DECRYPT = "cannot_decrypt"
    CREDENTIAL_EXPIRED = "credential_expired"


ErrorKind = CallbackErrorKind | NetworkErrorKind
