from django.apps import AppConfig
from django.contrib.admin import apps as admin


class ProjectConfig(AppConfig):
    """The project itself: commands that run its processes."""

    name = "config"
    default = True


class ConsoleConfig(admin.AdminConfig):
    default_site = "config.admin.ConsoleSite"
    default = False
