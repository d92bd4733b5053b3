"""OTP: the portal shows a one-time password, and the user is identified by the device that scans it."""

from collections.abc import Callable
from functools import partial

from apps.common import codes
from apps.events.types import EventTypes
from apps.otp import codes as otp_codes
from apps.transactions.context import request_context
from apps.transactions.methods.base import MethodRequest, StartedTransaction, build, signing_data_for, store

PURPOSE = "one-time password"


def plan(step: MethodRequest) -> Callable[[], StartedTransaction]:
    """Return the function that stores the transaction. OTP has no preconditions: the user is not known yet."""
    return partial(_store, step)


def _store(step: MethodRequest) -> StartedTransaction:
    otp = otp_codes.random_otp()
    context = request_context.from_request(step.request, step.request.message)
    transaction = build(
        step,
        context=context,
        callback_uri=step.request.callback_uri,
        message=step.request.message,
        signing_data=signing_data_for(step),
        code_hash=codes.keyed_hash(otp, PURPOSE),
    )
    scannable = otp_codes.pack(transaction.pk, otp)
    return store(step, transaction, EventTypes.OTP_AUTH_INITIALIZED, context=context, otp=scannable)
