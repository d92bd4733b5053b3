"""Start of the authentication that Keycloak requests. The transaction and its limits are those of the portal API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common import errors
from apps.common.advisory_locks import try_acquire
from apps.integrations.access import Bearer
from apps.integrations.models import KeycloakIntegration, KeycloakRequest
from apps.integrations.types import CHANNEL
from apps.transactions.methods.base import StartedTransaction
from apps.transactions.portal import services as transactions
from apps.transactions.request.parameters import ApiVersion

# The transaction ends this long before the token, so that an answer in the last second can be reported.
MARGIN_SECONDS = 5
MIN_LIFETIME_SECONDS = 5


@dataclass(frozen=True)
class Request:
    """Members of a request that are used. `binding_message` and `acr_values` can be empty."""

    login_hint: str
    binding_message: str
    acr_values: str


def start(integration: KeycloakIntegration, bearer: Bearer, request: Request) -> None:
    """Start an authentication. A repeated request with the same token starts nothing.

    Raises the errors of E3, InvalidAccessToken if too little time is left, and IdempotencyInProgress if another
    request with this token runs.
    """
    if _is_started(bearer):
        return
    remaining = (bearer.expires_at - timezone.now()).total_seconds() - MARGIN_SECONDS
    if remaining < MIN_LIFETIME_SECONDS:
        raise errors.InvalidAccessToken(_("The token expires too early for an answer of the user."))
    channel = replace(CHANNEL, max_lifetime_seconds=remaining)
    run = partial(_store, bearer)
    transactions.initiate(_parameters(integration, request), integration.api_client, ApiVersion.V4, run, channel)


def _parameters(integration: KeycloakIntegration, request: Request) -> Mapping[str, str]:
    """Return the parameters of the portal API that start the transaction."""
    message = {"message": request.binding_message} if request.binding_message else {}
    return {
        "type": integration.type_name(request.acr_values.split()),
        "user_id": integration.user_id(request.login_hint),
        "callback_uri": integration.callback_url,
        **message,
    }


def _store(bearer: Bearer, store: Callable[[], StartedTransaction]) -> None:
    """Store the transaction with its token, unless a request with this token has done it."""
    if not try_acquire(f"keycloak token {bearer.token_hash}"):
        raise errors.IdempotencyInProgress(_("The first request with this token is still running."))
    if _is_started(bearer):
        return
    KeycloakRequest.objects.create(
        transaction=store().transaction,
        token_hash=bearer.token_hash,
        bearer=bearer.token,
        expires_at=bearer.expires_at,
    )


def _is_started(bearer: Bearer) -> bool:
    return KeycloakRequest.objects.filter(token_hash=bearer.token_hash).exists()
