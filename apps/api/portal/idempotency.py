"""Idempotent authentication requests (E3) with the header Idempotency-Key.

Follows draft-ietf-httpapi-idempotency-key-header-07. The response is stored in the database transaction that stores the
authentication, until the authentication expires. A killed process leaves both or neither.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.api.portal import serializers
from apps.applications.models import ApiClient
from apps.common import codes, errors
from apps.common.advisory_locks import try_acquire
from apps.transactions.methods.base import StartedTransaction
from apps.transactions.models import IdempotentRequest

MAX_KEY_CHARACTERS = 255
CREDENTIALS = ("client_id", "client_secret")

ResponseBody = dict[str, Any]
Store = Callable[[], StartedTransaction]


def run_idempotent(
    client: ApiClient,
    key: str,
    request: dict[str, Any],
    initiate: Callable[[Callable[[Store], ResponseBody]], ResponseBody],
) -> ResponseBody:
    """Start an authentication, or return the response to an earlier identical request.

    `initiate` checks the request and calls its argument inside the database transaction that stores the authentication.
    Raises IdempotencyInProgress if the first request still runs, and IdempotencyKeyReused if the parameters differ.
    """
    if not key:
        return initiate(lambda store: serializers.serialize_started(store()))
    if len(key) > MAX_KEY_CHARACTERS:
        raise errors.InvalidParameter(_("The header Idempotency-Key is longer than 255 characters."))
    keyed_request = KeyedRequest(client, sha256(key.encode(errors="surrogateescape")).hexdigest(), _digests(request))
    return keyed_request.stored_response() or initiate(keyed_request.run)


def _digests(request: dict[str, Any]) -> list[str]:
    # The API client is part of the key, so a repeat can use another client secret.
    parameters = {name: value for name, value in request.items() if name not in CREDENTIALS}
    # The digest is keyed, because a plain hash of a phone number can be reversed by brute force.
    return codes.hash_candidates(json.dumps(parameters, sort_keys=True), "idempotent request")


@dataclass(frozen=True)
class KeyedRequest:
    """Request with an Idempotency-Key. `digests` are its parameter digests under every active key, newest first."""

    client: ApiClient
    key_hash: str
    digests: list[str]

    def stored_response(self) -> ResponseBody | None:
        """Return the stored response to this request, or None. Raises IdempotencyKeyReused if the parameters differ."""
        return self._response_of(self._row())

    def run(self, store: Store) -> ResponseBody:
        """Store the authentication and its response inside the caller's database transaction.

        Raises IdempotencyInProgress if another request with this key runs.
        """
        if not try_acquire(f"idempotency key {self.client.pk} {self.key_hash}"):
            raise errors.IdempotencyInProgress
        # The first request can have ended since `stored_response` ran.
        row = self._row()
        return self._response_of(row) or self._start(row or self._new_row(), store)

    def _start(self, row: IdempotentRequest, store: Store) -> ResponseBody:
        started = store()
        response = serializers.serialize_started(started)
        row.request_digest, row.response = self.digests[0], json.dumps(response)
        row.expires_at = started.transaction.expires_at
        row.save()
        return response

    def _response_of(self, row: IdempotentRequest | None) -> ResponseBody | None:
        if row is None or row.expires_at <= timezone.now():
            return None
        if row.request_digest not in self.digests:
            raise errors.IdempotencyKeyReused
        response: ResponseBody = json.loads(row.response)
        return response

    def _row(self) -> IdempotentRequest | None:
        return IdempotentRequest.objects.filter(client=self.client, key_hash=self.key_hash).first()

    def _new_row(self) -> IdempotentRequest:
        return IdempotentRequest(client=self.client, key_hash=self.key_hash)
