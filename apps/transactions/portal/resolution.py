"""Selection of the method: that of the requested type, or of the first fallback that can be initialised."""

from collections.abc import Callable

from apps.common import errors
from apps.events import services as events
from apps.events.facts import InvalidRequestFacts, ReasonFact, TypeFact, UnavailableTypeFacts
from apps.events.types import EventType, EventTypes
from apps.transactions.methods.base import (
    MethodRequest,
    MissingParameter,
    MissingSigningData,
    Plan,
    StartedTransaction,
    Unavailable,
)
from apps.transactions.methods.otp import method as otp
from apps.transactions.methods.push import method as push
from apps.transactions.methods.sms import method as sms
from apps.transactions.types import PUSH_METHODS, Method, MobileAuthenticationType

PLANS: dict[str, Plan] = {
    **{str(method): push.plan for method in PUSH_METHODS},
    str(Method.OTP): otp.plan,
    str(Method.SMS): sms.plan,
}


def resolve(step: MethodRequest) -> Callable[[], StartedTransaction]:
    """Return the function that stores the transaction.

    Raises NoAuthenticationPossibility if neither the type nor a fallback can be initialised, and SmsDisabled if the
    only reason is that SMS is off. An event records the reason of each step. The portal cannot learn whether the user
    exists.
    """
    reasons: list[str] = []
    for mobile_type in step.mobile_type.fallback_chain():
        try:
            _require_supported(step, mobile_type)
            return PLANS[mobile_type.method](MethodRequest(step.request, step.client, mobile_type, step.actor))
        except Unavailable as reason:
            reasons.append(reason.event_type)
            _record(step, reason.event_type, mobile_type.name)
        except MissingParameter as error:
            _record(step, error.event_type, mobile_type.name)
            raise
        except MissingSigningData:
            facts = InvalidRequestFacts(**step.facts, **ReasonFact(), **TypeFact(type=mobile_type.name))
            events.record(EventTypes.MOBILE_AUTH_INIT_FAILURE_INVALID_REQ, facts)
            raise
    if reasons == [EventTypes.SMS_AUTH_INIT_FAILURE_DISABLED]:
        raise errors.SmsDisabled
    raise errors.NoAuthenticationPossibility


def _require_supported(step: MethodRequest, mobile_type: MobileAuthenticationType) -> None:
    channel = step.request.channel
    if channel and not channel.supports(mobile_type):
        raise Unavailable(EventTypes.PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE)


def _record(step: MethodRequest, event_type: EventType[UnavailableTypeFacts], type_name: str) -> None:
    events.record(event_type, UnavailableTypeFacts(**step.facts, type=type_name))
