"""Resends (E6): same code, limit and unchanged expiry."""

import pytest

from apps.transactions.models import SmsDelivery, Transaction
from tests import factories
from tests.conftest import Portal
from tests.sms.test_codes import error

pytestmark = pytest.mark.django_db
NOT_FOUND = (404, "3004")


@pytest.fixture
def transaction_id(sms_flow, sms_type):
    return sms_flow.start(sms_type)


@pytest.mark.django_db(transaction=True)
def test_resend_repeats_code_and_number(sms_flow, transaction_id, sent_messages):
    sms_flow.work()
    response = sms_flow.resend(transaction_id)
    assert (response.status_code, response.content) == (204, b"")
    sms_flow.work()
    [(first, _), (second, _)] = sent_messages
    assert (first.code, first.text, first.phone_number) == (second.code, second.text, second.phone_number)
    assert sms_flow.event_types(transaction_id)[1:] == ["SMS_RESEND_SUCCEEDED", "SMS_AUTH_INIT_MESSAGE_SENT"]


@pytest.mark.django_db(transaction=True)
def test_resend_does_not_extend_the_lifetime(sms_flow, transaction_id, sent_messages, advance_clock):
    expires_at = Transaction.objects.get(pk=transaction_id).expires_at
    advance_clock(200)
    sms_flow.resend(transaction_id)
    sms_flow.work()
    assert Transaction.objects.get(pk=transaction_id).expires_at == expires_at
    assert 95 <= sent_messages[-1][0].ttl_seconds <= 100
    advance_clock(100)
    assert error(sms_flow.verify(transaction_id, sent_messages[-1][0].code)) == NOT_FOUND


def test_resend_does_not_restore_attempts(sms_flow, transaction_id):
    for _ in range(2):
        sms_flow.verify(transaction_id, "wrong")
    sms_flow.resend(transaction_id)
    sms_flow.verify(transaction_id, "wrong")
    assert error(sms_flow.verify(transaction_id, sms_flow.code(transaction_id) or "000000")) == NOT_FOUND


def test_resend_above_the_limit_is_rejected(sms_flow, transaction_id):
    assert [sms_flow.resend(transaction_id).status_code for _ in range(2)] == [204, 204]
    assert error(sms_flow.resend(transaction_id)) == (403, "3006")
    assert sms_flow.event_types(transaction_id)[-1] == "SMS_RESEND_FAILED"
    assert SmsDelivery.objects.count() == 3


def test_resend_is_rejected_without_resends_in_the_type(sms_flow):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    assert error(sms_flow.resend(sms_flow.start(mobile_type))) == (403, "3006")


def test_ended_transaction_is_not_resent(sms_flow, transaction_id):
    sms_flow.verify(transaction_id, sms_flow.code(transaction_id))
    assert error(sms_flow.resend(transaction_id)) == NOT_FOUND


def test_expired_transaction_is_not_resent(sms_flow, transaction_id, advance_clock):
    advance_clock(300)
    assert error(sms_flow.resend(transaction_id)) == NOT_FOUND


def test_resend_for_another_user_returns_error_3005(sms_flow, transaction_id):
    assert error(sms_flow.resend(transaction_id, user_id="bert")) == (404, "3005")
    assert SmsDelivery.objects.count() == 1


def test_resend_for_another_client_is_not_found(sms_flow, transaction_id):
    sms_flow.portal = Portal(sms_flow.portal.client, factories.ApiClientFactory())
    assert error(sms_flow.resend(transaction_id)) == NOT_FOUND
    assert error(sms_flow.resend(transaction_id, user_id="bert")) == NOT_FOUND


@pytest.mark.parametrize("transaction_id", ["x", "00000000-0000-0000-0000-000000000000"])
def test_unknown_transaction_is_not_found(sms_flow, sms_type, transaction_id):
    assert error(sms_flow.resend(transaction_id)) == NOT_FOUND


def test_push_is_not_resent_as_sms(sms_flow, mobile_type, device):
    push = sms_flow.portal.start(mobile_type, device).json()["transaction_id"]
    assert error(sms_flow.resend(push)) == NOT_FOUND


@pytest.mark.parametrize("fields", [{}, {"transaction_id": ""}])
def test_missing_transaction_id_is_named(sms_flow, transaction_id, fields):
    response = sms_flow.portal.post("/oauth/api/v4/authenticate/user/anna/sms/resend", fields)
    assert error(response) == (400, "1003")
    assert "transaction_id" in response.json()["description"]


def test_resend_is_rejected_while_sms_is_disabled(sms_flow, transaction_id, change_general):
    change_general(sms_authentication_enabled=False)
    assert error(sms_flow.resend(transaction_id)) == (404, "3000")


def test_sms_is_not_resent_as_push(sms_flow, transaction_id):
    response = sms_flow.portal.post(f"/oauth/api/v4/authenticate/transaction/{transaction_id}/resend", {})
    assert error(response) == NOT_FOUND
