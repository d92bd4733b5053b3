"""Test pushes, which belong to no transaction."""

import uuid
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.applications.models import ApplicationVersion, VersionStatus
from apps.common.encryption import CannotDecrypt
from apps.enrollment import push_enrollments
from apps.enrollment.models import Profile
from apps.events import services as events
from apps.events.facts import TestPushFacts
from apps.events.types import EventTypes
from apps.push import configuration_errors
from apps.push import services as push
from apps.push.providers.base import PushMessage, PushOutcome, PushResult

TEST_LIFETIME = timedelta(minutes=5)


class NotReachable(Exception):
    """The profile cannot receive a push.

    It has no push token, or its version is disabled or has no push messaging configuration.
    """


def disabled_reason(version: ApplicationVersion) -> str:
    """Return why devices of a disabled version get no pushes; an empty string if the version is not disabled."""
    if version.status != VersionStatus.DISABLED:
        return ""
    return _("The version %(version)s is disabled. Its devices count as not enrolled and get no pushes.") % {
        "version": str(version)
    }


def send_test(profile: Profile, *, who: str) -> PushResult:
    """Send a test push and return the result of the provider. Raises NotReachable if the profile cannot receive it.

    As after any other push, an invalid push token is deleted and a configuration error is recorded for the console.
    The push names a transaction that does not exist. `who` is the actor of the event.
    """
    version, push_enrollment = profile.device.version, getattr(profile, "push_enrollment", None)
    destination = version.destination()
    if destination is None or push_enrollment is None or disabled_reason(version):
        raise NotReachable
    try:
        message = _build_message(profile, push_enrollment.token)
    except CannotDecrypt as error:
        return PushResult(PushOutcome.REFUSED, str(error))
    sent_at = timezone.now()
    result = push.send(destination, message)
    events.record(
        EventTypes.ADMIN_TEST_PUSH_SENT,
        TestPushFacts(
            **profile.facts,
            who=who,
            outcome=result.outcome.value,
            http_status=result.status,
            reason=result.reason,
        ),
    )
    if result.outcome == PushOutcome.ACCEPTED:
        configuration_errors.clear(destination)
    elif result.outcome == PushOutcome.MISCONFIGURED:
        configuration_errors.record(destination, result.reason, sent_at=sent_at)
    elif result.outcome == PushOutcome.DEAD_TOKEN:
        push_enrollments.remove_dead_token(push_enrollment, sent_at=sent_at, dead_since=result.dead_since)
    return result


def _build_message(profile: Profile, token: str) -> PushMessage:
    return PushMessage(
        token=token,
        transaction_id=str(uuid.uuid4()),
        profile_id=profile.profile_id,
        text=_("This is a test. No answer is required."),
        expires_at=timezone.now() + TEST_LIFETIME,
    )
