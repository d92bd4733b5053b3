from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from apps.common import commands


class SystemConfig(AppConfig):
    name = "apps.system"
    verbose_name = _("System")

    def ready(self) -> None:
        from apps.system import keys, roles  # noqa: PLC0415 - models are ready only now

        commands.REQUIREMENTS.append(keys.verify)
        post_migrate.connect(roles.grant, dispatch_uid="roles")
