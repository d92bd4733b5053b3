"""Which profile a push request is for, and why not."""

from django.utils.translation import gettext as _

from apps.common.exceptions import InvalidParameter, NoAuthenticationPossibility
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.events import services as events
from apps.events.types import EventType
from apps.system import services as system


def push_profile(*, user_id: str, device_id: str, client_id: str) -> Profile:
    """Return the profile to push to.

    Raises InvalidParameter when a user with a push enrolment is asked without a device, NoAuthenticationPossibility
    when nothing can be reached. An event tells which it was; the portal does not learn whether the user exists.
    """
    if not system.general().push_authorization_enabled:
        _refuse(EventType.PUSH_AUTH_INIT_FAILURE_DISABLED, user_id, client_id)
        raise NoAuthenticationPossibility
    reachable = enrollment.reachable_by_push(user_id)
    if not device_id and reachable.exists():
        _refuse(EventType.PUSH_AUTH_INIT_FAILURE_MISSING_DEVICE_ID, user_id, client_id)
        raise InvalidParameter(_("The parameter device_id is missing."))
    if device_id and (profile := reachable.filter(device__device_id=device_id).first()):
        return profile
    _refuse(EventType.PUSH_AUTH_INIT_FAILURE_NO_PUSH_ENROLLMENT, user_id, client_id)
    raise NoAuthenticationPossibility


def _refuse(event_type: EventType, user_id: str, client_id: str) -> None:
    events.record(event_type, user_id=user_id, client_id=client_id)
