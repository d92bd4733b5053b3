from django.apps import AppConfig

from apps.callbacks import kinds


class CibaConfig(AppConfig):
    name = "apps.ciba"
    verbose_name = "OpenID Connect CIBA"

    def ready(self) -> None:
        kinds.register("ciba", "apps.ciba.notifications.Notifications")
