from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.geocontext.forms import (
    ConfirmationTemplateForm,
    GeolocationForm,
    placeholders_help,
    text_fields,
)
from apps.geocontext.models import ConfirmationTemplate, Geolocation
from apps.geocontext.problems import problems
from apps.geocontext.sources import describe_file
from apps.system.admin import SettingsAdmin


@admin.register(Geolocation)
class GeolocationAdmin(SettingsAdmin):
    """The HTTP service, and below it the file that is used without one."""

    form = GeolocationForm
    secret_fields = ("key",)
    change_form_outer_before_template = "admin/geocontext/geolocation/problems.html"
    change_form_outer_after_template = "admin/geocontext/geolocation/file.html"

    def get_fieldsets(self, request: HttpRequest, obj: Geolocation | None = None) -> Any:
        removal = ("remove_key",) if obj and obj.has_key else ()
        return ((_("HTTP service"), {"fields": ("url", "new_key", *removal)}),)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        file = describe_file(settings.GEOCONTEXT_DATABASE)
        shown = {"problems": list(problems()), "file": file, **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, shown)


@admin.register(ConfirmationTemplate)
class ConfirmationTemplateAdmin(SettingsAdmin):
    title = _("Confirmation template")
    form = ConfirmationTemplateForm

    class Media:
        js = ("console/template-preview.js",)

    def get_fieldsets(self, request: HttpRequest, obj: ConfirmationTemplate | None = None) -> Any:
        return ((None, {"fields": tuple(text_fields()), "description": placeholders_help()}),)
