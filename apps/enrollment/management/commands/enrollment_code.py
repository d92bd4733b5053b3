from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common import errors
from apps.common.commands import DataCommand
from apps.enrollment import links, services
from apps.enrollment.models import MAX_USER_ID_CHARACTERS


class Command(DataCommand):
    help = gettext_lazy("Create an enrolment code for a user and print it. It is valid once, for 10 minutes.")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("user", metavar="USER", help=_("user id"))
        parser.add_argument("application", metavar="APP", help=_("application identifier"))

    def handle(self, *args: Any, **options: Any) -> None:
        user_id, identifier = options["user"], options["application"]
        if not 0 < len(user_id) <= MAX_USER_ID_CHARACTERS:
            raise CommandError(_("A user id must have 1 to %(limit)d characters.") % {"limit": MAX_USER_ID_CHARACTERS})
        try:
            code, row = services.create_enrollment_code(
                user_id=user_id, application_identifier=identifier, who="enrollment_code"
            )
        except errors.ObjectNotFound:
            raise CommandError(
                _("There is no application with the identifier “%(identifier)s”.") % {"identifier": identifier}
            ) from None
        data = {
            "enrollment_code": code,
            **links.members(code, row.application),
            "expires_at": row.expires_at,
        }
        self.print_data(data, as_json=options["json"])
