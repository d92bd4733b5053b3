from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from apps.common.console.admin import format_datetime
from apps.common.console.confirmations import Confirmation, render_confirmation
from apps.common.console.documents import Document
from apps.common.console.forms import document_links
from apps.events.console.base import ConsoleAdmin
from apps.push.console.forms import CREDENTIAL_COLUMNS, PushMessagingConfigurationForm, platform_fields
from apps.push.models import CREDENTIAL_FIELDS, Kind, Platform, PushMessagingConfiguration
from apps.push.problems import CERTIFICATES_DEPRECATED, problems_of
from apps.push.providers.web_push import vapid

PLATFORM_LABELS = {
    Platform.ANDROID: _("Firebase Cloud Messaging"),
    Platform.IOS: _("Apple Push Notification service"),
    Platform.WEB: _("Web Push"),
}
MAX_RECENT_PROFILES = 5


@admin.register(PushMessagingConfiguration)
class PushMessagingConfigurationAdmin(ConsoleAdmin):
    """Admin of the push messaging configurations. Those with a certificate can only be renamed."""

    form = PushMessagingConfigurationForm
    secret_fields = CREDENTIAL_FIELDS
    list_display = ("name", "kind_label", "account", "in_use", "problem", "updated")
    readonly_fields = ("kind_label", "environment", "certificate_expires", "public_key", "updated")
    actions_detail = ("new_key_pair",)
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

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer “New key pair” only for Web Push."""
        configuration = self.get_object(request, object_id)
        has_key_pair = configuration is not None and configuration.kind == Kind.WEB_PUSH
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return [button for button in buttons if has_key_pair or button.path != "new-key-pair"]

    @admin.display(description=_("project, team or contact"))
    def account(self, configuration: PushMessagingConfiguration) -> str:
        return configuration.project_id or configuration.team_id or configuration.contact or "-"

    @admin.display(description=_("VAPID public key"))
    def public_key(self, configuration: PushMessagingConfiguration) -> SafeString:
        button = (
            '<button type="button" class="console-icon-button" data-copies="vapid-public-key" title="{}">'
            '<span class="material-symbols-outlined" aria-hidden="true">content_copy</span></button>'
        )
        return format_html(
            '<span class="console-copied"><code id="vapid-public-key">{}</code>' + button + "</span>",
            configuration.vapid_public_key,
            _("Copy"),
        )

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
        if obj.kind == Kind.WEB_PUSH:
            groups = [(PLATFORM_LABELS[Platform.WEB], {"fields": ("contact", "public_key")})]
        return ((None, {"fields": ("name", ("platform", "kind_label"), "updated")}), *groups)

    @action(  # type: ignore[untyped-decorator]
        description=_("New key pair"), url_path="new-key-pair", icon="key", permissions=["change"]
    )
    def new_key_pair(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET and replace the key pair on POST.

        The state token of the form prevents that a repeated POST replaces the new key pair.
        """
        with transaction.atomic():
            rows = PushMessagingConfiguration.objects.select_for_update(no_key=True)
            found = self.get_object(request, unquote(object_id))
            configuration = rows.filter(pk=found.pk).first() if found else None
            if configuration is None or configuration.kind != Kind.WEB_PUSH:
                raise Http404("no such configuration of Web Push")
            if not self.has_change_permission(request, configuration):
                raise PermissionDenied
            if request.method != "POST":
                return render_confirmation(self, request, key_pair_confirmation(configuration), configuration)
            if request.POST.get("state_token") != configuration.vapid_public_key:
                messages.warning(request, _("The key pair has changed in the meantime. No key pair was created."))
            else:
                self.replace_key_pair(request, configuration)
        return HttpResponseRedirect(change_url(configuration))

    def replace_key_pair(self, request: HttpRequest, configuration: PushMessagingConfiguration) -> None:
        before = self.load_snapshot(configuration)
        vapid.assign_new_key_pair(configuration)
        configuration.delivery_error = configuration.delivery_error_destination = ""
        configuration.delivery_error_at = None
        configuration.save()
        self.record(request, configuration, before)
        self.log_change(request, configuration, str(_("New key pair.")))
        messages.success(request, _("The key pair was replaced. Devices must subscribe again with the new public key."))

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


def change_url(configuration: PushMessagingConfiguration) -> str:
    return reverse("admin:push_pushmessagingconfiguration_change", args=[configuration.pk])


def key_pair_confirmation(configuration: PushMessagingConfiguration) -> Confirmation:
    return Confirmation(
        title=_("New key pair"),
        heading=_("Replace the key pair of “%(name)s”?") % {"name": configuration},
        paragraphs=(
            _("Apps subscribe with the public key. Publish the new one in the apps that use this configuration."),
        ),
        warning=_("Push services reject pushes to all devices that have subscribed with the old public key."),
        icon="key",
        back_url=change_url(configuration),
        button_label=_("Replace the key pair"),
        state_token=configuration.vapid_public_key,
    )


def deprecation_notice() -> SafeString:
    document = Document(gettext("Push"), "push.md", "credentials")
    return format_html(
        '<p class="console-warning" role="note">{}{}</p>', CERTIFICATES_DEPRECATED, document_links(document)
    )


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
