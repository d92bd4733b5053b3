from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from apps.common.console.admin import LogAdmin
from apps.common.console.confirmations import Confirmation, render_confirmation
from apps.common.input_text import is_storable
from apps.common.prefixes import PrefixKey
from apps.enrollment import device_management, fraud_locks
from apps.enrollment.console import bulk_actions, columns, device_actions, enrollment_pages, push_pages, search
from apps.enrollment.console.device_actions import DISCONNECT, REVOKE_MOBILE_AUTHENTICATION, REVOKE_PUSH, DeviceAction
from apps.enrollment.models import Profile
from apps.events.console import devices
from apps.events.models import Event
from apps.system import services as system

MAX_EVENTS = 20
# Columns that the pages do not read.
SECRETS = ("push_enrollment__token", "public_key", "server_key__secret_key", "server_key__public_key")
CHANGELIST = "admin:enrollment_profile_changelist"
NO_CHANGE = _("Nothing was changed, because this was already done.")
PROFILE_FIELDS = (
    (None, {"fields": (("user_id", "profile_id"), (columns.keys, columns.enrolled), columns.fingerprint)}),
    (_("Push"), {"fields": ((columns.push, columns.push_enrolled), columns.pulling)}),
    (_("Authenticators"), {"fields": ((columns.registered, columns.wrong_pins), columns.locked)}),
    (_("Device"), {"fields": ((columns.device_name, columns.device_model), (columns.device_id, columns.last_login))}),
    (
        _("Application"),
        {"fields": ((columns.application, columns.platform), (columns.version, columns.version_status))},
    ),
)


class ProfileAdmin(LogAdmin):
    """Console pages of users and their profiles on devices.

    A search for an exact user id shows all data of this user. Other searches list users and devices whose id or name
    begins with the term. `apps.transactions.console.user_admin` registers a subclass, which adds the locks of the user.
    """

    title = _("Users")
    list_select_related = ("device__version__application", "push_enrollment", "server_key")
    search_fields = ("user_id",)
    search_help_text = _("User ID, or the beginning of a user ID or device name")
    ordering = ("-id",)
    fieldsets = PROFILE_FIELDS
    readonly_fields = tuple(
        field
        for _title, options in PROFILE_FIELDS
        for line in options["fields"]
        for field in (line if isinstance(line, tuple) else (line,))
        if callable(field)
    )
    list_before_template = "admin/enrollment/profile/search.html"
    list_after_template = "admin/enrollment/profile/user.html"
    change_form_outer_before_template = "admin/enrollment/profile/device_actions.html"
    change_form_after_template = "admin/enrollment/profile/device.html"
    actions = (*bulk_actions.BULK_ACTIONS, bulk_actions.LINKS_NAME)
    # The list has no total, so only rows of the page can be selected.
    list_disable_select_all = True
    actions_list: tuple[str, ...] = ("enroll_device",)
    actions_detail = (
        *("send_test_push", "revoke_push", "revoke_mobile_authentication", "disconnect_user", "delete_device"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        rows: QuerySet[Profile] = super().get_queryset(request)
        rows = rows.select_related(*self.list_select_related).prefetch_related("authenticators")
        return fraud_locks.annotate(rows).defer(*SECRETS)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Profile], search_term: str
    ) -> tuple[QuerySet[Profile], bool]:
        if not search_term:
            return queryset, False
        if user_id := self.get_searched_user(request):
            return queryset.filter(user_id=user_id), False
        return queryset.filter(pk__in=self.get_matches(request).profiles).order_by(PrefixKey("user_id"), "pk"), False

    def get_matches(self, request: HttpRequest) -> search.Matches:
        """Return the profiles that the search term begins. They are searched once for each request."""
        if "console_matches" not in request.__dict__:
            request.__dict__["console_matches"] = search.find(get_term(request))
        found: search.Matches = request.__dict__["console_matches"]
        return found

    def get_searched_user(self, request: HttpRequest) -> str:
        """Return the search term if it is the id of a known user or nothing begins with it, or an empty string."""
        term = get_term(request)
        if "console_user" not in request.__dict__:
            is_user = bool(term) and (self.is_known_user(term) or not self.get_matches(request).profiles)
            request.__dict__["console_user"] = term if is_user else ""
        return str(request.__dict__["console_user"])

    def is_known_user(self, user_id: str) -> bool:
        return Profile.objects.filter(user_id=user_id).exists() or Event.objects.filter(user_id=user_id).exists()

    def get_list_display(self, request: HttpRequest) -> Any:
        device = (columns.application, columns.platform, columns.version, columns.version_label)
        state = (columns.keys, columns.push, columns.registered, columns.wrong_pins, columns.locked)
        if self.get_searched_user(request):
            return (columns.device_name, columns.device_model, *device, *state)
        return ("user_id", columns.device_name, *device, columns.push, columns.enrolled)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the newest profiles, or the profiles and events of the searched user."""
        user_id, term = self.get_searched_user(request), get_term(request)
        context: dict[str, Any] = {}
        if user_id:
            context = {**self.get_user_context(request, user_id), "other_users": search.other_users(user_id)}
        elif term:
            context = {"is_truncated": self.get_matches(request).is_truncated}
        response = super().changelist_view(request, {**context, **(extra_context or {})})
        if user_id and isinstance(response, TemplateResponse) and response.context_data:
            for button in response.context_data.get("actions_list", ()):
                button["path"] += f"?{urlencode({'user': user_id})}"
        return response

    def get_user_context(self, request: HttpRequest, user_id: str) -> dict[str, Any]:
        """Return the template context of pages about a user, in addition to the devices."""
        events = list(Event.objects.filter(user_id=user_id)[:MAX_EVENTS])
        devices.attach(events)
        return {"user_id": user_id, "user_events": events}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        profile = self.get_object(request, object_id)
        context = self.get_user_context(request, profile.user_id) if profile else {}
        if profile:
            context["other_profiles"] = [
                other for other in device_management.profiles_of_device(profile.device) if other.pk != profile.pk
            ]
            context["device_buttons"] = self._get_actions_navigation(
                self.actions_detail, super().get_actions_detail(request, profile.pk), str(profile.pk)
            )
        response: HttpResponse = super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
        return response

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return no actions for the heading. The buttons are in the page, which has more space for their labels."""
        return []

    def has_support_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        # Profiles cannot be edited in the console, so the change permission of the page is always denied.
        return bool(request.user.has_perm("enrollment.change_profile"))

    @action(  # type: ignore[untyped-decorator]
        description=_("Send test push"), url_path="send-test-push", icon="send", permissions=["support"]
    )
    def send_test_push(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET and send the test push on POST."""
        profile = self.get_object(request, object_id)
        if profile is None:
            raise Http404("no such profile")
        if request.method != "POST":
            return render_confirmation(
                self, request, push_pages.build_confirmation(profile, change_url(profile)), profile
            )
        push_pages.send(request, profile)
        return HttpResponseRedirect(change_url(profile))

    @action(  # type: ignore[untyped-decorator]
        description=REVOKE_PUSH.title, url_path="revoke-push", icon=REVOKE_PUSH.icon, permissions=["support"]
    )
    def revoke_push(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.confirm_or_execute(request, object_id, REVOKE_PUSH)

    @action(  # type: ignore[untyped-decorator]
        description=REVOKE_MOBILE_AUTHENTICATION.title,
        url_path="revoke-mobile-authentication",
        icon=REVOKE_MOBILE_AUTHENTICATION.icon,
        permissions=["support"],
    )
    def revoke_mobile_authentication(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.confirm_or_execute(request, object_id, REVOKE_MOBILE_AUTHENTICATION)

    @action(  # type: ignore[untyped-decorator]
        description=DISCONNECT.title, url_path="disconnect-user", icon=DISCONNECT.icon, permissions=["support"]
    )
    def disconnect_user(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.confirm_or_execute(request, object_id, DISCONNECT)

    def confirm_or_execute(self, request: HttpRequest, object_id: str, device_action: DeviceAction) -> HttpResponse:
        """Show a confirmation page on GET and run the action on POST. A repeated POST reports that nothing changed."""
        profile = self.get_object(request, object_id)
        if profile is None:
            return self.profile_not_found(request)
        if request.method != "POST":
            return render_confirmation(
                self, request, device_actions.build_confirmation(device_action, profile, change_url(profile)), profile
            )
        if device_action.execute(profile, request.user.get_username()):
            messages.success(request, device_action.success_text % device_actions.placeholders(profile))
        else:
            messages.info(request, NO_CHANGE)
        return HttpResponseRedirect(user_url(profile.user_id) if device_action.removes_profile else change_url(profile))

    @action(  # type: ignore[untyped-decorator]
        description=_("Delete mobile device"), url_path="delete-device", icon="delete", permissions=["support"]
    )
    def delete_device(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page with all users of the device on GET, and delete exactly these users on POST."""
        profile = self.get_object(request, object_id)
        if profile is None:
            return self.profile_not_found(request)
        device, profiles = profile.device, device_management.profiles_of_device(profile.device)
        confirmation = device_actions.build_device_confirmation(profiles, device, change_url(profile))
        if request.method != "POST":
            return render_confirmation(self, request, confirmation, profile)
        if request.POST.get("state_token") != confirmation.state_token:
            messages.error(
                request, _("The users of this device have changed meanwhile. Check the list and confirm again.")
            )
            return HttpResponseRedirect(request.get_full_path())
        messages.success(request, device_actions.delete_device(profiles, device, request.user.get_username()))
        return HttpResponseRedirect(user_url(profile.user_id))

    @admin.action(description=bulk_actions.DISCONNECT.title, permissions=["support"])
    def disconnect_selected(self, request: HttpRequest, rows: QuerySet[Profile]) -> HttpResponse:
        return self.confirm_or_execute_selected(request, rows, bulk_actions.DISCONNECT)

    @admin.action(description=bulk_actions.REVOKE_MOBILE_AUTHENTICATION.title, permissions=["support"])
    def revoke_mobile_authentication_selected(self, request: HttpRequest, rows: QuerySet[Profile]) -> HttpResponse:
        return self.confirm_or_execute_selected(request, rows, bulk_actions.REVOKE_MOBILE_AUTHENTICATION)

    @admin.action(description=bulk_actions.REVOKE_PUSH.title, permissions=["support"])
    def revoke_push_selected(self, request: HttpRequest, rows: QuerySet[Profile]) -> HttpResponse:
        return self.confirm_or_execute_selected(request, rows, bulk_actions.REVOKE_PUSH)

    def confirm_or_execute_selected(
        self, request: HttpRequest, rows: QuerySet[Profile], bulk_action: bulk_actions.BulkAction
    ) -> HttpResponse:
        """Show a confirmation page with the number of rows, and run the action when the page is posted."""
        profiles, back_url = self.selected_profiles(request, rows), bulk_actions.back_url(request)
        if not profiles:
            messages.info(request, NO_CHANGE)
            return HttpResponseRedirect(back_url)
        confirmation = bulk_actions.build_confirmation(bulk_action, profiles, back_url)
        if not self.is_confirmed(request, confirmation):
            return render_confirmation(self, request, confirmation, None)
        count = bulk_action.execute(profiles, request.user.get_username())
        messages.success(request, bulk_action.success_text % {"count": count})
        return HttpResponseRedirect(back_url)

    @admin.action(description=bulk_actions.LINKS_TITLE, permissions=["support"])
    def enrollment_links_selected(self, request: HttpRequest, rows: QuerySet[Profile]) -> HttpResponse:
        """Show a confirmation page with the number of links, and return the file when the page is posted."""
        profiles, back_url = self.selected_profiles(request, rows), bulk_actions.back_url(request)
        if not system.general().enrollment_enabled:
            messages.error(request, _("No link was created: enrolment is turned off under General."))
            return HttpResponseRedirect(back_url)
        confirmation = bulk_actions.build_links_confirmation(profiles, back_url)
        if not self.is_confirmed(request, confirmation):
            return render_confirmation(self, request, confirmation, None)
        return bulk_actions.links_file(profiles, request.user.get_username())

    def selected_profiles(self, request: HttpRequest, rows: QuerySet[Profile]) -> list[Profile]:
        """Return the selected rows of the page, and none of other pages."""
        return list(rows.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME)).order_by("user_id", "pk"))

    def is_confirmed(self, request: HttpRequest, confirmation: Confirmation) -> bool:
        """Return True if the confirmation page was posted and the selected rows still exist."""
        if request.POST.get("confirmed") != "yes":
            return False
        if request.POST.get("state_token") == confirmation.state_token:
            return True
        messages.error(request, _("The selected users have changed meanwhile. Check the list and confirm again."))
        return False

    def profile_not_found(self, request: HttpRequest) -> HttpResponse:
        """Redirect a repeated POST about a deleted profile to the list. Raises Http404 for other requests."""
        if request.method != "POST":
            raise Http404("no such profile")
        messages.info(request, NO_CHANGE)
        return HttpResponseRedirect(reverse(CHANGELIST))

    @action(  # type: ignore[untyped-decorator]
        description=_("Enrol a device"), url_path="enrol-device", icon="qr_code_2", permissions=["support"]
    )
    def enroll_device(self, request: HttpRequest) -> HttpResponse:
        return enrollment_pages.enroll(self, request, back_url=reverse(CHANGELIST))


def find_devices(device_ids: Collection[str]) -> dict[devices.DeviceKey, devices.DeviceReference]:
    """Return the names and pages of devices by device id and user id, for the events of a page."""
    columns = ("device__device_id", "user_id", "device__name", "pk")
    rows = Profile.objects.filter(device__device_id__in=device_ids).values_list(*columns)
    return {
        (device_id, user_id): devices.DeviceReference(name, reverse("admin:enrollment_profile_change", args=[pk]))
        for device_id, user_id, name, pk in rows
    }


devices.register(find_devices)


def get_term(request: HttpRequest) -> str:
    """Return the search term; an empty string without a search or for a term with a NUL character."""
    term = request.GET.get(SEARCH_VAR, "")
    return term if is_storable(term) else ""


def user_url(user_id: str) -> str:
    return reverse(CHANGELIST, query={SEARCH_VAR: user_id})


def change_url(profile: Profile) -> str:
    return reverse("admin:enrollment_profile_change", args=[profile.pk])
