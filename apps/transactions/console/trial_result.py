"""State of an authentication that staff started: status, callback and timeline."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.callbacks.models import CallbackDelivery
from apps.common.encryption import CannotDecrypt
from apps.outbox.models import State
from apps.transactions.console import timeline
from apps.transactions.models import Status, Transaction
from apps.transactions.types import Method

TONES = {Status.PENDING: timeline.WAITING, Status.AUTHENTICATED: timeline.GOOD}


def context(transaction: Transaction) -> dict[str, Any]:
    """Return the template context. `is_final` is True if neither the status nor the callback will change soon."""
    status = transaction.current_status(timezone.now())
    callback = CallbackDelivery.objects.filter(transaction_id=transaction.pk).order_by("-created_at").first()
    is_due = callback is not None and callback.state == State.DUE
    return {
        "original": transaction,
        "status": status,
        "tone": TONES.get(status, timeline.BAD),
        "reason": transaction.get_reason_display(),
        "callback_state": _callback_state(transaction, status, callback),
        "timeline": timeline.entries(transaction),
        "is_final": status != Status.PENDING and not is_due,
    }


def _callback_state(transaction: Transaction, status: Status, callback: CallbackDelivery | None) -> Any:
    if not transaction.callback_uri:
        return _("SMS transactions have no callback: the portal verifies the code.")
    if callback is None:
        if status == Status.PENDING:
            return _("The callback is sent when the user has answered.")
        return _("No callback is sent.")
    return _delivery_state(callback)


def _delivery_state(callback: CallbackDelivery) -> Any:
    if callback.state == State.DONE:
        return _("The portal received the callback.")
    attempt = callback.attempts.order_by("-number").first()
    values = {"reason": attempt.reason if attempt else "-", "number": callback.attempts_made}
    if callback.state == State.FAILED:
        return _("The callback failed: %(reason)s") % values
    if not attempt or not attempt.outcome:
        return _("The callback is being sent.")
    return _("The callback is retried after attempt %(number)d: %(reason)s") % values


def instructions(transaction: Transaction) -> dict[str, Any]:
    """Return what the user needs to answer: the number to enter, or that a code must be entered in the console."""
    try:
        number = str(transaction.verification_number)
    except CannotDecrypt:
        number = ""
    return {
        "verification_number": number,
        "needs_sms_code": transaction.method == Method.SMS,
        "needs_code_of_phone": transaction.code_to_phone,
        "is_scanned": transaction.method == Method.OTP,
    }
