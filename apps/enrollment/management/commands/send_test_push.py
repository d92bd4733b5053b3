from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.common.commands import DataCommand
from apps.enrollment import pushes
from apps.enrollment.models import Profile
from apps.push.providers.base import Outcome
from apps.push.remedies import remedy


class Command(DataCommand):
    help = "Send a test push to a user's device and say what the push service answered."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("user", metavar="USER", help="the user's id")
        parser.add_argument("device", metavar="DEVICE", help="the device's id, as the users API lists it")

    def handle(self, *args: Any, **options: Any) -> None:
        profile = _profile(options["user"], options["device"])
        configuration = profile.device.version.push_messaging_configuration
        try:
            result = pushes.send_test(profile)
        except pushes.NotReachable:
            raise CommandError(_why_not(profile)) from None
        facts = {"name": str(configuration), "outcome": result.outcome.value, "reason": result.reason or "-"}
        if result.outcome != Outcome.ACCEPTED:
            refused = _("The push was not taken, by way of %(name)s: %(outcome)s (%(reason)s).") % facts
            raise CommandError(f"{refused} {remedy(result)}")
        data = {
            "push_messaging_configuration": facts["name"],
            "outcome": facts["outcome"],
            "http_status": result.status,
            "application": str(profile.device.version),
            "device_name": profile.device.name,
        }
        self.print_data(data, as_json=options["json"])


def _profile(user_id: str, device_id: str) -> Profile:
    rows = Profile.objects.select_related(
        "push_enrollment", "device__version__application", "device__version__push_messaging_configuration"
    )
    profile = rows.filter(user_id=user_id, device__device_id=device_id.upper()).first()
    if profile is None:
        raise CommandError(_("The user “%(user)s” has no device with this id.") % {"user": user_id})
    return profile


def _why_not(profile: Profile) -> str:
    version = profile.device.version
    if version.push_messaging_configuration is None:
        return _("The version %(version)s has no push messaging configuration: no push can reach the device.") % {
            "version": str(version)
        }
    return _("The device has no push token for this user: the app has to enrol for push again.")
