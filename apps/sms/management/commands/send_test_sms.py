from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand
from apps.sms import services as sms
from apps.sms.gateways.base import SmsOutcome


class Command(DataCommand):
    help = gettext_lazy("Send a test message through the configured SMS gateway and print the response of the gateway.")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("number", metavar="NUMBER", help=_("phone number in international format: +31612345678"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = sms.send_test(options["number"], who="send_test_sms")
        except ImportError as error:
            raise CommandError(_("The gateway cannot be loaded: %(reason)s.") % {"reason": error}) from None
        if result.outcome != SmsOutcome.ACCEPTED:
            raise CommandError(
                _("The gateway %(gateway)s did not accept the message: %(outcome)s (%(reason)s).")
                % {"gateway": settings.SMS_GATEWAY, "outcome": result.outcome.value, "reason": result.reason or "-"}
            )
        data = {
            "gateway": settings.SMS_GATEWAY,
            "outcome": result.outcome.value,
            "http_status": result.status,
            "sender": result.sender,
        }
        self.print_data(data, as_json=options["json"])
