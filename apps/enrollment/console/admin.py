from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from apps.common.console.admin import LogAdmin
from apps.common.console.confirmations import render_confirmation
from apps.common.input_text import is_storable
from apps.enrollment import device_management, fraud_locks
from apps.enrollment.console import columns, device_actions, enrollment_pages, push_pages
from apps.enrollment.console.device_actions import DISCONNECT, REVOKE_MOBILE_AUTHENTICATION, REVOKE_PUSH, DeviceAction
from apps.enrollment.models import Profile
from apps.events.console import devices
from apps.events.models import Event

MAX_EVENTS = 20
# Columns that the pages do not read.
SECRETS = ("push_enrollment__token", "public_key", "server_key__secret_key", "server_key__public_key")
CHANGELIST = "admin:enrollment_profile_changelist"
NO_CHANGE = _("Nothing was changed, because this was already done.")
PROFILE_FIELDS = (
    (None, {"fields": (("user_id", "profile_id"), (columns.keys, columns.enrolled), columns.fingerprint)}),
    (_("Push"), {"fields": ((columns.push, columns.push_enrolled, columns.pulling),)}),
    (_("Authenticators"), {"fields": ((columns.registered, columns.wrong_pins), columns.locked)}),
    (_("Device"), {"fields": ((columns.device_name, columns.device_model), (columns.device_id, columns.last_login))}),
    (
        _("Application"),
        {"fields": ((columns.application, columns.platform), (columns.version, columns.version_status))},
    ),
)


class ProfileAdmin(LogAdmin):
    """Console pages of users and their profiles on devices.

    A search finds one exact user id and shows all data of this user. `apps.transactions.console.user_admin` registers a
    subclass, which adds the locks of the user.
    """

    title = _("Users")
    list_select_related = ("device__version__application", "push_enrollment", "server_key")
    search_fields = ("user_id",)
    search_help_text = _("Exact user ID")
    ordering = ("-id",)
    fieldsets = PROFILE_FIELDS
    readonly_fields = tuple(
        field
        for _title, options in PROFILE_FIELDS
        for line in options["fields"]
        for field in (line if isinstance(line, tuple) else (line,))
        if callable(field)
    )
    list_after_template = "admin/enrollment/profile/user.html"
    change_form_outer_before_template = "admin/enrollment/profile/actions.html"
    change_form_after_template = "admin/enrollment/profile/device.html"
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
        return (queryset.filter(user_id=search_term) if search_term else queryset), False

    def get_list_display(self, request: HttpRequest) -> Any:
        device = (columns.application, columns.platform, columns.version, columns.version_label)
        state = (columns.keys, columns.push, columns.registered, columns.wrong_pins, columns.locked)
        if get_searched_user(request):
            return (columns.device_name, columns.device_model, *device, *state)
        return ("user_id", columns.device_name, *device, columns.push, columns.enrolled)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the newest profiles, or the profiles and events of the searched user."""
        user_id = get_searched_user(request)
        context = self.get_user_context(request, user_id) if user_id else {}
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


def get_searched_user(request: HttpRequest) -> str:
    """Return the searched user id; an empty string without a search or for an id with a NUL character."""
    term = request.GET.get(SEARCH_VAR, "")
    return term if is_storable(term) else ""


def user_url(user_id: str) -> str:
    return reverse(CHANGELIST, query={SEARCH_VAR: user_id})


def change_url(profile: Profile) -> str:
    return reverse("admin:enrollment_profile_change", args=[profile.pk])
