"""The whole path through real processes: portal, server, worker, FCM, phone, and back to the portal."""

import base64
import json

import pytest

from tests.flows.installation import CALLBACK_PASSWORD

pytestmark = pytest.mark.processes


def test_an_approved_authentication_reaches_the_portal(installation):
    phone = installation.enroll()
    transaction_id = installation.start(phone, "/basic")

    [push] = installation.fcm.wait(phone.push_token, status=200)
    message = json.loads(push["body"])["message"]
    assert json.loads(message["data"]["content"]) == {
        "og_transaction_id": transaction_id,
        "og_profile_id": phone.device.profile_id,
        "og_message": "Sign in?",
    }
    assert message["android"]["priority"] == "HIGH"
    assert installation.answer(phone, transaction_id) == "authenticated"

    [callback] = [one for one in installation.portal.wait("/basic") if transaction_id in one["body"]]
    assert json.loads(callback["body"]) == {
        "callback_uri": installation.portal.url + "/basic",
        "transaction_id": transaction_id,
    }
    credentials = base64.b64encode(f"portal:{CALLBACK_PASSWORD}".encode()).decode()
    assert callback["headers"]["authorization"] == f"Basic {credentials}"
    assert callback["headers"]["content-type"] == "application/json"
    assert installation.result(transaction_id)["is_authenticated"] is True


def test_a_denied_authentication_reaches_the_portal_once_and_without_credentials(installation):
    phone, path = installation.enroll(), installation.path()
    transaction_id = installation.start(phone, path)
    installation.fcm.wait(phone.push_token, status=200)
    assert installation.answer(phone, transaction_id, approve=False) == "not_authenticated"

    [callback] = installation.portal.wait(path)
    assert "authorization" not in callback["headers"]
    result = installation.result(transaction_id)
    assert result["is_authenticated"] is False
    assert result["not_authenticated_reason"]["reason"] == "not_accepted"
    installation.portal.assert_count_stays(path, 1, seconds=1.5)
    installation.fcm.assert_count_stays(phone.push_token, 1)


def test_each_of_several_phones_gets_its_own_push(installation):
    phones = [installation.enroll() for _number in range(4)]
    started = {phone.push_token: installation.start(phone) for phone in phones}
    for token, transaction_id in started.items():
        [push] = installation.fcm.wait(token, status=200)
        assert transaction_id in push["body"]
    for phone in phones:
        assert [one["transaction_id"] for one in phone.device.pending()] == [started[phone.push_token]]


def test_one_access_token_serves_many_pushes(installation):
    phone = installation.enroll("2.0.0")
    before = len(installation.fcm.token_requests())
    for _number in range(12):
        installation.start(phone)
    pushes = installation.fcm.wait(phone.push_token, 12, status=200)
    assert len({push["headers"]["authorization"] for push in pushes}) == 1
    assert len(installation.fcm.token_requests()) == before + 1


def test_what_nobody_answers_expires_silently(installation):
    phone, path = installation.enroll(), installation.path()
    transaction_id = installation.start(phone, path, mobile_type="short")
    installation.wait_for_status(transaction_id, "expired")
    assert phone.device.pending() == []
    installation.portal.assert_count_stays(path, 0, seconds=2)


def test_with_the_switch_on_the_portal_hears_of_an_expiry(installation):
    phone, path = installation.enroll(), installation.path()
    installation.stack.configure({"general": {"callback_on_expiry": True}})
    try:
        transaction_id = installation.start(phone, path, mobile_type="short")
        [callback] = installation.portal.wait(path)
        assert transaction_id in callback["body"]
        assert installation.result(transaction_id)["status"] == "expired"
    finally:
        installation.stack.configure({"general": {"callback_on_expiry": False}})


def test_the_server_listens_on_its_port_and_answers_only_to_its_names(installation):
    stack = installation.stack
    assert stack.get("/healthz")[0] == 200
    assert stack.get("/healthz", Host=f"localhost:{stack.port}")[0] == 200
    assert stack.get("/admin/login/", Host=f"localhost:{stack.port}")[0] == 200
    assert stack.get("/admin/login/", Host="elsewhere.example.com")[0] == 400
    # Whoever watches the server asks an address.
    assert stack.get("/healthz", Host="elsewhere.example.com")[0] == 200
