"""Print the version of the server."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from apps import VERSION
from apps.common.commands import DataCommand


class Command(DataCommand):
    """Replaces the command of Django of this name, which prints the version of Django: see manage.py."""

    help = gettext_lazy("Print the version of the server.")

    def verify_requirements(self, options: Mapping[str, Any]) -> None:
        """Verify nothing: the command needs neither keys nor a database."""

    def handle(self, *args: Any, **options: Any) -> None:
        if options["json"]:
            self.print_data({"version": VERSION}, as_json=True)
        else:
            self.stdout.write(VERSION)
