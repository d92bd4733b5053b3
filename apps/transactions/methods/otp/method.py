"""OTP: a string that the portal shows and the app scans; who scans it is the user."""

from collections.abc import Callable
from functools import partial

from apps.common import codes
from apps.events.types import EventType
from apps.otp import codes as otp_codes
from apps.transactions.context import compose as contexts
from apps.transactions.methods.base import Ask, Started, create, signing_data_of

PURPOSE = "one-time password"


def plan(ask: Ask) -> Callable[[], Started]:
    """Nothing can be missing: the user is not known yet."""
    return partial(_store, ask)


def _store(ask: Ask) -> Started:
    otp = otp_codes.random_otp()
    transaction = create(
        ask,
        EventType.OTP_AUTH_INITIALIZED,
        context=contexts.of(ask.request, ask.request.message),
        callback_uri=ask.request.callback_uri,
        message=ask.request.message,
        signing_data=signing_data_of(ask),
        code_hash=codes.keyed_hash(otp, PURPOSE),
    )
    return Started(transaction, otp_codes.pack(transaction.pk, otp))
