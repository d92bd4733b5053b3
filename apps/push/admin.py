from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.common.admin import moment
from apps.events.console import ConsoleAdmin
from apps.push.forms import PushMessagingConfigurationForm
from apps.push.models import PushMessagingConfiguration


@admin.register(PushMessagingConfiguration)
class PushMessagingConfigurationAdmin(ConsoleAdmin):
    form = PushMessagingConfigurationForm
    list_display = ("name", "platform", "fcm_api_version", "project_id", "in_use", "updated")
    readonly_fields = ("project_id", "updated")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PushMessagingConfiguration]:
        rows: QuerySet[PushMessagingConfiguration] = super().get_queryset(request)
        return rows.annotate(version_count=Count("versions"))

    @admin.display(description=_("used by versions"))
    def in_use(self, configuration: Any) -> int:
        return int(configuration.version_count)

    @admin.display(description=_("updated (UTC)"))
    def updated(self, configuration: PushMessagingConfiguration) -> str:
        return moment(configuration.updated_at)

    def get_fieldsets(self, request: HttpRequest, obj: PushMessagingConfiguration | None = None) -> Any:
        stored = ("project_id", "updated") if obj else ()
        return (
            (None, {"fields": ("name", "platform")}),
            (
                _("Firebase Cloud Messaging"),
                {"fields": ("fcm_api_version", *stored[:1], "service_account_file", "endpoint", *stored[1:])},
            ),
        )
