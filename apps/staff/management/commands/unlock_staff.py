from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import OneLineCommand
from apps.staff import lockout


class Command(OneLineCommand):
    help = gettext_lazy("Unlock a staff account that is locked after too many wrong passwords.")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help=_("user name of the account"))

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        if not User.objects.filter(username=name).exists():
            raise CommandError(_("There is no staff account named “%(name)s”.") % {"name": name})
        was_locked = lockout.unlock(name, who="unlock_staff")
        text = _("“%(name)s” can sign in again.") if was_locked else _("“%(name)s” was not locked.")
        self.stdout.write(text % {"name": name})
