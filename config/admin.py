"""The console's site and its menu."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from apps.system import services as system
from apps.system import staff
from config import start_page

View = Callable[..., HttpResponse]
# Where an account with a first password may go.
OPEN_PAGES = ("password_change", "logout", "jsi18n")


class ConsoleSite(UnfoldAdminSite):
    """The console: for accounts of the only role so far, which may do everything."""

    index_title = _("Start")
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return bool(user.is_active and user.is_staff and user.is_superuser)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Guard every page: whoever still has a first password is sent to change it."""
        page = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            match = request.resolver_match
            if (match is None or match.url_name not in OPEN_PAGES) and staff.must_change_password(request.user):
                messages.info(request, _("Choose a password of your own before you go on."))
                return HttpResponseRedirect(reverse("admin:password_change"))
            return cast(HttpResponse, page(request, *args, **kwargs))

        return cast(View, update_wrapper(guarded, page))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return cast(HttpResponse, super().index(request, {**start_page.context(), **(extra_context or {})}))

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """An app's address leads to its first page in the menu: a list of tables would say nothing."""
        start = reverse("admin:app_list", args=[app_label])
        for group in navigation(request):
            for item in cast(list[dict[str, str]], group["items"]):
                if item["link"].startswith(start):
                    return HttpResponseRedirect(item["link"])
        raise Http404("nothing in the menu belongs to this app")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = cast(HttpResponse, super().password_change(request, extra_context))
        if request.method == "POST" and response.status_code == 302:
            user = cast(User, request.user)
            staff.password_changed(user, by=user)
            messages.success(request, _("Your password was changed."))
            return HttpResponseRedirect(reverse("admin:index"))
        return response


def navigation(_request: HttpRequest) -> list[dict[str, object]]:
    """Return the menu. A group's `section` is the heading above it; what a feature needs is hidden while it is off."""
    mobile_authentication = [_mobile_authentication()] if system.features().mobile_authentication else []
    return [
        {"items": [_item(_("Start"), "index", "home")]},
        *mobile_authentication,
        {
            "section": _("Configuration") if not mobile_authentication else "",
            "items": [
                _item(_("Applications"), "applications_application_changelist", "smartphone"),
                _item(_("API clients"), "applications_apiclient_changelist", "api"),
            ],
        },
        {
            "title": _("System"),
            "items": [
                _item(_("Features"), "system_features_change", "toggle_on"),
                _item(_("Proxy"), "system_apnsproxy_change", "alt_route"),
                _item(_("Geolocation"), "geocontext_geolocation_change", "location_on"),
                _item(_("Staff accounts"), "auth_user_changelist", "badge"),
            ],
        },
        {
            "separator": True,
            "items": [
                _item(_("Users"), "enrollment_profile_changelist", "group"),
                _item(_("Transactions"), "transactions_transaction_changelist", "swap_horiz"),
                _item(_("Activity"), "events_event_changelist", "history"),
            ],
        },
    ]


def _mobile_authentication() -> dict[str, object]:
    return {
        "section": _("Configuration"),
        "title": _("Mobile authentication"),
        "items": [
            _item(_("General"), "system_generalconfiguration_change", "tune"),
            _item(
                _("Push messaging configuration"), "push_pushmessagingconfiguration_changelist", "notifications_active"
            ),
            _item(
                _("Mobile authentication types"), "transactions_mobileauthenticationtype_changelist", "verified_user"
            ),
            _endpoints(),
            _item(_("Confirmation template"), "geocontext_confirmationtemplate_change", "chat"),
        ],
    }


def _endpoints() -> dict[str, object]:
    """Return the item that leads to the deliveries as well, and is the place where one is there too."""
    start = reverse("admin:app_list", args=["callbacks"])
    item = _item(_("Callback endpoints"), "callbacks_callbackendpoint_changelist", "call_made")
    return {**item, "active": lambda request: request.path.startswith(start)}


def _item(title: Any, page: str, icon: str) -> dict[str, object]:
    return {"title": title, "link": reverse(f"admin:{page}"), "icon": icon}
