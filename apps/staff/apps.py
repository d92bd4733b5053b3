from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class StaffConfig(AppConfig):
    name = "apps.staff"
    verbose_name = _("Staff")

    def ready(self) -> None:
        from apps.staff import roles  # noqa: PLC0415 - models are ready only now

        post_migrate.connect(roles.grant_permissions, dispatch_uid="roles")
