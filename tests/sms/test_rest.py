"""The REST gateway against a service that checks credentials and members."""

import pytest

from apps.transactions.models import SmsAttempt
from tests.fakes import sms_service
from tests.sms.conftest import NUMBER, bodies

pytestmark = pytest.mark.django_db(transaction=True)
PENDING = ("pending", None)
ENDED = ("not_authenticated", "failed_to_send")
HTML = "<html>Welcome to our hotel</html>"


def test_a_message_has_number_text_code_and_credentials(texts, sms_type, service):
    started = texts.send(sms_type)
    assert texts.result(started) == PENDING
    assert texts.attempts(started) == ["accepted"]
    code = texts.code(started)
    assert bodies(service) == [
        {"phone_number": NUMBER, "message": f"Your code: {code}", "verification_code": code},
    ]


def test_a_sender_is_told_when_there_is_one(texts, sms_type, service, general):
    general(sms_sender_id="General")
    texts.send(sms_type)
    sms_type.sms_sender_id = "Shop"
    sms_type.save()
    texts.send(sms_type)
    assert [body["sender_id"] for body in bodies(service)] == ["General", "Shop"]


def test_without_a_user_name_there_are_no_credentials(texts, sms_type, service, settings):
    settings.SMS_GATEWAY_REST_USERNAME = ""
    started = texts.send(sms_type)
    assert "authorization" not in service.received[0]["headers"]
    assert texts.result(started) == ENDED


@pytest.mark.parametrize("status", [200, 201, 202, 301, 302, 400, 401, 403, 404, 422])
def test_anything_but_204_has_failed(texts, sms_type, service, status):
    service.script[NUMBER] = [{"status": status, "headers": {"Location": sms_service.PATH}, "body": "{}"}]
    started = texts.send(sms_type)
    assert texts.result(started) == ENDED
    assert texts.attempts(started) == ["refused"]
    assert texts.kinds(started) == ["SMS_AUTH_INIT_FAILURE_GATEWAY", "MOBILE_AUTH_NOT_AUTHENTICATED"]
    assert len(service.received) == 1


def test_html_is_no_204(texts, sms_type, service):
    service.script[NUMBER] = [{"status": 200, "headers": {"Content-Type": "text/html"}, "body": HTML}]
    assert texts.result(texts.send(sms_type)) == ENDED


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_the_service_puts_off_is_sent_again(texts, sms_type, service, later, status):
    service.script[NUMBER] = [{"status": status, "body": HTML}]
    started = texts.send(sms_type)
    assert texts.result(started) == PENDING
    later(2.1)
    texts.work()
    assert texts.attempts(started) == ["retry", "accepted"]
    first, second = bodies(service)
    assert first == second


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept(texts, sms_type, service, later, status):
    service.script[NUMBER] = [{"status": status, "headers": {"Retry-After": "20"}}]
    texts.send(sms_type)
    later(19)
    assert texts.work() == 0
    later(1.5)
    assert texts.work() == 1


@pytest.mark.parametrize("fault", [{"reset": True}, {"status": 200, "body": HTML, "truncate": True}], ids=str)
def test_a_lost_answer_is_an_unknown_outcome(texts, sms_type, service, later, fault):
    service.script[NUMBER] = [fault]
    started = texts.send(sms_type)
    assert texts.result(started) == PENDING
    assert texts.kinds(started) == ["SMS_AUTH_INIT_OUTCOME_UNKNOWN"]
    later(200)
    assert texts.work() == 0
    assert len(service.received) == 1


def test_a_service_that_hangs_is_given_up_after_ten_seconds(texts, sms_type, service):
    service.script[NUMBER] = [{"delay": 30}]
    started = texts.send(sms_type)
    assert texts.attempts(started) == ["unknown"]
    assert 9_500 < SmsAttempt.objects.get().duration_ms < 11_500


def test_on_a_connection_that_was_kept_nothing_is_sent_twice(texts, sms_type, service):
    texts.send(sms_type)
    service.script[NUMBER] = [{"reset": True}]
    lost = texts.send(sms_type)
    assert texts.attempts(lost) == ["unknown"]
    assert len(service.received) == 2


def test_a_connection_that_is_refused_is_tried_again(texts, sms_type, settings, service, later):
    address, settings.SMS_GATEWAY_REST_URL = settings.SMS_GATEWAY_REST_URL, "http://127.0.0.1:9/"
    started = texts.send(sms_type)
    settings.SMS_GATEWAY_REST_URL = address
    later(2.1)
    texts.work()
    assert texts.attempts(started) == ["retry", "accepted"]


def test_wrong_credentials_end_it(texts, sms_type, settings, service):
    settings.SMS_GATEWAY_REST_PASSWORD = "wrong"
    assert texts.result(texts.send(sms_type)) == ENDED
