"""E6: the same code again, within a limit and without a longer life."""

import pytest

from apps.transactions.models import SmsDelivery, Transaction
from tests import factories
from tests.conftest import Portal
from tests.sms.test_codes import error

pytestmark = pytest.mark.django_db
GONE = (404, "3004")


@pytest.fixture
def started(texts, sms_type):
    return texts.start(sms_type)


@pytest.mark.django_db(transaction=True)
def test_the_same_code_is_sent_again_to_the_same_number(texts, started, memory):
    texts.work()
    answer = texts.resend(started)
    assert (answer.status_code, answer.content) == (204, b"")
    texts.work()
    [(first, _), (second, _)] = memory
    assert (first.code, first.text, first.phone_number) == (second.code, second.text, second.phone_number)
    assert texts.kinds(started)[1:] == ["SMS_RESEND_SUCCEEDED", "SMS_AUTH_INIT_MESSAGE_SENT"]


@pytest.mark.django_db(transaction=True)
def test_a_resend_does_not_prolong_the_life(texts, started, memory, later):
    before = Transaction.objects.get(pk=started).expires_at
    later(200)
    texts.resend(started)
    texts.work()
    assert Transaction.objects.get(pk=started).expires_at == before
    assert 95 <= memory[-1][0].ttl_seconds <= 100
    later(100)
    assert error(texts.verify(started, memory[-1][0].code)) == GONE


def test_a_resend_does_not_give_back_attempts(texts, started):
    for _ in range(2):
        texts.verify(started, "wrong")
    texts.resend(started)
    texts.verify(started, "wrong")
    assert error(texts.verify(started, texts.code(started) or "000000")) == GONE


def test_beyond_the_limit_there_is_none(texts, started):
    assert [texts.resend(started).status_code for _ in range(2)] == [204, 204]
    assert error(texts.resend(started)) == (403, "3006")
    assert texts.kinds(started)[-1] == "SMS_RESEND_FAILED"
    assert SmsDelivery.objects.count() == 3


def test_a_type_without_resends_has_none(texts):
    mobile_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    assert error(texts.resend(texts.start(mobile_type))) == (403, "3006")


def test_what_has_ended_is_not_sent_again(texts, started):
    texts.verify(started, texts.code(started))
    assert error(texts.resend(started)) == GONE


def test_what_has_expired_is_not_sent_again(texts, started, later):
    later(300)
    assert error(texts.resend(started)) == GONE


def test_another_users_transaction_is_no_such_type(texts, started):
    assert error(texts.resend(started, user_id="bert")) == (404, "3005")
    assert SmsDelivery.objects.count() == 1


def test_another_clients_transaction_does_not_exist(texts, started):
    texts.portal = Portal(texts.portal.client, factories.ApiClientFactory())
    assert error(texts.resend(started)) == GONE
    assert error(texts.resend(started, user_id="bert")) == GONE


@pytest.mark.parametrize("transaction_id", ["x", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_transaction_is_gone(texts, sms_type, transaction_id):
    assert error(texts.resend(transaction_id)) == GONE


def test_a_push_is_not_sent_as_a_text(texts, mobile_type, device):
    push = texts.portal.start(mobile_type, device).json()["transaction_id"]
    assert error(texts.resend(push)) == GONE


@pytest.mark.parametrize("fields", [{}, {"transaction_id": ""}])
def test_a_missing_transaction_is_told_by_name(texts, started, fields):
    answer = texts.portal.post("/oauth/api/v4/authenticate/user/anna/sms/resend", fields)
    assert error(answer) == (400, "1003")
    assert "transaction_id" in answer.json()["description"]


def test_with_text_messages_off_nothing_is_sent_again(texts, started, general):
    general(sms_authentication_enabled=False)
    assert error(texts.resend(started)) == (404, "3000")


def test_a_text_is_not_sent_again_as_a_push(texts, started):
    answer = texts.portal.post(f"/oauth/api/v4/authenticate/transaction/{started}/resend", {})
    assert error(answer) == GONE
