from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.common.console.admin import (
    ChoiceFilter,
    ExactFilter,
    LogAdmin,
    PeriodFilter,
    ReadOnlyAdmin,
    format_datetime,
    format_localized_texts,
)
from apps.common.console.confirmations import render_confirmation
from apps.common.encryption import CannotDecrypt
from apps.common.identifiers import shorten
from apps.events.changes import redact_urls
from apps.events.console.base import ConsoleAdmin
from apps.push.models import Platform
from apps.system import services as system
from apps.transactions.console import actions, outcomes, timeline, trial_pages
from apps.transactions.console.forms import TypeForm
from apps.transactions.console.message_fields import message_fields
from apps.transactions.console.user_admin import UserAdmin
from apps.transactions.models import SmsUsage, Status, Transaction
from apps.transactions.problems import problems
from apps.transactions.types import PUSH_METHODS, Method, MobileAuthenticationType

__all__ = ["MobileAuthenticationTypeAdmin", "TransactionAdmin", "UserAdmin"]

SIGNING_FIELDS = ("transaction_signing", "signing_data_required")
STATUS_COLORS = {
    Status.PENDING: "info",
    Status.AUTHENTICATED: "success",
    Status.NOT_AUTHENTICATED: "danger",
    Status.EXPIRED: "warning",
    Status.CANCELLED: "default",
}


@admin.register(MobileAuthenticationType)
class MobileAuthenticationTypeAdmin(ConsoleAdmin):
    class Media:
        js = ("console/message-preview.js",)

    form = TypeForm
    list_display = ("name", "method", "time_to_live", "fallback", "english_message")
    list_select_related = ("fallback",)
    actions_detail = ("send_test_sms",)
    change_form_outer_before_template = "admin/callbacks/problems.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        mobile_type = self.get_object(request, object_id)
        context = {"problems": [problem.on_its_page() for problem in problems([mobile_type])]} if mobile_type else {}
        response: HttpResponse = super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
        return response

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer the test SMS only for types that send SMS."""
        mobile_type = self.get_object(request, object_id)
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return buttons if mobile_type and mobile_type.method == Method.SMS else []

    @action(description=_("Send test SMS"), url_path="send-test-sms", icon="sms", permissions=["change"])  # type: ignore[untyped-decorator]
    def send_test_sms(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:send_test_sms"))

    def get_fieldsets(self, request: HttpRequest, obj: MobileAuthenticationType | None = None) -> Any:
        may_change = obj is None or self.has_change_permission(request, obj)
        return (
            (
                None,
                {
                    "fields": (
                        *("name", "method", "time_to_live", "code_to_phone", *SIGNING_FIELDS),
                        *("number_matching_digits", "allowed_platforms" if may_change else "platforms"),
                    )
                },
            ),
            (_("Sending and codes"), {"fields": ("max_attempts", "max_resends", "sms_sender_id", "fallback")}),
            (_("Default messages"), {"fields": tuple(message_fields()) if may_change else ("messages_by_language",)}),
        )

    @admin.display(description=_("allowed platforms"))
    def platforms(self, mobile_type: MobileAuthenticationType) -> str:
        """Return the allowed platforms as text, for users without change permission."""
        return ", ".join(str(Platform(name).label) for name in mobile_type.allowed_platforms if name in Platform.values)

    @admin.display(description=_("by language"), empty_value="-")
    def messages_by_language(self, mobile_type: MobileAuthenticationType) -> SafeString | None:
        """Return the messages as text, for users without change permission."""
        return format_localized_texts(mobile_type.default_messages)

    @admin.display(description=_("default message"), empty_value="-")
    def english_message(self, mobile_type: MobileAuthenticationType) -> str | None:
        text: str | None = mobile_type.default_messages.get("en")
        return text

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.has_autofill_problem:
            text = _(
                "The last line of a default message is not in the form that browsers need to offer the code. It must "
                "be a separate line “@www.example.com #{code}”, with one space and nothing before the @."
            )
            messages.warning(request, text)
        # The page of the type shows its problems itself.
        for problem in problems([obj]) if "_continue" not in request.POST else ():
            messages.warning(request, str(problem))


@admin.register(Transaction)
class TransactionAdmin(LogAdmin):
    """Authentication requests of portals, with their status. Confidential contents are not shown."""

    list_display = (
        *("started", "state", outcomes.outcome_reason, outcomes.callback, "type_name", "user_id", "app_name"),
        *(outcomes.device_name, "client", "short_id"),
    )
    list_filter = (
        ("status", ChoiceFilter),
        ("reason", ChoiceFilter),
        ("callback_uri", outcomes.CallbackFilter),
        ("client", ChoiceFilter),
        ("type_name", ExactFilter),
        ("user_id", ExactFilter),
        ("created_at", PeriodFilter),
    )
    list_select_related = ("client",)
    search_fields = ("id",)
    search_help_text = _("Exact user ID or transaction ID")
    readonly_fields = (
        *("started", "ended", "expires", "status_label", "client_link", "client_name", "user_link"),
        *("callback_url", "platform_label"),
        *("attempts", "attempts_of_code", "resends", "phone_number_end", "sender", outcomes.device),
    )
    change_form_after_template = "admin/transactions/transaction/timeline.html"
    actions_list = ("try_authentication", "text_messages_by_day")
    actions_detail = ("send_again", "cancel")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transaction]:
        rows: QuerySet[Transaction] = super().get_queryset(request)
        return outcomes.annotate(rows).defer(
            "secure_message", "signing_data", "token", "answer_digest", "phone_number", "code", "code_hash"
        )

    def get_fieldsets(self, request: HttpRequest, obj: Transaction | None = None) -> Any:
        method = obj.method if obj else ""
        client = "client_link" if request.user.has_perm("applications.view_apiclient") else "client_name"
        device: tuple[Any, ...] = (outcomes.device, "device_id")
        if obj and obj.device_platform == Platform.WEB:
            device = (*device, "platform_label")
        by_method: tuple[Any, ...] = (device, (client, "callback_url"))
        if method in PUSH_METHODS:
            codes = ("code_to_phone", "attempts_of_code") if obj and obj.code_to_phone else ()
            by_method = (device, *([codes] if codes else []), "resends", (client, "callback_url"))
        if method == Method.SMS:
            by_method = (("phone_number_end", "sender"), ("attempts", "resends"), client)
        if obj and obj.signature_verified is not None:
            by_method = (*by_method, "signature_verified")
        fields = (
            ("status_label", "reason"),
            ("user_link", "app_name"),
            ("type_name", "method"),
            "message",
            *by_method,
            ("started", "ended"),
            "expires",
        )
        return ((None, {"fields": fields}),)

    @admin.display(description=_("attempts"))
    def attempts(self, transaction: Transaction) -> str:
        return _attempts(transaction.attempts_used, transaction.max_attempts)

    @admin.display(description=_("attempts"))
    def attempts_of_code(self, transaction: Transaction) -> str:
        return _attempts(transaction.code_attempts_used, transaction.max_attempts)

    @admin.display(description=_("resends"))
    def resends(self, transaction: Transaction) -> str:
        return _used_of_limit(transaction.resends_used, transaction.max_resends)

    @admin.display(description=_("SMS sender ID"))
    def sender(self, transaction: Transaction) -> str:
        return transaction.sms_sender_id or "-"

    @admin.display(description=_("device platform"), empty_value="-")
    def platform_label(self, transaction: Transaction) -> SafeString | str | None:
        """Return the platform, with a note on the results of browsers."""
        label = transaction.get_device_platform_display()
        if transaction.device_platform != Platform.WEB:
            return label or None
        note = _(
            "Approved or denied in a browser. The server delivers the code of this device, so the result proves less "
            "than that of an app."
        )
        return format_html("{}<p>{}</p>", label, note)

    @admin.display(description=_("callback URL"), empty_value="-")
    def callback_url(self, transaction: Transaction) -> str | None:
        return redact_urls(transaction.callback_uri) or None

    @admin.display(description=_("phone number"))
    def phone_number_end(self, transaction: Transaction) -> str:
        """Return the last three digits, which distinguish phones without revealing the number."""
        try:
            return "…" + transaction.phone_number[-3:] if transaction.phone_number else "-"
        except CannotDecrypt:
            return "-"

    @admin.display(description=_("started (UTC)"))
    def started(self, transaction: Transaction) -> str:
        return format_datetime(transaction.created_at)

    @admin.display(description=_("expires (UTC)"))
    def expires(self, transaction: Transaction) -> str:
        return format_datetime(transaction.expires_at)

    @admin.display(description=_("ended (UTC)"))
    def ended(self, transaction: Transaction) -> str:
        return format_datetime(transaction.ended_at)

    @display(description=_("status"), label=STATUS_COLORS)  # type: ignore[untyped-decorator]
    def state(self, transaction: Transaction) -> tuple[str, str]:
        status = transaction.current_status(timezone.now())
        return status, str(status.label)

    @admin.display(description=_("status"))
    def status_label(self, transaction: Transaction) -> SafeString:
        status, text = self.state(transaction)
        return render_to_string("unfold/helpers/label.html", {"type": STATUS_COLORS[Status(status)], "text": text})

    @admin.display(description=_("transaction"))
    def short_id(self, transaction: Transaction) -> str:
        return shorten(transaction.pk)

    @admin.display(description=_("API client"))
    def client_link(self, transaction: Transaction) -> Any:
        return link(reverse("admin:applications_apiclient_change", args=[transaction.client_id]), transaction.client)

    @admin.display(description=_("API client"))
    def client_name(self, transaction: Transaction) -> str:
        return str(transaction.client)

    @admin.display(description=_("user"))
    def user_link(self, transaction: Transaction) -> Any:
        url = reverse("admin:enrollment_profile_changelist", query={"q": transaction.user_id})
        return link(url, transaction.user_id)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Transaction], search_term: str
    ) -> tuple[QuerySet[Transaction], bool]:
        if not search_term:
            return queryset, False
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            return queryset.filter(user_id=search_term), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        transaction = self.get_object(request, object_id)
        is_called_back = bool(transaction and transaction.callback_uri) and system.features().mobile_authentication
        details_context = (
            {"timeline": timeline.entries(transaction), "is_called_back": is_called_back} if transaction else {}
        )
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**details_context, **(extra_context or {})}
        )
        return response

    def has_support_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        # The page is read-only, so its own change permission is always denied.
        return bool(request.user.has_perm("transactions.change_transaction"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer the actions of a pending transaction. An ended one has none."""
        transaction = self.get_object(request, object_id)
        available = actions.available_actions(transaction) if transaction else set()
        return [button for button in super().get_actions_detail(request, object_id) if button.path in available]

    def has_text_messages_permission(self, request: HttpRequest) -> bool:
        # Transactions are shown while the feature is off; the page of text messages is not.
        is_enabled = system.features().mobile_authentication
        return is_enabled and bool(request.user.has_perm("transactions.view_smsusage"))

    @action(  # type: ignore[untyped-decorator]
        description=_("Text messages by day"),
        url_path="text-messages-by-day",
        icon="calendar_month",
        permissions=["text_messages"],
    )
    def text_messages_by_day(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:transactions_smsusage_changelist"))

    def has_try_permission(self, request: HttpRequest) -> bool:
        return system.features().mobile_authentication and bool(request.user.has_perm(trial_pages.PERMISSION))

    @action(description=trial_pages.TITLE, url_path="try", icon="play_arrow", permissions=["try"])  # type: ignore[untyped-decorator]
    def try_authentication(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"admin:{trial_pages.PAGE}"))

    @action(description=_("Cancel"), url_path="cancel", icon="cancel", permissions=["support"])  # type: ignore[untyped-decorator]
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET and cancel the transaction on POST."""
        transaction = self.get_or_404(request, object_id)
        if request.method != "POST":
            return render_confirmation(self, request, actions.cancel_confirmation(transaction), transaction)
        actions.cancel(request, transaction)
        return HttpResponseRedirect(actions.change_url(transaction))

    @action(description=_("Send again"), url_path="send-again", icon="replay", permissions=["support"])  # type: ignore[untyped-decorator]
    def send_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET and resend the message on POST, once per confirmation."""
        transaction = self.get_or_404(request, object_id)
        if request.method != "POST":
            return render_confirmation(self, request, actions.resend_confirmation(transaction), transaction)
        actions.resend(request, transaction)
        return HttpResponseRedirect(actions.change_url(transaction))

    def get_or_404(self, request: HttpRequest, object_id: str) -> Transaction:
        transaction: Transaction | None = self.get_object(request, object_id)
        if transaction is None:
            raise Http404("The transaction does not exist.")
        return transaction


@admin.register(SmsUsage)
class SmsUsageAdmin(ReadOnlyAdmin):
    """Text messages by day, country and client. A low share of verified codes is a sign of SMS pumping."""

    title = _("Text messages by day")
    list_display = ("date", "country", "client", "sent", "verified", "verified_share")
    sortable_by = ("sent", "verified")
    list_filter = (("client", ChoiceFilter), ("country", ExactFilter))
    list_select_related = ("client",)
    list_display_links = None
    ordering = ("-day", "country")

    @admin.display(description=_("day (UTC)"))
    def date(self, usage: SmsUsage) -> str:
        return date_format(usage.day, "DATE_FORMAT")

    @admin.display(description=_("share verified"))
    def verified_share(self, usage: SmsUsage) -> str:
        return f"{100 * usage.verified // usage.sent} %" if usage.sent else "-"


def _attempts(used: int, limit: int) -> str:
    """Return the number of attempts and their limit. 0: no limit."""
    return _used_of_limit(used, limit) if limit else _("%(used)d, no limit until it expires") % {"used": used}


def _used_of_limit(used: int, limit: int) -> str:
    return _("%(used)d of %(limit)d") % {"used": used, "limit": limit}


def link(url: str, text: object) -> str:
    return format_html('<a href="{}" class="text-link">{}</a>', url, text)
