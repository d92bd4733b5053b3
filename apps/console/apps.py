from django.apps import AppConfig
from django.contrib.admin import apps as admin


class ConsoleConfig(AppConfig):
    """App of the console's pages, template tags and static files."""

    name = "apps.console"
    default = True


class AdminSiteConfig(admin.AdminConfig):
    """Django's admin app with the console as its site."""

    default_site = "apps.console.site.ConsoleSite"
    default = False
