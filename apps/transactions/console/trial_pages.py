"""Console pages of “Try an authentication”: start one in the name of an API client, and follow it to its result."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from apps.common import errors
from apps.enrollment.console.enrollment_pages import qr_code_svg
from apps.events.models import Event
from apps.events.types import EventTypes
from apps.transactions import staff_operations
from apps.transactions.console import portal_code, trial_form, trial_parameters, trial_result
from apps.transactions.console.trial_form import TrialForm
from apps.transactions.models import Transaction

PAGE, RESULT_PAGE, STATE_PAGE = "try_authentication", "try_authentication_result", "try_authentication_state"
# Only administrators have it. Other roles view transactions.
PERMISSION = "transactions.add_transaction"
STARTS = (EventTypes.PUSH_AUTH_INITIALIZED, EventTypes.OTP_AUTH_INITIALIZED, EventTypes.SMS_AUTH_INITIALIZED)
TITLE = _("Try an authentication")


@sensitive_post_parameters("phone_number", "signing_data", "secure_message")
@require_http_methods(["GET", "POST"])
def try_authentication(request: HttpRequest) -> HttpResponse:
    """Show the form on GET. Start the authentication on POST; only this response shows a one-time password."""
    _require_permission(request)
    form = TrialForm(request.POST or None, initial=trial_form.initial(request.GET.get("user", "")))
    if request.method == "POST" and form.is_valid():
        try:
            started = staff_operations.start(form.parameters, form.api_client, who=request.user.get_username())
        except errors.ApiError as error:
            form.add_error(None, str(error.text))
        else:
            trial_parameters.store(request, started.transaction, form.parameters)
            if started.otp:
                return _render_result(request, started.transaction, otp=started.otp)
            return HttpResponseRedirect(reverse(f"admin:{RESULT_PAGE}", args=[started.transaction.pk]))
    context = {"form": form, "is_possible": bool(form.types and form.clients)}
    return _render(request, "form", context)


@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def result(request: HttpRequest, transaction_id: UUID) -> HttpResponse:
    """Show the authentication, and verify a code on POST."""
    transaction = _get_own_transaction(request, transaction_id)
    if request.method != "POST":
        return _render_result(request, transaction)
    try:
        staff_operations.verify_code(transaction, request.POST.get("code", "").strip())
    except errors.ApiError as error:
        messages.error(request, str(error.text))
    return HttpResponseRedirect(reverse(f"admin:{RESULT_PAGE}", args=[transaction.pk]))


@require_GET
def state(request: HttpRequest, transaction_id: UUID) -> HttpResponse:
    """Return the part of the page that changes until the authentication has ended."""
    transaction = _get_own_transaction(request, transaction_id)
    return TemplateResponse(request, "admin/transactions/trial/state.html", trial_result.context(transaction))


def _render_result(request: HttpRequest, transaction: Transaction, *, otp: str = "") -> HttpResponse:
    requested_type = _start_event(transaction.pk).details["type"]
    context = {
        **trial_result.context(transaction),
        **trial_result.instructions(transaction),
        "qr_code_svg": qr_code_svg(otp) if otp else "",
        "otp": otp,
        "examples": portal_code.examples(transaction, requested_type, trial_parameters.load(request, transaction)),
        "state_url": reverse(f"admin:{STATE_PAGE}", args=[transaction.pk]),
        "result_url": reverse(f"admin:{RESULT_PAGE}", args=[transaction.pk]),
    }
    return _render(request, "result", context)


def _get_own_transaction(request: HttpRequest, transaction_id: UUID) -> Transaction:
    """Return a transaction that this account started. Numbers and codes of portals are not shown to staff."""
    _require_permission(request)
    event = _start_event(transaction_id)
    transaction = Transaction.objects.select_related("client").filter(pk=transaction_id).first()
    if transaction is None or event.details.get("who") != request.user.get_username():
        raise Http404("no such transaction of this account")
    return transaction


def _start_event(transaction_id: UUID) -> Event:
    event = Event.objects.filter(transaction_id=transaction_id, event_type__in=STARTS).first()
    if event is None:
        raise Http404("no such transaction")
    return event


def _require_permission(request: HttpRequest) -> None:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied


def _render(request: HttpRequest, name: str, extra: dict[str, Any]) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": TITLE, "start_url": reverse(f"admin:{PAGE}"), **extra}
    return TemplateResponse(request, f"admin/transactions/trial/{name}.html", context)


def urls(guard: Any) -> list[Any]:
    return [
        path("try-authentication/", guard(try_authentication), name=PAGE),
        path("try-authentication/<uuid:transaction_id>/", guard(result), name=RESULT_PAGE),
        path("try-authentication/<uuid:transaction_id>/state/", guard(state), name=STATE_PAGE),
    ]
