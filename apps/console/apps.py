from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class ConsoleConfig(AppConfig):
    """App of the console's pages, template tags and static files."""

    name = "apps.console"
    default = True


class AdminSiteConfig(SimpleAdminConfig):
    """Django's admin app with the console as its site.

    The pages are imported by the URLs and by the check of the pages. They cost a third of the start of a command.
    """

    default_site = "apps.console.site.ConsoleSite"
    default = False

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_pages, checks.Tags.admin)


def check_pages(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    admin.autodiscover()
    return check_admin_app(app_configs, **options)
