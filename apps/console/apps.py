from django.apps import AppConfig
from django.contrib.admin import apps as admin


class ConsoleConfig(AppConfig):
    """The console's pages, template tags and static files."""

    name = "apps.console"
    default = True


class AdminSiteConfig(admin.AdminConfig):
    """Django's admin with the console as its site."""

    default_site = "apps.console.site.ConsoleSite"
    default = False
