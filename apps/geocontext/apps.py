from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GeocontextConfig(AppConfig):
    name = "apps.geocontext"
    verbose_name = _("Context")
