"""States of callbacks for support staff: a callback that is still retried differs from one that was given up."""

from typing import TYPE_CHECKING

from django.db.models import Case, CharField, Q, Value, When
from django.utils.translation import gettext_lazy as _

from apps.outbox.models import State

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

RETRYING, UNDELIVERED = "retrying", "undelivered"
LABELS: "dict[str, StrPromise]" = {
    State.DUE.value: _("due"),
    RETRYING: _("still retrying"),
    State.DONE.value: _("delivered"),
    State.FAILED.value: _("given up"),
}
COLORS = {State.DUE.value: "info", RETRYING: "warning", State.DONE.value: "success", State.FAILED.value: "danger"}
# A claim counts its attempt before the outcome is known.
_HAS_FAILED = Q(attempts_made__gt=1) | Q(attempts_made=1, claim=None)
CONDITIONS = {
    State.DUE.value: Q(state=State.DUE),
    RETRYING: Q(_HAS_FAILED, state=State.DUE),
    State.DONE.value: Q(state=State.DONE),
    State.FAILED.value: Q(state=State.FAILED),
    UNDELIVERED: Q(state__in=[State.DUE, State.FAILED]) & (Q(state=State.FAILED) | _HAS_FAILED),
}
# Key of LABELS, as an expression of a query of callbacks.
KEY = Case(When(CONDITIONS[RETRYING], then=Value(RETRYING)), default="state", output_field=CharField())


def options() -> "list[tuple[str, StrPromise]]":
    """Return the choices of a filter."""
    return [*LABELS.items(), (UNDELIVERED, _("still retrying or given up"))]
