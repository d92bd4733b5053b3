from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.callbacks.forms import CallbackEndpointForm
from apps.callbacks.models import CallbackEndpoint
from apps.common.forms import has_password
from apps.events.console import ConsoleAdmin


@admin.register(CallbackEndpoint)
class CallbackEndpointAdmin(ConsoleAdmin):
    form = CallbackEndpointForm
    list_display = ("url", "username", "has_password")
    search_fields = ("url",)
    search_help_text = _("Part of the address")

    @admin.display(description=_("password stored"), boolean=True)
    def has_password(self, endpoint: CallbackEndpoint) -> bool:
        return has_password(endpoint)

    def get_fieldsets(self, request: HttpRequest, obj: CallbackEndpoint | None = None) -> Any:
        removal = ("remove_password",) if obj and has_password(obj) else ()
        return (
            (None, {"fields": ("url",)}),
            (
                _("Basic authentication"),
                {
                    "fields": ("username", "new_password", *removal),
                    "description": _("Sent with every callback to this address. Leave it empty to send none."),
                },
            ),
        )
