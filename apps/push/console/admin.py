from typing import Any

from django.contrib import admin
from django.db.models import Count, F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.common.console.admin import format_datetime
from apps.events.console.base import ConsoleAdmin
from apps.push.console.forms import CREDENTIAL_COLUMNS, PushMessagingConfigurationForm, platform_fields
from apps.push.models import CREDENTIAL_FIELDS, Kind, Platform, PushMessagingConfiguration
from apps.push.problems import CERTIFICATES_DEPRECATED, problems_of

PLATFORM_LABELS = {
    Platform.ANDROID: _("Firebase Cloud Messaging"),
    Platform.IOS: _("Apple Push Notification service"),
}
MAX_RECENT_PROFILES = 5


@admin.register(PushMessagingConfiguration)
class PushMessagingConfigurationAdmin(ConsoleAdmin):
    """Admin of the push messaging configurations. Those with a certificate can only be renamed."""

    form = PushMessagingConfigurationForm
    secret_fields = CREDENTIAL_FIELDS
    list_display = ("name", "kind_label", "account", "in_use", "problem", "updated")
    readonly_fields = ("kind_label", "environment", "certificate_expires", "updated")
    change_form_outer_before_template = "admin/push/pushmessagingconfiguration/problems.html"
    change_form_outer_after_template = "admin/push/pushmessagingconfiguration/devices.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PushMessagingConfiguration]:
        rows: QuerySet[PushMessagingConfiguration] = super().get_queryset(request)
        return rows.annotate(version_count=Count("versions"))

    @admin.display(description=_("used by versions"))
    def in_use(self, configuration: Any) -> int:
        return int(configuration.version_count)

    @admin.display(description=_("updated (UTC)"))
    def updated(self, configuration: PushMessagingConfiguration) -> str:
        return format_datetime(configuration.updated_at)

    @admin.display(description=_("kind"))
    def kind_label(self, configuration: PushMessagingConfiguration) -> str:
        return str(configuration.kind.label)

    @admin.display(description=_("project or team"))
    def account(self, configuration: PushMessagingConfiguration) -> str:
        return configuration.project_id or configuration.team_id or "-"

    @admin.display(description=_("problem"), empty_value="-")
    def problem(self, configuration: PushMessagingConfiguration) -> SafeString | None:
        problems = problems_of(configuration)
        if not problems:
            return None
        tone = "bad" if problems[0].is_failure else "waiting"
        return format_html('<span class="console-problem" data-tone="{}">{}</span>', tone, problems[0].summary)

    @admin.display(description=_("APNs environment"))
    def environment(self, configuration: PushMessagingConfiguration) -> str:
        return configuration.get_apns_environment_display()

    @admin.display(description=_("certificate expires (UTC)"))
    def certificate_expires(self, configuration: PushMessagingConfiguration) -> str:
        return format_datetime(configuration.certificate_expires_at)

    def get_fieldsets(self, request: HttpRequest, obj: PushMessagingConfiguration | None = None) -> Any:
        groups: list[Any] = [
            (PLATFORM_LABELS[platform], {"fields": names}) for platform, names in platform_fields(obj).items()
        ]
        if obj and not self.has_change_permission(request, obj):
            groups = [(title, {"fields": readable_fields(group["fields"])}) for title, group in groups]
        if obj is None:
            return ((None, {"fields": ("name", "platform")}), *groups)
        if obj.kind == Kind.APNS_CERTIFICATE:
            fields = (("environment", "certificate_expires"),)
            groups = [(PLATFORM_LABELS[Platform.IOS], {"fields": fields, "description": deprecation_notice()})]
        return ((None, {"fields": ("name", ("platform", "kind_label"), "updated")}), *groups)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "platform") if obj else self.readonly_fields

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        configuration = self.get_object(request, object_id)
        context = (
            {"problems": problems_of(configuration), "recent_profiles": recent_profiles(configuration)}
            if configuration
            else {}
        )
        response: HttpResponse = super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
        return response


def readable_fields(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the fields of a read-only page, which omits the credentials."""
    return tuple(name for name in names if name not in CREDENTIAL_COLUMNS)


def deprecation_notice() -> SafeString:
    return format_html('<p class="console-warning" role="note">{}</p>', CERTIFICATES_DEPRECATED)


def recent_profiles(configuration: PushMessagingConfiguration) -> list[dict[str, Any]]:
    """Return the most recently enrolled profiles whose pushes use this configuration."""
    profiles = configuration.versions.filter(device__profiles__push_enrollment__isnull=False)
    columns: dict[str, Any] = {
        "profile_pk": F("device__profiles__pk"),
        "user_id": F("device__profiles__user_id"),
        "device_name": F("device__name"),
        "app_name": F("application__name"),
        "version_name": F("version"),
    }
    return [dict(row) for row in profiles.order_by("-device__profiles__pk").values(**columns)[:MAX_RECENT_PROFILES]]
