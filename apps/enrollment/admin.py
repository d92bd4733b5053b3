from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from apps.common.admin import LogAdmin, moment
from apps.enrollment import pushes
from apps.enrollment.models import Profile
from apps.events.models import Event
from apps.push import remedies
from apps.push.providers.base import Outcome, Result

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
        "registered",
        "pins_wrong",
        "locked",
    )
    fieldsets = (
        (None, {"fields": (("user_id", "profile_id"), "enrolled", ("push", "push_enrolled"), "fingerprint")}),
        (_("Authenticators"), {"fields": (("registered", "pins_wrong"), "locked")}),
        (_("Device"), {"fields": (("device_name", "device_model"), "phone_id")}),
        (_("Application"), {"fields": (("application", "platform"), ("version", "version_status"))}),
    )
    change_form_after_template = "admin/enrollment/profile/user.html"
    actions_detail = ("send_test_push",)

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

    @admin.display(description=_("registered"))
    def registered(self, profile: Profile) -> str:
        authenticators = profile.authenticators.order_by("registered_at")
        return ", ".join(
            f"{authenticator.get_type_display()} {authenticator.authenticator_id}".strip()
            for authenticator in authenticators
        ) or str(_("none"))

    @admin.display(description=_("wrong PINs in a row"))
    def pins_wrong(self, profile: Profile) -> str:
        limit = profile.device.version.application.max_pin_attempts
        return f"{profile.wrong_pins} / {limit or '∞'}"

    @admin.display(description=_("locked after a fraud report (UTC)"))
    def locked(self, profile: Profile) -> str:
        return moment(profile.locked_at)

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

    def has_send_test_push_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        # The rows themselves are never changed here, so the page's own permission says no to everybody.
        return bool(request.user.has_perm("enrollment.change_profile"))

    @action(  # type: ignore[untyped-decorator]
        description=_("Send test push"),
        url_path="send-test-push",
        icon="send",
        permissions=["send_test_push"],
    )
    def send_test_push(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then send. Only a POST sends anything."""
        profile = self.get_object(request, object_id)
        if profile is None:
            raise Http404("no such profile")
        if request.method == "GET":
            return self.ask(request, profile)
        if request.method != "POST":
            return HttpResponseNotAllowed(["GET", "POST"])
        try:
            tell(request, profile, pushes.send_test(profile))
        except pushes.NotReachable:
            messages.error(request, unreachable(profile))
        return HttpResponseRedirect(reverse("admin:enrollment_profile_change", args=[profile.pk]))

    def ask(self, request: HttpRequest, profile: Profile) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": profile,
            "title": _("Send test push"),
            "obstacle": unreachable(profile),
        }
        return TemplateResponse(request, "admin/enrollment/profile/send_test_push.html", context)


def unreachable(profile: Profile) -> str:
    """Say why no push can be sent to this profile; empty when one can."""
    if profile.device.version.push_messaging_configuration_id is None:
        return str(_("This version of the app has no push messaging configuration, so no push is sent to it."))
    if not hasattr(profile, "push_enrollment"):
        return str(_("This device is not enrolled for push. The app has to enrol for it first."))
    return ""


def tell(request: HttpRequest, profile: Profile, result: Result) -> None:
    """Say in a message what became of a test push: the push service's own reason, and what mends it."""
    if result.outcome == Outcome.ACCEPTED:
        text = _("The push service took the test push for “%(device)s”.")
        messages.success(request, text % {"device": profile.device.name})
        return
    text = _("The push service did not take the test push for “%(device)s”. Reason: %(reason)s. %(remedy)s")
    words = {
        "device": profile.device.name,
        "reason": result.reason or result.outcome.value,
        "remedy": remedies.remedy(result),
    }
    messages.error(request, text % words)
