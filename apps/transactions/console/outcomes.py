"""Columns and filters for the outcome of a transaction: reason, last failed delivery, device and callback."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from apps.callbacks.console import states
from apps.callbacks.models import CallbackDelivery
from apps.common.console.admin import ChoiceFilter
from apps.enrollment.models import Profile
from apps.transactions.models import PushAttempt, Reason, SmsAttempt, Status, Transaction

# Limit of the callbacks that the filter reads, newest first. With a filter by user, all callbacks of the user are read.
MAX_CALLBACKS = 2000
# A callback is created when its transaction ends, within its time to live.
MAX_LIFETIME = timedelta(days=1)


def annotate(rows: QuerySet[Transaction]) -> QuerySet[Transaction]:
    """Add the values of the columns. The database reads them with an index, for the rows of a page only."""
    by_transaction = {"delivery__transaction": OuterRef("pk")}
    pushes = PushAttempt.objects.filter(**by_transaction).order_by("-started_at").values("reason")[:1]
    messages = SmsAttempt.objects.filter(**by_transaction).order_by("-started_at").values("reason")[:1]
    callbacks = CallbackDelivery.objects.filter(transaction_id=OuterRef("pk")).order_by("-created_at")
    return rows.annotate(
        delivery_reason=Coalesce(Subquery(pushes), Subquery(messages)),
        device_name=Subquery(Profile.objects.filter(pk=OuterRef("profile_id")).values("device__name")),
        callback_key=Subquery(callbacks.values(key=states.KEY)[:1]),
    )


@admin.display(description=gettext_lazy("reason"), empty_value="-")
def outcome_reason(transaction: Any) -> str | None:
    """Return why a transaction has not succeeded, with the reason of the provider or gateway if sending failed."""
    texts = [transaction.get_reason_display()]
    if transaction.fraud_reported:
        texts.append(_("fraud reported"))
    if transaction.status != Status.AUTHENTICATED and transaction.reason in ("", Reason.FAILED_TO_SEND):
        texts.append(transaction.delivery_reason or "")
    return ": ".join(filter(None, texts)) or None


@admin.display(description=gettext_lazy("device"), empty_value="-")
def device_name(transaction: Any) -> str | None:
    """Return the name of the device. A deleted device is named by the beginning of its id."""
    return transaction.device_name or (f"{transaction.device_id[:8]}…" if transaction.device_id else None)


@admin.display(description=gettext_lazy("device"), empty_value="-")
def device(transaction: Any) -> str | None:
    """Return the name and platform of the device."""
    return ", ".join(filter(None, (device_name(transaction), transaction.get_device_platform_display()))) or None


@display(description=gettext_lazy("callback"), label=states.COLORS)  # type: ignore[untyped-decorator]
def callback(transaction: Any) -> tuple[str, str] | str:
    key = transaction.callback_key
    return (key, str(states.LABELS[key])) if key else "-"


class CallbackFilter(ChoiceFilter):
    """Filter by the state of the callback."""

    @classmethod
    def parameters(cls, _field_path: str) -> list[str]:
        return ["callback"]

    def __init__(self, field: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(field, *args, **kwargs)
        self.field_path, self.title = "callback", str(gettext_lazy("callback"))

    def options(self) -> list[tuple[Any, Any]]:
        return [*states.options()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Transaction]) -> QuerySet[Transaction]:
        state = self.value("callback")
        if not state:
            return queryset
        if state not in states.CONDITIONS:
            return queryset.none()
        callbacks = CallbackDelivery.objects.filter(states.CONDITIONS[state])
        if request.GET.get("user_id") or request.GET.get("q"):
            return queryset.filter(Exists(callbacks.filter(transaction_id=OuterRef("pk"))))
        newest = callbacks.filter(_created_in_period(request)).order_by("-created_at")
        return queryset.filter(pk__in=newest.values("transaction_id")[:MAX_CALLBACKS])


def _created_in_period(request: HttpRequest) -> Q:
    """Return the condition for callbacks of transactions in the period of the list. `PeriodFilter` validates it."""
    start, end = (_timestamp(request.GET.get(f"created_at_{bound}", "")) for bound in ("from", "to"))
    condition = Q(created_at__gte=start) if start else Q()
    return condition & Q(created_at__lte=end + MAX_LIFETIME) if end else condition


def _timestamp(text: str) -> datetime | None:
    try:
        return timezone.make_aware(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
