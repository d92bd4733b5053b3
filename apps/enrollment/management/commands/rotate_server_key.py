from typing import Any

from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand
from apps.enrollment import keys, server_keys


class Command(DataCommand):
    help = gettext_lazy(
        "Create new server keys for future enrolments. Enrolled devices continue to use their current server key."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rotated = [
            {
                "kind": key.kind,
                "fingerprint": keys.KINDS[key.kind].fingerprint(key.public_key),
                "created_at": key.created_at,
            }
            for key in server_keys.rotate()
        ]
        self.print_table(rotated, as_json=options["json"])
