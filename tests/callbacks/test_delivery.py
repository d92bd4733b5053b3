"""A callback whose credentials cannot be read is a failed attempt, not an endless loop."""

from uuid import uuid4

import pytest

from apps.callbacks import delivery
from apps.callbacks.models import CallbackDelivery
from apps.common import outbox
from tests import factories


@pytest.mark.django_db(transaction=True)
def test_a_password_that_no_key_opens_is_a_failed_attempt_with_its_reason(settings):
    endpoint = factories.CallbackEndpointFactory()
    made = CallbackDelivery.objects.create(url=endpoint.url, transaction_id=uuid4())
    settings.FIELD_ENCRYPTION_KEYS = [b"another key of thirty-two bytes."]

    [row] = outbox.claim(CallbackDelivery, [made.pk])
    delivery.deliver(row)

    made.refresh_from_db()
    assert made.state == outbox.State.DUE
    attempt = made.attempts.get()
    assert attempt.outcome == "failed"
    assert "FIELD_ENCRYPTION_KEYS" in attempt.reason
