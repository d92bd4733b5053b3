"""Console actions for pending transactions: cancel, and resend the message."""

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common import errors
from apps.common.console.confirmations import Confirmation
from apps.transactions import staff_operations
from apps.transactions.models import Transaction
from apps.transactions.types import Method

TRANSACTION_ENDED = _("This transaction has ended. No action is available.")


def change_url(transaction: Transaction) -> str:
    return reverse("admin:transactions_transaction_change", args=[transaction.pk])


def is_pending(transaction: Transaction) -> bool:
    return transaction.is_pending(timezone.now())


def available_actions(transaction: Transaction) -> set[str]:
    """Return the URL paths of the buttons that a transaction has."""
    if not is_pending(transaction):
        return set()
    return {"cancel", "send-again"} if staff_operations.can_resend(transaction) else {"cancel"}


def cancel_confirmation(transaction: Transaction) -> Confirmation:
    title, back = _("Cancel"), change_url(transaction)
    if not is_pending(transaction):
        return Confirmation(title=title, heading=TRANSACTION_ENDED, paragraphs=[], icon="block", back_url=back)
    user = {"user": transaction.user_id}
    return Confirmation(
        title=title,
        heading=_("Cancel this transaction of “%(user)s”?") % user
        if transaction.user_id
        else _("Cancel this transaction?"),
        paragraphs=[
            _(
                "The user can no longer answer it. No callback is sent; the portal gets the status when it requests "
                "the result."
            )
        ],
        icon="cancel",
        back_url=back,
        button_label=_("Cancel the transaction"),
    )


def cancel(request: HttpRequest, transaction: Transaction) -> None:
    try:
        staff_operations.cancel(transaction.pk, who=request.user.get_username())
    except errors.TransactionNotFound:
        messages.info(request, TRANSACTION_ENDED)
    else:
        messages.success(request, _("The transaction is cancelled."))


def resend_confirmation(transaction: Transaction) -> Confirmation:
    title, back = _("Send again"), change_url(transaction)
    if not is_pending(transaction):
        return Confirmation(title=title, heading=TRANSACTION_ENDED, paragraphs=[], icon="block", back_url=back)
    if not staff_operations.can_resend(transaction):
        heading = _("The message cannot be resent: the resend limit is reached.")
        return Confirmation(title=title, heading=heading, paragraphs=[], icon="block", back_url=back)
    is_sms = transaction.method == Method.SMS
    heading = _("Resend the text message to “%(user)s”?") if is_sms else _("Resend the push to “%(user)s”?")
    used = {"used": transaction.resends_used, "limit": transaction.max_resends}
    return Confirmation(
        title=title,
        heading=heading % {"user": transaction.user_id},
        paragraphs=[
            _("The message and the code stay the same.") if is_sms else _("The message stays the same."),
            _("%(used)d of %(limit)d resends are used. The expiry time of the transaction stays the same.") % used,
        ],
        icon="replay",
        back_url=back,
        button_label=title,
        state_token=str(transaction.resends_used),
    )


def resend(request: HttpRequest, transaction: Transaction) -> None:
    """Resend the message, unless another resend was made after the confirmation page was shown."""
    state_token = request.POST.get("state_token", "")
    is_number = state_token.isascii() and state_token.isdigit() and len(state_token) < 10
    expected_resends = int(state_token) if is_number else -1
    try:
        staff_operations.resend(transaction.pk, expected_resends=expected_resends, who=request.user.get_username())
    except errors.TransactionNotFound:
        messages.info(
            request, _("Nothing was sent: the transaction has ended, was resent meanwhile, or no device is reachable.")
        )
    except errors.ApiError as error:
        messages.error(request, str(error.text))
    else:
        messages.success(request, _("The message is being resent."))
