"""Console pages of “Send test push”."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.common.console.confirmations import Confirmation
from apps.enrollment import push_check
from apps.enrollment.console import device_actions
from apps.enrollment.models import Profile
from apps.enrollment.pulling import is_pulling
from apps.push import remedies
from apps.push.providers.base import PushOutcome, PushResult


def build_confirmation(profile: Profile, back_url: str) -> Confirmation:
    placeholders, version, reason = (
        device_actions.placeholders(profile),
        profile.device.version,
        unreachable_reason(profile),
    )
    if reason:
        heading = _("“%(user)s” cannot receive pushes on “%(device)s”") % placeholders
        return Confirmation(
            title=_("Send test push"), heading=heading, paragraphs=[], icon="block", back_url=back_url, warning=reason
        )
    route = {"version": version, "configuration": version.push_messaging_configuration}
    return Confirmation(
        title=_("Send test push"),
        heading=_("Send a test push to “%(user)s” on “%(device)s”?") % placeholders,
        paragraphs=[
            _("The push is sent to %(version)s with the push messaging configuration “%(configuration)s”.") % route,
            _(
                "The user sees a test notification, which requires no answer. This page waits up to 30 seconds for the "
                "response of the push provider."
            ),
        ],
        icon="send",
        back_url=back_url,
        button_label=_("Send test push"),
    )


def unreachable_reason(profile: Profile) -> str:
    """Return why the profile cannot receive a push; an empty string if it can."""
    if profile.device.version.push_messaging_configuration_id is None:
        return str(_("This version of the app has no push messaging configuration, so its devices get no pushes."))
    if reason := push_check.disabled_reason(profile.device.version):
        return reason
    if not profile.has_keys:
        return str(_("The user's keys on this device were deleted. The app must enrol the user again first."))
    if is_pulling(profile) and not hasattr(profile, "push_enrollment"):
        return str(_("This browser has no push token. It fetches its requests while the app is open."))
    if not hasattr(profile, "push_enrollment"):
        return str(_("This device is not enrolled for push. The app must enrol for push first."))
    return ""


def send(request: HttpRequest, profile: Profile) -> None:
    """Send a test push and show its result in a message."""
    try:
        _show_result(request, profile, push_check.send_test(profile, who=request.user.get_username()))
    except push_check.NotReachable:
        messages.error(request, unreachable_reason(profile))


def _show_result(request: HttpRequest, profile: Profile, result: PushResult) -> None:
    """Show the result with the provider's reason and the remedy."""
    if result.outcome == PushOutcome.ACCEPTED:
        text = _("The push provider accepted the test push for “%(device)s”.")
        messages.success(request, text % {"device": profile.device.name})
        return
    text = _("The push provider did not accept the test push for “%(device)s”. Reason: %(reason)s. %(remedy)s")
    values = {
        "device": profile.device.name,
        "reason": result.reason or result.outcome.value,
        "remedy": remedies.remedy(result),
    }
    messages.error(request, text % values)
