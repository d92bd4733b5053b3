from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand
from apps.staff import accounts
from apps.staff.roles import Role


class Command(DataCommand):
    help = gettext_lazy(
        "Create a staff account and print its initial password. The password must be changed at the first sign-in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help=_("user name of the account"))
        parser.add_argument("--role", required=True, choices=Role.values, help=_("role of the account"))

    def handle(self, *args: Any, name: str, role: str, **options: Any) -> None:
        password = accounts.create(name=name, role=role, who="create_staff")
        self.print_data({"name": name, "role": role, "password": password}, as_json=options["json"])
