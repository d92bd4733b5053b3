from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.callbacks.forms import CallbackEndpointForm
from apps.callbacks.models import CallbackEndpoint
from apps.common.admin import StoredPasswordAdmin
from apps.events.console import ConsoleAdmin


@admin.register(CallbackEndpoint)
class CallbackEndpointAdmin(StoredPasswordAdmin, ConsoleAdmin):
    form = CallbackEndpointForm
    list_display = ("url", "username", "has_password")
    search_fields = ("url",)
    search_help_text = _("Part of the address")

    def get_fieldsets(self, request: HttpRequest, obj: CallbackEndpoint | None = None) -> Any:
        return (
            (None, {"fields": ("url",)}),
            (
                _("Basic authentication"),
                {
                    "fields": ("username", *self.password_fields(request, obj)),
                    "description": _("Sent with every callback to this address. Leave it empty to send none."),
                },
            ),
        )
