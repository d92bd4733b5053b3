"""Callbacks to portals: the kind of message that tells a portal that a transaction has ended."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.callbacks import transport
from apps.callbacks.errors import CallbackErrorKind
from apps.callbacks.messages import Message, MessageKind
from apps.callbacks.models import CallbackDelivery, CallbackEndpoint
from apps.callbacks.transport import CallbackResult
from apps.common.encryption import CannotDecrypt
from apps.common.statements import AnyOf, Select

ENDPOINTS = Select(lambda urls: CallbackEndpoint.objects.filter(AnyOf("url", urls)).order_by())


class PortalCallbacks(MessageKind):
    """Callbacks to portals, with the credentials of the callback endpoint of their URL. They can be sent again."""

    label = _("callback to a portal")
    can_be_redelivered = True

    def build(self, deliveries: Sequence[CallbackDelivery], now: datetime) -> Mapping[UUID, Message | CallbackResult]:
        known = ENDPOINTS.all(urls=list({delivery.url for delivery in deliveries}))
        endpoints = {endpoint.url: endpoint for endpoint in known}
        return {delivery.pk: _message(delivery, endpoints.get(delivery.url), now) for delivery in deliveries}


def _message(delivery: CallbackDelivery, endpoint: CallbackEndpoint | None, now: datetime) -> Message | CallbackResult:
    """Build the message of a callback. The operator can add a missing encryption key, so that it is retried."""
    try:
        request = transport.build_request(delivery.url, delivery.transaction_id, delivery.webhook_id, endpoint, now)
    except CannotDecrypt as error:
        return CallbackResult(reason=str(error), error_kind=CallbackErrorKind.CANNOT_DECRYPT)
    return Message(request)
