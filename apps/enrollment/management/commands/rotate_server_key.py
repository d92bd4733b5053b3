from typing import Any

from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand
from apps.enrollment.openpgp import certificates, keys


class Command(DataCommand):
    help = gettext_lazy(
        "Make a new server key for enrolments to come. Devices that have enrolled go on with the one they know."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        key = keys.rotate()
        data = {"fingerprint": certificates.validate(key.public_key).primary.fingerprint, "created_at": key.created_at}
        self.print_data(data, as_json=options["json"])
