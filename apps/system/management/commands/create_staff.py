import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.system import staff


class Command(BaseCommand):
    help = "Make a staff account for the console and print its first password, to be changed at the first sign-in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the name to sign in with")
        parser.add_argument("--role", required=True, choices=staff.ROLES, help="what the account may do")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, name: str, role: str, **options: Any) -> None:
        try:
            password = staff.create(name=name, role=role, who="create_staff")
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        if options["json"]:
            self.stdout.write(json.dumps({"name": name, "role": role, "password": password}))
        else:
            self.stdout.write(f"password: {password}")
