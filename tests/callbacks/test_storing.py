"""A callback is stored in the database transaction that ends the authentication, or neither is committed."""

from contextlib import contextmanager

import pytest
from django.db import connection

from apps.callbacks.models import CallbackDelivery
from apps.demo.device import DeviceApiError

TABLE = CallbackDelivery._meta.db_table
pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def refused_rows():
    """Make the database reject every new callback."""
    if connection.vendor == "sqlite":
        refuse = f"CREATE TRIGGER refused BEFORE INSERT ON {TABLE} BEGIN SELECT RAISE(ABORT, 'refused'); END"
        allow = "DROP TRIGGER refused"
    else:
        refuse = f"ALTER TABLE {TABLE} ADD CONSTRAINT refused CHECK (false) NOT VALID"
        allow = f"ALTER TABLE {TABLE} DROP CONSTRAINT refused"
    with connection.cursor() as cursor:
        cursor.execute(refuse)
        try:
            yield
        finally:
            cursor.execute(allow)


def test_answer_is_rolled_back_if_its_callback_cannot_be_stored(portal, device, mobile_type):
    transaction_id = portal.start(mobile_type, device).json()["transaction_id"]
    challenge = device.fetch(transaction_id)
    answer = device.seal({"transaction_id": transaction_id, "token": challenge["token"], "authenticated": True})
    with refused_rows(), pytest.raises(DeviceApiError, match="500"):
        device.send_answer(transaction_id, answer)
    assert portal.result(transaction_id).json()["status"] == "pending"
    assert not CallbackDelivery.objects.exists()

    assert device.send_answer(transaction_id, answer) == "authenticated"
    assert portal.result(transaction_id).json()["status"] == "authenticated"
    assert [str(row.transaction_id) for row in CallbackDelivery.objects.all()] == [transaction_id]
