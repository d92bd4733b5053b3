from typing import Any

from django.utils.translation import gettext_lazy, ngettext

from apps.common.commands import OneLineCommand
from apps.transactions import lifecycle


class Command(OneLineCommand):
    help = gettext_lazy("End all transactions whose time is over. A worker does the same every second.")

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        while ended := lifecycle.expire_due():
            total += ended
        text = ngettext("%(count)d transaction expired.", "%(count)d transactions expired.", total)
        self.stdout.write(text % {"count": total})
