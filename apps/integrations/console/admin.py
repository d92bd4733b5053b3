from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from apps.common.console.confirmations import Confirmation, render_confirmation
from apps.common.findings import Level
from apps.events.console.base import ConsoleAdmin
from apps.integrations import realm
from apps.integrations.console.forms import KeycloakIntegrationForm
from apps.integrations.models import KeycloakIntegration
from apps.integrations.problems import problems


@admin.register(KeycloakIntegration)
class KeycloakIntegrationAdmin(ConsoleAdmin):
    """Keycloak integrations. The button “Check realm” fetches the keys of the realm."""

    form = KeycloakIntegrationForm
    list_display = ("name", "realm_url", "type", "api_client", "problem")
    list_select_related = ("type", "api_client")
    readonly_fields = ("channel_url",)
    actions_detail = ("check_realm",)
    change_form_outer_before_template = "admin/callbacks/problems.html"

    def get_fieldsets(self, request: HttpRequest, obj: KeycloakIntegration | None = None) -> Any:
        url = ("channel_url",) if obj else ()
        return (
            (None, {"fields": ("name", *url)}),
            (_("Realm"), {"fields": ("realm_url", "issuer")}),
            (_("Authentication"), {"fields": ("api_client", "type", "acr_types")}),
            (
                _("User"),
                {
                    "fields": ("user_id_rule", "user_id_prefix", "user_id_suffix"),
                    "description": _("How the login hint, which is the user name at Keycloak, becomes the user id."),
                },
            ),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[KeycloakIntegration]:
        rows: QuerySet[KeycloakIntegration] = super().get_queryset(request)
        return rows.select_related("type", "api_client")

    @admin.display(description=_("URL for Keycloak"))
    def channel_url(self, integration: KeycloakIntegration) -> str:
        return channel_url(integration)

    @admin.display(description=_("problem"), empty_value="-")
    def problem(self, integration: KeycloakIntegration) -> SafeString | None:
        found = next(problems(integration), None)
        if found is None:
            return None
        return format_html('<span class="console-problem" data-tone="bad">{}</span>', found.summary)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        integration = self.get_object(request, object_id)
        found = [problem.on_its_page() for problem in problems(integration)] if integration else []
        context = {"problems": found, **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    @action(description=_("Check realm"), url_path="check-realm", icon="fact_check", permissions=["change"])  # type: ignore[untyped-decorator]
    def check_realm(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET and fetch the keys and the issuer of the realm on POST."""
        integration = self.get_object(request, object_id)
        if integration is None:
            raise Http404("no such integration")
        if request.method != "POST":
            return render_confirmation(self, request, check_confirmation(integration), integration)
        for finding in realm.check(integration):
            show = messages.success if finding.level == Level.OK else messages.error
            show(request, f"{finding.text} {finding.remedy}".rstrip())
            if finding.level == Level.OK:
                integration.record_key_set_error("")
        return HttpResponseRedirect(change_url(integration))


def change_url(integration: KeycloakIntegration) -> str:
    return reverse("admin:integrations_keycloakintegration_change", args=[integration.pk])


def channel_url(integration: KeycloakIntegration) -> str:
    """Return the URL that Keycloak calls, for its option http-authentication-channel-uri."""
    return f"{settings.PUBLIC_URL}/integrations/keycloak/{integration.name}"


def check_confirmation(integration: KeycloakIntegration) -> Confirmation:
    return Confirmation(
        title=_("Check realm"),
        heading=_("Check the realm of “%(name)s”?") % {"name": integration},
        paragraphs=(
            _("This server fetches the public keys and the issuer of %(url)s.") % {"url": integration.realm_url},
            _("No authentication is started. This page waits for the response for at most 20 seconds."),
        ),
        icon="fact_check",
        back_url=change_url(integration),
        button_label=_("Check realm"),
    )
