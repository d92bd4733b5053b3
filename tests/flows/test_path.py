"""The complete flow through real processes: portal, server, worker, FCM, device, and callback to the portal."""

import base64
import json

import pytest

from tests.flows.installation import CALLBACK_PASSWORD

pytestmark = pytest.mark.processes


def test_approval_reaches_the_portal(installation):
    user = installation.enroll()
    transaction_id = installation.start(user, "/basic")

    [push] = installation.fcm.wait(user.push_token, status=200)
    message = json.loads(push["body"])["message"]
    assert json.loads(message["data"]["content"]) == {
        "og_transaction_id": transaction_id,
        "og_profile_id": user.device.profile_id,
        "og_message": "Sign in?",
    }
    assert message["android"]["priority"] == "HIGH"
    assert installation.answer(user, transaction_id) == "authenticated"

    [callback] = [item for item in installation.portal.wait("/basic") if transaction_id in item["body"]]
    assert json.loads(callback["body"]) == {
        "callback_uri": installation.portal.url + "/basic",
        "transaction_id": transaction_id,
    }
    credentials = base64.b64encode(f"portal:{CALLBACK_PASSWORD}".encode()).decode()
    assert callback["headers"]["authorization"] == f"Basic {credentials}"
    assert callback["headers"]["content-type"] == "application/json"
    assert installation.result(transaction_id)["is_authenticated"] is True


def test_denial_reaches_the_portal_once_without_credentials(installation):
    user, path = installation.enroll(), installation.path()
    transaction_id = installation.start(user, path)
    installation.fcm.wait(user.push_token, status=200)
    assert installation.answer(user, transaction_id, approve=False) == "not_authenticated"

    [callback] = installation.portal.wait(path)
    assert "authorization" not in callback["headers"]
    result = installation.result(transaction_id)
    assert result["is_authenticated"] is False
    assert result["not_authenticated_reason"]["reason"] == "not_accepted"
    installation.portal.assert_count_stays(path, 1, seconds=1.5)
    installation.fcm.assert_count_stays(user.push_token, 1)


def test_devices_get_their_own_pushes(installation):
    users = [installation.enroll() for _number in range(4)]
    started = {user.push_token: installation.start(user) for user in users}
    for token, transaction_id in started.items():
        [push] = installation.fcm.wait(token, status=200)
        assert transaction_id in push["body"]
    for user in users:
        assert [item["transaction_id"] for item in user.device.pending()] == [started[user.push_token]]


def test_access_token_is_reused_for_many_pushes(installation):
    user = installation.enroll("2.0.0")
    before = len(installation.fcm.token_requests())
    for _number in range(12):
        installation.start(user)
    pushes = installation.fcm.wait(user.push_token, 12, status=200)
    assert len({push["headers"]["authorization"] for push in pushes}) == 1
    assert len(installation.fcm.token_requests()) == before + 1


def test_unanswered_transaction_expires_without_a_callback(installation):
    user, path = installation.enroll(), installation.path()
    transaction_id = installation.start(user, path, mobile_type="short")
    installation.wait_for_status(transaction_id, "expired")
    assert user.device.pending() == []
    installation.portal.assert_count_stays(path, 0, seconds=2)


def test_callback_on_expiry_reports_an_expired_transaction(installation):
    user, path = installation.enroll(), installation.path()
    installation.stack.configure({"general": {"callback_on_expiry": True}})
    try:
        transaction_id = installation.start(user, path, mobile_type="short")
        [callback] = installation.portal.wait(path)
        assert transaction_id in callback["body"]
        assert installation.result(transaction_id)["status"] == "expired"
    finally:
        installation.stack.configure({"general": {"callback_on_expiry": False}})


def test_server_responds_only_to_its_host_names(installation):
    stack = installation.stack
    assert stack.get("/healthz")[0] == 200
    assert stack.get("/healthz", Host=f"localhost:{stack.port}")[0] == 200
    assert stack.get("/admin/login/", Host=f"localhost:{stack.port}")[0] == 200
    assert stack.get("/admin/login/", Host="elsewhere.example.com")[0] == 400
    # Monitoring requests the probes by IP address.
    assert stack.get("/healthz", Host="elsewhere.example.com")[0] == 200
