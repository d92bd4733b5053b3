"""The console's site and its menu."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from apps.configuration.console import pages as configuration_pages
from apps.console import feature_pages, start_page
from apps.console.menu import navigation
from apps.sms.console import pages as sms_pages
from apps.staff import accounts, lockout, second_factor, sessions
from apps.staff.console import second_factor as second_factor_pages
from apps.staff.roles import Role

View = Callable[..., HttpResponse]
# Where an account may go that has to go through one page first, by that page.
OPEN_PAGES = {
    "second_factor_check": {*second_factor_pages.CHECKS},
    "password_change": {"password_change"},
    "second_factor": {*second_factor_pages.PAGES, "password_change"},
}
ALWAYS_OPEN = {"logout", "jsi18n"}
WHY = {
    "password_change": _("Choose a password of your own before you go on."),
    "second_factor": _("Set up a second factor before you go on."),
}


def page_name(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.url_name or "" if match else ""


def detour(request: HttpRequest) -> str:
    """Name the page that an account has to go through before any other; empty when there is none."""
    user = cast(User, request.user)
    if second_factor.is_asked_for(user):
        return "second_factor_check"
    if accounts.must_change_password(user):
        return "password_change"
    if settings.STAFF_SECOND_FACTOR == "required" and not second_factor.exists(user):
        return "second_factor"
    return ""


class ConsoleSite(UnfoldAdminSite):
    """The console: for accounts with a role. What a role may see and do, Django's permissions decide."""

    index_title = _("Start")
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return accounts.may_enter(request.user)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        if self.has_permission(request):
            context["may_only_look"] = accounts.role_of(cast(User, request.user)) != Role.ADMIN
            if page_name(request) in set.union(*OPEN_PAGES.values()) and detour(request):
                # A menu of pages that all lead back here.
                context["sidebar_navigation"] = []
        return context

    def extra_urls(self) -> list[Any]:
        pages = (second_factor_pages, sms_pages, configuration_pages)
        return [url for module in pages for url in module.urls(self.admin_view)]

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Guard every page: who has to do something else first is sent there."""
        page = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if feature_pages.is_hidden(page_name(request)):
                raise Http404("the feature that this page belongs to is off")
            if self.has_permission(request) and sessions.ends(request):
                return redirect_to_login(request.get_full_path(), reverse("admin:login"))
            first = detour(request) if self.has_permission(request) else ""
            if not first or page_name(request) in OPEN_PAGES[first] | ALWAYS_OPEN:
                return cast(HttpResponse, page(request, *args, **kwargs))
            if first in WHY:
                messages.info(request, WHY[first])
            # The question for the second factor leads on to where the caller wanted to go.
            wanted = {"next": request.get_full_path()} if request.method == "GET" and first not in WHY else {}
            return HttpResponseRedirect(reverse(f"admin:{first}", query=wanted))

        return cast(View, update_wrapper(guarded, page))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return cast(HttpResponse, super().index(request, {**start_page.context(request.user), **(extra_context or {})}))

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """An app's address leads to its first page in the menu: a list of tables would say nothing."""
        start = reverse("admin:app_list", args=[app_label])
        for group in navigation(request):
            for item in group["items"]:
                if item["link"].startswith(start):
                    return HttpResponseRedirect(item["link"])
        raise Http404("nothing in the menu belongs to this app")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = cast(HttpResponse, super().login(request, extra_context))
        if request.method == "POST" and response.status_code == 302:
            sessions.begin(request)
        return response

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "POST" and lockout.stops(request, request.POST.get("old_password", "")):
            return lockout.page(request)
        with transaction.atomic():
            response = cast(HttpResponse, super().password_change(request, extra_context))
            if request.method == "POST" and response.status_code == 302:
                # From the database: what the request holds is a stand-in, in which an event finds no password.
                user = User.objects.get(username=request.user.get_username())
                accounts.password_changed(user, by=user)
                messages.success(request, _("Your password was changed."))
                return HttpResponseRedirect(reverse("admin:index"))
        return response
