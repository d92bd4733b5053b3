"""Console pages of callback deliveries."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display

from apps.callbacks import kinds, remedies, services
from apps.callbacks.console import states
from apps.callbacks.models import CallbackAttempt, CallbackDelivery
from apps.common import errors
from apps.common.console.admin import ChoiceFilter, ExactFilter, LogAdmin, PeriodFilter, format_datetime
from apps.common.console.confirmations import Confirmation, render_confirmation
from apps.events.changes import redact_urls
from apps.outbox.models import State

LIST = "admin:callbacks_callbackdelivery_changelist"
SINGLE_ATTEMPT_NOTE = _(
    "Each callback is attempted immediately. A callback that is at most 24 hours old is retried until it is delivered. "
    "An older callback gets a single attempt."
)


class StateFilter(ChoiceFilter):
    def options(self) -> list[tuple[str, Any]]:
        return [*states.options()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CallbackDelivery]) -> QuerySet[CallbackDelivery]:
        state = self.value(self.field_path)
        if not state:
            return queryset
        return queryset.filter(states.CONDITIONS[state]) if state in states.CONDITIONS else queryset.none()


@admin.register(CallbackDelivery)
class CallbackDeliveryAdmin(LogAdmin):
    """Callback deliveries, newest first. They are read-only; permanently failed callbacks can be sent again."""

    title = _("Callbacks")
    list_display = ("created", "callback_url", "label", "attempts_made", "next_attempt", "last_reason")
    list_filter = (
        ("state", StateFilter),
        ("url", ExactFilter),
        ("transaction_id", ExactFilter),
        ("created_at", PeriodFilter),
    )
    ordering = ("-created_at",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "callback_url",
                    "kind_label",
                    ("state_label", "attempts_made"),
                    ("created", "next_attempt"),
                    "ended",
                )
            },
        ),
        (_("Transaction"), {"fields": ("transaction", ("user_id", "client_id"), "webhook_id")}),
    )
    readonly_fields = (
        *("callback_url", "kind_label", "created", "next_attempt", "ended", "state_label", "transaction"),
        "webhook_id",
    )
    actions_list = ("send_all_again",)
    actions_detail = ("send_again",)
    change_form_after_template = "admin/callbacks/callbackdelivery/attempts.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CallbackDelivery]:
        attempts = CallbackAttempt.objects.filter(delivery=OuterRef("pk")).order_by("-number")
        rows: QuerySet[CallbackDelivery] = super().get_queryset(request)
        return rows.annotate(latest_reason=Subquery(attempts.values("reason")[:1]), state_key=states.KEY)

    @admin.display(description=_("created (UTC)"))
    def created(self, delivery: CallbackDelivery) -> str:
        return format_datetime(delivery.created_at)

    @admin.display(description=_("callback URL"))
    def callback_url(self, delivery: CallbackDelivery) -> str:
        return redact_urls(delivery.url)

    @admin.display(description=_("kind"))
    def kind_label(self, delivery: CallbackDelivery) -> str:
        kind = kinds.find(delivery.kind)
        return str(kind.label) if kind else delivery.kind

    @display(description=_("state"), label=states.COLORS)  # type: ignore[untyped-decorator]
    def label(self, delivery: Any) -> tuple[str, str]:
        return delivery.state_key, str(states.LABELS[delivery.state_key])

    @admin.display(description=_("state"))
    def state_label(self, delivery: CallbackDelivery) -> SafeString:
        state, text = self.label(delivery)
        return render_to_string("unfold/helpers/label.html", {"type": states.COLORS[state], "text": text})

    @admin.display(description=_("next attempt (UTC)"))
    def next_attempt(self, delivery: CallbackDelivery) -> str:
        if delivery.state != State.DUE:
            return "-"
        return str(_("in flight")) if delivery.claim else format_datetime(delivery.due_at)

    @admin.display(description=_("last reason"), empty_value="-")
    def last_reason(self, delivery: Any) -> str | None:
        return remedies.translate_reason(delivery.latest_reason or "") or None

    @admin.display(description=_("ended (UTC)"))
    def ended(self, delivery: CallbackDelivery) -> str:
        return format_datetime(delivery.ended_at)

    @admin.display(description=_("transaction"))
    def transaction(self, delivery: CallbackDelivery) -> SafeString:
        url = reverse("admin:transactions_transaction_change", args=[delivery.transaction_id])
        return format_html('<a href="{}" class="text-link">{}</a>', url, delivery.transaction_id)

    @admin.display(description=_("webhook-id"))
    def webhook_id(self, delivery: CallbackDelivery) -> str:
        return delivery.webhook_id

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list. If it is filtered by a URL, its button applies to this URL too."""
        response = super().changelist_view(request, extra_context)
        url = request.GET.get("url", "")
        if url and isinstance(response, TemplateResponse) and response.context_data:
            for button in response.context_data["actions_list"]:
                button["path"] += f"?{urlencode({'url': url})}"
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        delivery = self.get_object(request, object_id)
        context = detail_context(delivery) if delivery else {}
        response: HttpResponse = super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
        return response

    def has_send_again_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        # The page is read-only, so its own change permission is always denied.
        return bool(request.user.has_perm("callbacks.change_callbackdelivery"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer “Send again” only for a permanently failed callback whose secrets still exist."""
        delivery = self.get_object(request, object_id)
        is_offered = delivery is not None and can_redeliver(delivery)
        return list(super().get_actions_detail(request, object_id)) if is_offered else []

    @action(  # type: ignore[untyped-decorator]
        description=_("Send again"), url_path="send-again", icon="replay", permissions=["send_again"]
    )
    def send_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a confirmation page on GET and make the callback due again on POST."""
        delivery = self.get_object(request, object_id)
        if delivery is None:
            raise Http404("no such callback")
        if request.method != "POST":
            return render_confirmation(self, request, send_again_confirmation(delivery), delivery)
        self.redeliver(request, [delivery.pk])
        return HttpResponseRedirect(change_url(delivery))

    @action(  # type: ignore[untyped-decorator]
        description=_("Send all failed ones again"),
        url_path="send-all-again",
        icon="replay",
        permissions=["send_again"],
    )
    def send_all_again(self, request: HttpRequest) -> HttpResponse:
        """Show the number of callbacks on GET and make them due again on POST. `url` limits both to one URL."""
        url = request.GET.get("url", "")
        if request.method != "POST":
            return render_confirmation(self, request, send_all_confirmation(url), None)
        self.redeliver(request, None, url)
        return HttpResponseRedirect(reverse(LIST))

    def redeliver(self, request: HttpRequest, ids: list[UUID] | None, url: str = "") -> None:
        try:
            count = services.redeliver(ids, url=url, who=request.user.get_username())
        except errors.InvalidRequest as error:
            messages.error(request, str(error))
            return
        if not count:
            messages.warning(request, _("No callback was sent again: no matching callback has permanently failed."))
            return
        text = ngettext("%(count)d callback is due again.", "%(count)d callbacks are due again.", count)
        messages.success(request, text % {"count": count})


def change_url(delivery: CallbackDelivery) -> str:
    return reverse("admin:callbacks_callbackdelivery_change", args=[delivery.pk])


def detail_context(delivery: CallbackDelivery) -> dict[str, Any]:
    """Return the attempts, the time of the next one, and the remedy if the last one failed."""
    attempts = list(delivery.attempts.all())
    is_due = delivery.state == State.DUE and delivery.claim is None
    failed = [attempt for attempt in attempts[-1:] if attempt.outcome == "failed"]
    return {
        "attempts": attempts,
        "next_attempt": delivery.due_at if is_due else None,
        "remedy": remedies.remedy_for(failed[0].error_kind, failed[0].status, delivery.kind) if failed else "",
        "is_erased": delivery.state == State.FAILED and not can_redeliver(delivery),
    }


def can_redeliver(delivery: CallbackDelivery) -> bool:
    return delivery.state == State.FAILED and delivery.kind in kinds.redeliverable()


def send_again_confirmation(delivery: CallbackDelivery) -> Confirmation:
    return Confirmation(
        title=_("Send again"),
        heading=_("Send this callback to %(url)s again?") % {"url": delivery},
        paragraphs=[SINGLE_ATTEMPT_NOTE],
        icon="replay",
        back_url=change_url(delivery),
        button_label=_("Send again"),
    )


def send_all_confirmation(url: str) -> Confirmation:
    count = services.redeliverable_deliveries(url).count()
    heading = ngettext("Send %(count)d failed callback again?", "Send %(count)d failed callbacks again?", count)
    scope = (
        _("Only callbacks to %(url)s are sent.") % {"url": redact_urls(url)}
        if url
        else _("Callbacks to all URLs are sent, regardless of the filters of the list.")
    )
    return Confirmation(
        title=_("Send all failed ones again"),
        heading=heading % {"count": count} if count else _("No callback has permanently failed"),
        paragraphs=[scope, SINGLE_ATTEMPT_NOTE] if count else [],
        icon="replay",
        back_url=reverse(LIST, query={"state": "failed", **({"url": url} if url else {})}),
        button_label=_("Send again") if count else "",
    )
