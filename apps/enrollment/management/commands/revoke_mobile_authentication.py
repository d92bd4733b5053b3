from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import OneLineCommand, shown
from apps.enrollment import support
from apps.enrollment.management import arguments


class Command(OneLineCommand):
    help = gettext_lazy("Remove a user's keys and push token on a device. The app has to enrol the user again.")

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        profile = arguments.profile_of(options)
        support.revoke_mobile_authentication(profile, who="revoke_mobile_authentication")
        text = _("The keys of “%(user)s” on “%(device)s” are gone: the app has to enrol the user again.")
        self.stdout.write(shown(text % arguments.names(profile)))
