from django.apps import AppConfig


class CibaConfig(AppConfig):
    name = "apps.ciba"
    verbose_name = "OpenID Connect CIBA"
