"""`Idempotency-Key` at E3: a repeat of a request that was answered gets the same answer and starts nothing.

After draft-ietf-httpapi-idempotency-key-header-07; only successes are remembered, for the transaction's life.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.applications.models import ApiClient
from apps.common import codes
from apps.common.exceptions import IdempotencyInProgress, IdempotencyKeyReused, InvalidParameter
from apps.transactions.models import IdempotentRequest

MAX_KEY_CHARACTERS = 255
CREDENTIALS = ("client_id", "client_secret")


def once(client: ApiClient, key: str, request: dict[str, Any], run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run a request, or return the answer of the same request made before.

    IdempotencyInProgress while the first still runs, IdempotencyKeyReused for the same key with other parameters. `run`
    returns the answer's body, with `time_to_live` in ms; what it raises is forgotten, so that the caller may try again.
    """
    if not key:
        return run()
    if len(key) > MAX_KEY_CHARACTERS:
        raise InvalidParameter(_("The header Idempotency-Key is longer than 255 characters."))
    # Who calls is part of the key already: a secret that is replaced meanwhile changes nothing about the request.
    parameters = {name: value for name, value in request.items() if name not in CREDENTIALS}
    # Keyed, because a phone number has too few digits to hide behind a plain hash.
    digests = codes.candidates(json.dumps(parameters, sort_keys=True), "idempotent request")
    row = _reserve(client, sha256(key.encode(errors="surrogateescape")).hexdigest(), digests)
    if row.answer:
        answered: dict[str, Any] = json.loads(row.answer)
        return answered
    try:
        answer = run()
    except BaseException:
        row.delete()
        raise
    row.remember(json.dumps(answer), answer["time_to_live"] / 1000)
    return answer


def _reserve(client: ApiClient, key_hash: str, digests: list[str]) -> IdempotentRequest:
    """Return a row of one's own to run under, or the answered one of the same request."""
    IdempotentRequest.objects.filter(client=client, key_hash=key_hash, expires_at__lte=timezone.now()).delete()
    try:
        with transaction.atomic():
            return IdempotentRequest.objects.create(client=client, key_hash=key_hash, request_digest=digests[0])
    except IntegrityError:
        found = IdempotentRequest.objects.filter(client=client, key_hash=key_hash).first()
    if found is None or (found.request_digest in digests and not found.answer):
        raise IdempotencyInProgress
    if found.request_digest not in digests:
        raise IdempotencyKeyReused
    return found
