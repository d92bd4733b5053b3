"""Requests to both APIs of FCM, and access tokens."""

import json
import time

import pytest

from apps.demo.fcm import TOKEN_PATH
from tests import factories
from tests.fakes import fcm
from tests.fakes.apns_certificates import pem, signing_key
from tests.push import provider_cases
from tests.push.conftest import NO_ERROR

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN_SECONDS = 3600


@pytest.fixture(params=[provider_cases.FCM_V1], ids=str)
def provider_case(request):
    return request.param


with_both = pytest.mark.parametrize("provider_case", [provider_cases.FCM_V1, provider_cases.FCM_LEGACY], ids=str)
legacy = pytest.mark.parametrize("provider_case", [provider_cases.FCM_LEGACY], ids=str)


@pytest.fixture
def token_requests(google, version):
    """Return the number of token requests since the test began."""
    before = len(google.wait(TOKEN_PATH, 0, None, 0))
    return lambda: len(google.wait(TOKEN_PATH, 0, None, 0)) - before


def data_of(transaction_id, device, text):
    content = {"og_transaction_id": transaction_id, "og_profile_id": device.profile_id, "og_message": text}
    return {"content": json.dumps(content, ensure_ascii=False)}


def test_fcm_v1_request_matches_the_api_reference(
    send_push, received_pushes, device, token, version, google, frozen_clock
):
    transaction_id = send_push(message="Log in at the café?")
    [record] = received_pushes()
    assert json.loads(record["body"]) == {
        "message": {
            "token": token,
            "data": data_of(transaction_id, device, "Log in at the café?"),
            "android": {"priority": "HIGH", "ttl": "300s", "collapse_key": transaction_id},
        }
    }
    assert record["path"] == "/v1/projects/countersign-demo/messages:send"
    scheme, _space, access_token = record["headers"]["authorization"].partition(" ")
    assert scheme == "Bearer"
    assert access_token in google.fcm.access_tokens
    assert record["headers"]["content-type"] == "application/json"


def test_push_on_a_stale_connection_is_repeated_in_the_same_attempt(send_push, push_flow, received_pushes, fake, token):
    send_push()
    transaction_id = send_push({"reset": True})
    assert push_flow.attempts(transaction_id) == [("accepted", "")]
    repeated = [json.loads(record["body"])["message"]["android"]["collapse_key"] for record in received_pushes()][1:]
    assert repeated == [transaction_id] * 2


@legacy
def test_legacy_request_matches_the_api_reference(send_push, received_pushes, device, token, frozen_clock):
    transaction_id = send_push(message="Log in at the café?")
    [record] = received_pushes()
    assert json.loads(record["body"]) == {
        "to": token,
        "priority": "high",
        "time_to_live": 300,
        "collapse_key": transaction_id,
        "data": data_of(transaction_id, device, "Log in at the café?"),
    }
    assert record["path"] == fcm.LEGACY_PATH
    assert record["headers"]["authorization"] == f"key={fcm.SERVER_KEY}"
    assert record["headers"]["content-type"] == "application/json"


def ttl_of(record):
    body = json.loads(record["body"])
    return body["message"]["android"]["ttl"] if "message" in body else body["time_to_live"]


@with_both
def test_ttl_is_the_remaining_lifetime_of_the_transaction(
    send_push, push_flow, received_pushes, provider_case, frozen_clock
):
    send_push(provider_case.unavailable[0])
    frozen_clock.shift(100)
    push_flow.work()
    assert [ttl_of(record) for record in received_pushes()] in (["300s", "200s"], [300, 200])


@with_both
def test_notification_is_sent_for_cordova_only(send_push, received_pushes, version):
    send_push(message="First?")
    version.cordova = True
    version.save()
    send_push(message="Second?")
    without, with_it = [json.loads(record["body"]) for record in received_pushes()]
    assert "notification" not in without.get("message", without)
    assert with_it.get("message", with_it)["notification"] == {"body": "Second?"}


@with_both
def test_endpoint_is_used_unchanged(send_push, received_pushes, version, google, provider_case):
    path = "/fcm/send" if provider_case == provider_cases.FCM_LEGACY else "/gateway/7/push?tenant=shop"
    version.push_messaging_configuration.endpoint = google.url + path
    version.push_messaging_configuration.save()
    send_push()
    assert [(record["path"], record["status"]) for record in received_pushes()] == [(path, 200)]


def test_endpoint_defaults_to_google(configure):
    account = configure(provider_cases.FCM_V1, endpoint="")
    assert account.message_url == "https://fcm.googleapis.com/v1/projects/countersign-demo/messages:send"
    assert configure(provider_cases.FCM_LEGACY, endpoint="").message_url == "https://fcm.googleapis.com/fcm/send"


def test_access_token_is_reused(push_flow, mobile_type, device, received_pushes, token_requests):
    for _number in range(20):
        push_flow.start(mobile_type, device)
    push_flow.work()
    push_flow.send(mobile_type, device)
    assert [record["status"] for record in received_pushes()] == [200] * 21
    assert token_requests() == 1
    assert len({record["headers"]["authorization"] for record in received_pushes()}) == 1


def test_access_token_is_renewed_before_it_expires(send_push, received_pushes, token_requests, advance_clock):
    send_push()
    advance_clock(TOKEN_SECONDS - 300)
    send_push()
    assert token_requests() == 1
    advance_clock(200)
    send_push()
    assert token_requests() == 2
    assert [record["status"] for record in received_pushes()] == [200] * 3


def test_rejected_service_account_is_a_configuration_error(
    configure, make_version, enroll, push_flow, mobile_type, google
):
    account = {**google.fcm.account, "private_key": factories.service_account()["private_key"]}
    version = make_version(provider_cases.FCM_V1, configure(provider_cases.FCM_V1, service_account=json.dumps(account)))
    token = provider_cases.push_token()
    transaction_id = push_flow.send(mobile_type, enroll(push_token=token, version=version))
    [(outcome, reason)] = push_flow.attempts(transaction_id)
    assert outcome == "misconfigured"
    assert "invalid_grant" in reason
    assert google.wait(token, 0, None, 0) == []
    version.push_messaging_configuration.refresh_from_db()
    assert version.push_messaging_configuration.delivery_error == reason


@pytest.mark.parametrize(
    "response", [{"status": 503, "body": "{}"}, fcm.HTML, {"reset": True, "repeat": True}], ids=str
)
def test_failed_token_request_is_retried(send_push, push_flow, received_pushes, google, advance_clock, response):
    google.script[TOKEN_PATH] = [response]
    transaction_id = send_push()
    google.script[TOKEN_PATH] = []
    [(outcome, reason)] = push_flow.attempts(transaction_id)
    assert (outcome, reason.partition(":")[0]) == ("retry", "no access token")
    assert received_pushes() == []
    advance_clock(2)
    push_flow.work()
    assert push_flow.attempts(transaction_id)[1:] == [("accepted", "")]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, provider_cases.DEEPLY_NESTED),
        (200, "{}"),
        (200, '{"access_token": 5}'),
        (200, '{"access_token": "one\\r\\nX-Other: two"}'),
        (200, '{"access_token": "one", "expires_in": []}'),
        (200, '{"access_token": "one", "expires_in": "soon"}'),
        (200, '{"access_token": "one", "expires_in": 1e30}'),
        (200, '{"access_token": "one", "expires_in": Infinity}'),
        (200, '{"access_token": "one", "expires_in": -1}'),
        (400, provider_cases.DEEPLY_NESTED),
        (400, "[]"),
        (400, "null"),
        (400, '{"error": ["invalid_grant"]}'),
        (403, "5"),
        (403, "\udcff\udcfe"),
        (408, '{"error": "invalid_grant"}'),
        (429, "{}"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_invalid_token_response_is_retried(send_push, push_flow, google, token_requests, stored_error, status, body):
    google.script[TOKEN_PATH] = [{"status": status, "body": body}]
    assert push_flow.attempts(send_push()) == [("retry", f"no access token: HTTP {status}")]
    assert stored_error() == NO_ERROR
    assert token_requests() == 1


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable", "internal_failure"])
@pytest.mark.parametrize("member", ["error", "error_description"])
def test_transient_token_error_is_retried_by_the_queue_only(
    send_push, push_flow, google, token_requests, error, member
):
    body = json.dumps({"error": "invalid_request", member: error})
    google.script[TOKEN_PATH] = [{"status": 400, "body": body, "repeat": True}]
    transaction_id = send_push()
    google.script[TOKEN_PATH] = []
    assert push_flow.attempts(transaction_id) == [("retry", f"no access token: {error} (HTTP 400)")]
    assert token_requests() == 1


@pytest.mark.parametrize("status", [302, 404, 405, 410])
def test_wrong_token_url_is_a_configuration_error(send_push, push_flow, google, status, stored_error):
    google.script[TOKEN_PATH] = [{"status": status, "headers": {"location": "/elsewhere"}, "body": "<html>"}]
    assert push_flow.attempts(send_push()) == [("misconfigured", f"no access token: HTTP {status}")]
    assert stored_error()[0] == f"no access token: HTTP {status}"


@pytest.mark.parametrize(
    "lifetime", [{}, {"expires_in": None}, {"expires_in": "3600"}, {"expires_in": 3600.5}], ids=str
)
def test_access_token_lifetime_formats_are_accepted(send_push, push_flow, google, version, lifetime):
    google.fcm.access_tokens["another"] = time.time() + TOKEN_SECONDS
    google.script[TOKEN_PATH] = [{"status": 200, "body": json.dumps({"access_token": "another", **lifetime})}]
    assert push_flow.attempts(send_push()) == [("accepted", "")]


def test_stored_key_of_a_wrong_type_is_reported(configure, make_version, enroll, push_flow, mobile_type, google):
    account = {**google.fcm.account, "private_key": pem(signing_key())}
    version = make_version(provider_cases.FCM_V1, configure(provider_cases.FCM_V1, service_account=json.dumps(account)))
    transaction_id = push_flow.send(mobile_type, enroll(push_token=provider_cases.push_token(), version=version))
    attempts = [("misconfigured", "the stored credential cannot be used (TypeError)")]
    assert push_flow.attempts(transaction_id) == attempts
