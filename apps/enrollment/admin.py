from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.common.admin import LogAdmin, moment
from apps.enrollment.models import Profile
from apps.events.models import Event

EVENTS_SHOWN = 20


@admin.register(Profile)
class ProfileAdmin(LogAdmin):
    """Users, as far as the server knows them: profiles on devices. Keys and push tokens are not here."""

    title = _("Users")
    list_display = ("user_id", "device_name", "application", "platform", "version", "push", "enrolled")
    list_select_related = ("device__version__application", "push_enrollment")
    search_fields = ("user_id",)
    search_help_text = _("Exact user ID")
    ordering = ("-id",)
    readonly_fields = (
        "device_name",
        "phone_id",
        "device_model",
        "application",
        "platform",
        "version",
        "version_status",
        "push",
        "push_enrolled",
        "enrolled",
    )
    fieldsets = (
        (None, {"fields": (("user_id", "profile_id"), "enrolled", ("push", "push_enrolled"), "fingerprint")}),
        (_("Device"), {"fields": (("device_name", "device_model"), "phone_id")}),
        (_("Application"), {"fields": (("application", "platform"), ("version", "version_status"))}),
    )
    change_form_after_template = "admin/enrollment/profile/user.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Profile]:
        rows: QuerySet[Profile] = super().get_queryset(request)
        return rows.select_related(*self.list_select_related).defer("push_enrollment__token", "public_key")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Profile], search_term: str
    ) -> tuple[QuerySet[Profile], bool]:
        return (queryset.filter(user_id=search_term) if search_term else queryset), False

    @admin.display(description=_("device"))
    def device_name(self, profile: Profile) -> str:
        return profile.device.name

    @admin.display(description=_("device ID"))
    def phone_id(self, profile: Profile) -> str:
        return profile.device.device_id

    @admin.display(description=_("model and system"))
    def device_model(self, profile: Profile) -> str:
        return ", ".join(filter(None, (profile.device.model, profile.device.os_version))) or "-"

    @admin.display(description=_("application"))
    def application(self, profile: Profile) -> str:
        return profile.device.version.application.name

    @admin.display(description=_("platform"))
    def platform(self, profile: Profile) -> str:
        return profile.device.version.get_platform_display()

    @admin.display(description=_("version"))
    def version(self, profile: Profile) -> str:
        return profile.device.version.version

    @admin.display(description=_("status of the version"))
    def version_status(self, profile: Profile) -> str:
        return profile.device.version.get_status_display()

    @admin.display(description=_("enrolled for push"), boolean=True)
    def push(self, profile: Profile) -> bool:
        return hasattr(profile, "push_enrollment")

    @admin.display(description=_("push since (UTC)"))
    def push_enrolled(self, profile: Profile) -> str:
        return moment(profile.push_enrollment.enrolled_at) if self.push(profile) else "-"

    @admin.display(description=_("enrolled (UTC)"))
    def enrolled(self, profile: Profile) -> str:
        return moment(profile.created_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        profile = self.get_object(request, object_id)
        shown = self.surroundings(request, profile) if profile else {}
        response: HttpResponse = super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})
        return response

    def surroundings(self, request: HttpRequest, profile: Profile) -> dict[str, Any]:
        """Return the user's other profiles and last events."""
        others = self.get_queryset(request).filter(user_id=profile.user_id).exclude(pk=profile.pk)
        return {
            "user_profiles": others.order_by("-id")[:EVENTS_SHOWN],
            "user_events": Event.objects.filter(user_id=profile.user_id).order_by("-id")[:EVENTS_SHOWN],
        }
