"""The console's menu. It contains only pages that the account has permission to view."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.common.languages import display_name
from apps.configuration.console import pages as configuration_pages
from apps.console import feature_pages
from apps.system import services as system

Group = dict[str, Any]
ENDPOINTS, TRANSACTIONS = "callbacks_callbackendpoint_changelist", "transactions_transaction_changelist"
API_CLIENTS = "applications_apiclient_changelist"
# Pages outside the menu, by the menu item that links to them.
RELATED_PAGES = {
    ENDPOINTS: "callbacks_callbackdelivery_changelist",
    TRANSACTIONS: "transactions_smsusage_changelist",
    API_CLIENTS: "ciba_signingkey_changelist",
}
# Permissions of pages without a model.
PAGE_PERMISSIONS = {configuration_pages.PAGE: configuration_pages.PERMISSION}


def languages(_request: HttpRequest) -> list[dict[str, str]]:
    """Return the entries of the language menu. They begin with a capital letter, as in CLDR's rules for menus."""
    return [{"code": code, "name_local": display_name(code)} for code, _name in settings.LANGUAGES]


def navigation(request: HttpRequest) -> list[Group]:
    """Return the menu. `section` is the heading above a group; pages of a feature are hidden while it is off."""
    mobile_authentication = [_mobile_authentication(request)] if system.features().mobile_authentication else []
    groups = [
        *mobile_authentication,
        {
            "section": _("Configuration") if not mobile_authentication else "",
            "items": _items(
                request,
                (_("Applications"), "applications_application_changelist", "smartphone"),
                (_("API clients"), API_CLIENTS, "api"),
            ),
        },
        {
            "title": _("System"),
            "items": _items(
                request,
                (_("Features"), "system_features_change", "toggle_on"),
                (_("Proxy"), "system_apnsproxy_change", "alt_route"),
                (_("Geolocation"), "geocontext_geolocation_change", "location_on"),
                (_("Staff accounts"), "auth_user_changelist", "badge"),
                (_("Check configuration"), configuration_pages.PAGE, "fact_check"),
            ),
        },
        {
            "separator": True,
            "items": _items(
                request,
                (_("Users"), "enrollment_profile_changelist", "group"),
                (_("Transactions"), TRANSACTIONS, "swap_horiz"),
                (_("Activity"), "events_event_changelist", "history"),
            ),
        },
    ]
    start = {"title": _("Start"), "link": reverse("admin:index"), "icon": "home"}
    return [{"items": [start]}, *(group for group in groups if group["items"])]


def _mobile_authentication(request: HttpRequest) -> Group:
    return {
        "section": _("Configuration"),
        "title": _("Mobile authentication"),
        "items": _items(
            request,
            (_("General"), "system_generalconfiguration_change", "tune"),
            (_("Push messaging configuration"), "push_pushmessagingconfiguration_changelist", "notifications_active"),
            (_("Mobile authentication types"), "transactions_mobileauthenticationtype_changelist", "verified_user"),
            (_("Callback endpoints"), ENDPOINTS, "call_made"),
            (_("Confirmation template"), "geocontext_confirmationtemplate_change", "chat"),
            (_("Keycloak integrations"), "integrations_keycloakintegration_changelist", "key"),
        ),
    }


def _items(request: HttpRequest, *items: tuple[Any, str, str]) -> list[dict[str, Any]]:
    return [
        {"title": title, "link": reverse(f"admin:{page}"), "icon": icon, **_active_rule(page)}
        for title, page, icon in items
        if _may_see(request, page)
    ]


def _active_rule(page: str) -> dict[str, Any]:
    """Return the rule that marks an item as active on related pages, in addition to its own page and subpages."""
    if page not in RELATED_PAGES:
        return {}
    prefixes = tuple(reverse(f"admin:{name}") for name in (page, RELATED_PAGES[page]))
    return {"active": lambda request: request.path.startswith(prefixes)}


def _may_see(request: HttpRequest, page: str) -> bool:
    """Return True if the account may view the page, whose URL name consists of app, model and action."""
    if feature_pages.is_hidden(page):
        return False
    if page in PAGE_PERMISSIONS:
        return request.user.has_perm(PAGE_PERMISSIONS[page])
    app_label, model_name, _action = page.split("_")
    pages = {(model._meta.app_label, model._meta.model_name): page for model, page in admin.site._registry.items()}
    return pages[app_label, model_name].has_view_permission(request)
