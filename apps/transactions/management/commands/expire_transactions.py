from typing import Any

from django.utils.translation import gettext_lazy, ngettext

from apps.common.commands import OneLineCommand
from apps.transactions import lifecycle


class Command(OneLineCommand):
    help = gettext_lazy(
        "Expire all overdue transactions, and end those whose device was removed. Workers do this every second. "
        "Idempotent."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        while lifecycle.end_unanswerable():
            pass
        total = 0
        while expired := lifecycle.expire_due():
            total += expired
        text = ngettext("%(count)d transaction expired.", "%(count)d transactions expired.", total)
        self.stdout.write(text % {"count": total})
