"""REST gateway with a fake service that validates credentials and members."""

import pytest

from apps.transactions.models import SmsAttempt
from tests.fakes import sms_service as fake_sms_service
from tests.sms.conftest import NUMBER, bodies

pytestmark = pytest.mark.django_db(transaction=True)
PENDING = ("pending", None)
ENDED = ("not_authenticated", "failed_to_send")
HTML = "<html>Welcome to our hotel</html>"


def test_request_contains_number_message_code_and_credentials(sms_flow, sms_type, sms_service):
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == PENDING
    assert sms_flow.attempts(transaction_id) == ["accepted"]
    code = sms_flow.code(transaction_id)
    assert bodies(sms_service) == [
        {"phone_number": NUMBER, "message": f"Your code: {code}", "verification_code": code},
    ]


def test_configured_sender_is_sent(sms_flow, sms_type, sms_service, change_general):
    change_general(sms_sender_id="General")
    sms_flow.send(sms_type)
    sms_type.sms_sender_id = "Shop"
    sms_type.save()
    sms_flow.send(sms_type)
    assert [body["sender_id"] for body in bodies(sms_service)] == ["General", "Shop"]


def test_credentials_are_omitted_without_a_user_name(sms_flow, sms_type, sms_service, settings):
    settings.SMS_GATEWAY_REST_USERNAME = ""
    transaction_id = sms_flow.send(sms_type)
    assert "authorization" not in sms_service.received[0]["headers"]
    assert sms_flow.result(transaction_id) == ENDED


@pytest.mark.parametrize("status", [200, 201, 202, 301, 302, 400, 401, 403, 404, 422])
def test_status_other_than_204_fails(sms_flow, sms_type, sms_service, status):
    sms_service.script[NUMBER] = [{"status": status, "headers": {"Location": fake_sms_service.PATH}, "body": "{}"}]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == ENDED
    assert sms_flow.attempts(transaction_id) == ["refused"]
    assert sms_flow.event_types(transaction_id) == ["SMS_AUTH_INIT_FAILURE_GATEWAY", "MOBILE_AUTH_NOT_AUTHENTICATED"]
    assert len(sms_service.received) == 1


def test_html_response_fails(sms_flow, sms_type, sms_service):
    sms_service.script[NUMBER] = [{"status": 200, "headers": {"Content-Type": "text/html"}, "body": HTML}]
    assert sms_flow.result(sms_flow.send(sms_type)) == ENDED


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_temporarily_rejected_message_is_retried(sms_flow, sms_type, sms_service, advance_clock, status):
    sms_service.script[NUMBER] = [{"status": status, "body": HTML}]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == PENDING
    advance_clock(2.1)
    sms_flow.work()
    assert sms_flow.attempts(transaction_id) == ["retry", "accepted"]
    first, second = bodies(sms_service)
    assert first == second


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_respected(sms_flow, sms_type, sms_service, advance_clock, status):
    sms_service.script[NUMBER] = [{"status": status, "headers": {"Retry-After": "20"}}]
    sms_flow.send(sms_type)
    advance_clock(19)
    assert sms_flow.work() == 0
    advance_clock(1.5)
    assert sms_flow.work() == 1


@pytest.mark.parametrize("failure", [{"reset": True}, {"status": 200, "body": HTML, "truncate": True}], ids=str)
def test_lost_response_is_an_unknown_outcome(sms_flow, sms_type, sms_service, advance_clock, failure):
    sms_service.script[NUMBER] = [failure]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.result(transaction_id) == PENDING
    assert sms_flow.event_types(transaction_id) == ["SMS_AUTH_INIT_OUTCOME_UNKNOWN"]
    advance_clock(200)
    assert sms_flow.work() == 0
    assert len(sms_service.received) == 1


def test_request_times_out_after_ten_seconds(sms_flow, sms_type, sms_service):
    sms_service.script[NUMBER] = [{"delay": 30}]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["unknown"]
    assert 9_500 < SmsAttempt.objects.get().duration_ms < 11_500


def test_request_on_a_reused_connection_is_not_repeated(sms_flow, sms_type, sms_service):
    sms_flow.send(sms_type)
    sms_service.script[NUMBER] = [{"reset": True}]
    transaction_id = sms_flow.send(sms_type)
    assert sms_flow.attempts(transaction_id) == ["unknown"]
    assert len(sms_service.received) == 2


def test_refused_connection_is_retried(sms_flow, sms_type, settings, sms_service, advance_clock):
    address, settings.SMS_GATEWAY_REST_URL = settings.SMS_GATEWAY_REST_URL, "http://127.0.0.1:9/"
    transaction_id = sms_flow.send(sms_type)
    settings.SMS_GATEWAY_REST_URL = address
    advance_clock(2.1)
    sms_flow.work()
    assert sms_flow.attempts(transaction_id) == ["retry", "accepted"]


def test_wrong_credentials_end_the_transaction(sms_flow, sms_type, settings, sms_service):
    settings.SMS_GATEWAY_REST_PASSWORD = "wrong"
    assert sms_flow.result(sms_flow.send(sms_type)) == ENDED
