"""Parameters of a trial that its transaction does not have, kept for the examples in the session of the account.

The secure message is stored with the request context, and the context alone is not stored at all.
"""

import json
from collections.abc import Mapping

from django.http import HttpRequest

from apps.common.encryption import CannotDecrypt, decrypt, encrypt
from apps.transactions.models import Transaction

MORE = ("secure_message", "language_code", "ip_address", "user_agent")
# Only the newest trial is kept.
SESSION_KEY = "trial_parameters"


def store(request: HttpRequest, transaction: Transaction, parameters: Mapping[str, str]) -> None:
    """Keep the parameters of a transaction, encrypted: the secure message is confidential."""
    more = {name: parameters[name] for name in MORE if name in parameters}
    request.session[SESSION_KEY] = encrypt(json.dumps(more), _context(transaction))


def load(request: HttpRequest, transaction: Transaction) -> dict[str, str]:
    """Return the parameters; empty for another transaction than the newest."""
    try:
        parameters: dict[str, str] = json.loads(decrypt(request.session.get(SESSION_KEY, ""), _context(transaction)))
    except CannotDecrypt:
        return {}
    return parameters


def _context(transaction: Transaction) -> str:
    return f"trial {transaction.pk}"
