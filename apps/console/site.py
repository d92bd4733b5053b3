"""The console's admin site: access, sessions and required pages."""

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

from apps import VERSION
from apps.configuration.console import file_pages
from apps.configuration.console import pages as configuration_pages
from apps.console import checklist, feature_pages, start_page
from apps.console.menu import navigation
from apps.console.page_documents import document_of
from apps.sms.console import pages as sms_pages
from apps.staff import accounts, lockout, second_factor, sessions
from apps.staff.console import second_factor as second_factor_pages
from apps.staff.roles import Role
from apps.transactions.console import trial_pages

View = Callable[..., HttpResponse]
# Pages that stay available while another page is required, by the required page.
ALLOWED_PAGES = {
    "second_factor_check": {*second_factor_pages.CHECKS},
    "password_change": {"password_change"},
    "second_factor": {*second_factor_pages.PAGES, "password_change"},
}
ALWAYS_ALLOWED = {"logout", "jsi18n"}
REQUIREMENT_MESSAGES = {
    "password_change": _("Choose a new password to continue."),
    "second_factor": _("Set up a second factor to continue."),
}


def page_name(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.url_name or "" if match else ""


def required_page(request: HttpRequest) -> str:
    """Return the name of the page that the account must complete first, or an empty string."""
    user = cast(User, request.user)
    if second_factor.is_required(user):
        return "second_factor_check"
    if accounts.must_change_password(user):
        return "password_change"
    if settings.STAFF_SECOND_FACTOR == "required" and not second_factor.is_enrolled(user):
        return "second_factor"
    return ""


class ConsoleSite(UnfoldAdminSite):
    """Admin site for accounts with a role. Django's permissions define what a role can view and change."""

    index_title = _("Start")
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return accounts.has_console_access(request.user)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        if self.has_permission(request):
            context["version"] = VERSION
            context["page_document"] = document_of(page_name(request))
            context["is_read_only"] = accounts.get_role(cast(User, request.user)) != Role.ADMIN
            if page_name(request) in set.union(*ALLOWED_PAGES.values()) and required_page(request):
                # All menu items would redirect to this page.
                context["sidebar_navigation"] = []
            context["setup"] = checklist.progress(request, page_name(request))
        return context

    def extra_urls(self) -> list[Any]:
        pages = (second_factor_pages, sms_pages, configuration_pages, file_pages, trial_pages)
        return [url for module in pages for url in module.urls(self.admin_view)]

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Wrap a view with the checks of features, session and required page."""
        page = super().admin_view(view, cacheable)

        def guarded_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if feature_pages.is_hidden(page_name(request)):
                raise Http404("the feature that this page belongs to is off")
            if self.has_permission(request) and sessions.end_if_expired(request):
                return redirect_to_login(request.get_full_path(), reverse("admin:login"))
            required = required_page(request) if self.has_permission(request) else ""
            if not required or page_name(request) in ALLOWED_PAGES[required] | ALWAYS_ALLOWED:
                return cast(HttpResponse, page(request, *args, **kwargs))
            if required in REQUIREMENT_MESSAGES:
                messages.info(request, REQUIREMENT_MESSAGES[required])
            # After the second factor, the browser continues to the requested page.
            query = (
                {"next": request.get_full_path()}
                if request.method == "GET" and required not in REQUIREMENT_MESSAGES
                else {}
            )
            return HttpResponseRedirect(reverse(f"admin:{required}", query=query))

        return cast(View, update_wrapper(guarded_view, page))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return cast(HttpResponse, super().index(request, {**start_page.context(request.user), **(extra_context or {})}))

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the first page of the app in the menu instead of a list of tables."""
        start = reverse("admin:app_list", args=[app_label])
        for group in navigation(request):
            for item in group["items"]:
                if item["link"].startswith(start):
                    return HttpResponseRedirect(item["link"])
        raise Http404("the menu has no page of this app")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = cast(HttpResponse, super().login(request, extra_context))
        if request.method == "POST" and response.status_code == 302:
            sessions.begin(request)
        return response

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "POST" and lockout.is_locked_out(request, request.POST.get("old_password", "")):
            return lockout.locked_response(request)
        with transaction.atomic():
            response = cast(
                HttpResponse, super().password_change(request, {"title": _("Change password"), **(extra_context or {})})
            )
            if request.method == "POST" and response.status_code == 302:
                # Read from the database: the lazy user of the request has no password field for the event.
                user = User.objects.get(username=request.user.get_username())
                accounts.record_password_change(user, actor=user)
                messages.success(request, _("Your password was changed."))
                return HttpResponseRedirect(reverse("admin:index"))
        return response
