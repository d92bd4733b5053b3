from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand
from apps.enrollment import push_check
from apps.enrollment.management import arguments
from apps.enrollment.models import Profile
from apps.push.providers.base import PushOutcome
from apps.push.remedies import remedy


class Command(DataCommand):
    help = gettext_lazy("Send a test push to a user's device and print the response of the push provider.")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        arguments.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        profile = arguments.get_profile(options)
        configuration = profile.device.version.push_messaging_configuration
        try:
            result = push_check.send_test(profile, who="send_test_push")
        except push_check.NotReachable:
            raise CommandError(_unreachable_reason(profile)) from None
        values = {"name": str(configuration), "outcome": result.outcome.value, "reason": result.reason or "-"}
        if result.outcome != PushOutcome.ACCEPTED:
            message = _("The provider of %(name)s did not accept the push: %(outcome)s (%(reason)s).") % values
            raise CommandError(f"{message} {remedy(result)}")
        data = {
            "push_messaging_configuration": values["name"],
            "outcome": values["outcome"],
            "http_status": result.status,
            "application": str(profile.device.version),
            "device_name": profile.device.name,
        }
        self.print_data(data, as_json=options["json"])


def _unreachable_reason(profile: Profile) -> str:
    version = profile.device.version
    if version.push_messaging_configuration is None:
        return _("The version %(version)s has no push messaging configuration, so the device gets no pushes.") % {
            "version": str(version)
        }
    if reason := push_check.disabled_reason(version):
        return reason
    return _("The device has no push token for this user. The app must enrol for push again.")
