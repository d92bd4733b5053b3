from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.common.console.admin import format_localized_texts
from apps.geocontext.console.forms import ConfirmationTemplateForm, GeolocationForm, placeholders_help, text_fields
from apps.geocontext.models import ConfirmationTemplate, Geolocation
from apps.geocontext.problems import problems
from apps.geocontext.sources import describe_database
from apps.system import services as system
from apps.system.console.admin import SettingsAdmin


@admin.register(Geolocation)
class GeolocationAdmin(SettingsAdmin):
    """Page of the geolocation service, with the location database that is used without a service."""

    form = GeolocationForm
    secret_fields = ("key",)
    change_form_outer_before_template = "admin/geocontext/geolocation/problems.html"
    change_form_outer_after_template = "admin/geocontext/geolocation/database.html"

    def get_fieldsets(self, request: HttpRequest, obj: Geolocation | None = None) -> Any:
        removal = ("remove_key",) if obj and obj.has_key else ()
        key = ("new_key", *removal) if obj is None or self.has_change_permission(request, obj) else ("key_stored",)
        return ((_("HTTP service"), {"fields": ("url", *key)}),)

    @admin.display(description=_("key stored"), boolean=True)
    def key_stored(self, row: Geolocation) -> bool:
        return row.has_key

    def form_context(self) -> dict[str, Any]:
        location_database = describe_database(settings.GEOCONTEXT_DATABASE)
        return {
            **super().form_context(),
            "problems": [problem.on_its_page() for problem in problems()],
            "database": location_database,
            "is_off": not system.features().geolocation,
        }


@admin.register(ConfirmationTemplate)
class ConfirmationTemplateAdmin(SettingsAdmin):
    title = _("Confirmation template")
    form = ConfirmationTemplateForm
    change_form_outer_before_template = "admin/geocontext/geolocation/problems.html"

    class Media:
        js = ("console/template-preview.js",)

    def get_fieldsets(self, request: HttpRequest, obj: ConfirmationTemplate | None = None) -> Any:
        fields = tuple(text_fields()) if obj is None or self.has_change_permission(request, obj) else ("by_language",)
        return ((None, {"fields": fields, "description": placeholders_help()}),)

    def form_context(self) -> dict[str, Any]:
        return {**super().form_context(), "is_off": not system.features().geolocation}

    @admin.display(description=_("by language"), empty_value="-")
    def by_language(self, row: ConfirmationTemplate) -> SafeString | None:
        """Return the texts, for users without change permission."""
        return format_localized_texts(row.texts)
