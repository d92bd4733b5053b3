from typing import Any

from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand
from apps.enrollment.openpgp import certificates, keys


class Command(DataCommand):
    help = gettext_lazy(
        "Create a new server key for future enrolments. Enrolled devices continue to use their current server key."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        key = keys.rotate()
        data = {"fingerprint": certificates.validate(key.public_key).primary.fingerprint, "created_at": key.created_at}
        self.print_data(data, as_json=options["json"])
