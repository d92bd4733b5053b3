from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from apps.common import commands


class SystemConfig(AppConfig):
    name = "apps.system"
    verbose_name = _("System")

    def ready(self) -> None:
        from apps.system import keys  # noqa: PLC0415 - models are ready only now

        commands.REQUIREMENTS.append(keys.verify)
