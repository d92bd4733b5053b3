"""Paths of the demo in the web process, without a reachable server."""

import base64
import io
import json
import re

import pytest
import segno
from django.test import Client

from apps.demo import controller, store
from apps.demo.device import Device, KeyKind
from apps.demo.fcm import service_account
from apps.demo.sms_inbox import NUMBER
from apps.demo.visit import SignInMethod, Status, Visit
from clients.python.countersign_device import keys

SECRETS = {"client_secret": "s" * 32, "callback_password": "p" * 32, "administrator_password": "a" * 16}


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    """Separate demo for an unreachable server."""
    settings.VAR_DIR = tmp_path
    settings.PORT = 9
    controller.reset_cache()
    yield
    controller.reset_cache()


@pytest.fixture
def demo(own_files):
    store.write(store.SETUP, {**SECRETS, "server": "http://127.0.0.1:9", "service_account": service_account("")})
    return controller.current()


def call_back(client, content, authorization=None):
    headers = {"Authorization": authorization} if authorization else {}
    return client.post("/demo/callback", content, content_type="application/json", headers=headers)


def basic(username, password):
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


RIGHT = basic("countersign", SECRETS["callback_password"])


def test_page_has_no_inline_code_and_a_strict_policy(client):
    response = client.get("/demo/")
    page = response.content.decode()
    assert response.status_code == 200
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"(src|href)=[\"'](https?:)?//", page)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_root_redirects_to_the_demo(client):
    assert client.get("/").headers["Location"] == "/demo/"


def test_missing_setup_is_reported_with_the_fix(client):
    response = client.get("/demo/state")
    assert response.status_code == 503
    assert "demo_setup" in response.json()["error"]


def test_setup_for_another_port_is_reported(client, demo, settings):
    controller.reset_cache()
    settings.PORT = 10
    assert "http://127.0.0.1:9" in client.get("/demo/state").json()["error"]


def test_state_reports_an_unreachable_server(client, demo):
    state = client.get("/demo/state").json()
    assert state["phone"]["status"] == "not_enrolled"
    assert state["phone"]["problem"].startswith("The portal cannot reach the server")
    assert state["portal"]["status"] == "signed_out"
    assert state["steps"][0]["failed"] is True


def test_sign_in_without_a_server_fails_with_a_message(client, demo):
    state = client.post("/demo/sign-in").json()
    assert state["portal"]["status"] == "failed"
    assert state["portal"]["message"].startswith("The portal cannot reach the server")


@pytest.mark.parametrize(
    "path",
    [
        "sign-in",
        "leave",
        "verify",
        "resend",
        "phone/answer",
        "phone/scan",
        "phone/enroll",
        "phone/unenroll",
        "reset",
        "own-browser",
    ],
)
def test_button_requires_a_csrf_token(demo, path):
    assert Client(enforce_csrf_checks=True).post(f"/demo/{path}").status_code == 403
    assert Client().get(f"/demo/{path}").status_code == 405


def test_button_with_the_token_of_the_page_works(demo):
    client = Client(enforce_csrf_checks=True)
    client.get("/demo/")
    response = client.post("/demo/leave", headers={"X-CSRFToken": client.cookies["csrftoken"].value})
    assert response.status_code == 200


def test_page_offers_the_web_phone_only_if_it_is_built(client, settings, tmp_path):
    settings.PHONE_DIR = tmp_path
    assert "own-browser" not in client.get("/demo/").content.decode()
    assert "is not built" in client.get("/demo/real-phone/").content.decode()
    (tmp_path / "index.html").touch()
    assert '<form method="post" action="/demo/own-browser" target="_blank"' in client.get("/demo/").content.decode()


@pytest.mark.parametrize(
    ("phone_url", "target"),
    [("", "https://demo.example.com"), ("https://phone.example.com", "https://phone.example.com")],
)
def test_forms_of_the_page_lead_to_the_phone_only(client, settings, phone_url, target):
    settings.PUBLIC_URL, settings.PHONE_URL = "https://demo.example.com", phone_url
    for path in ("/demo/", "/demo/real-phone/"):
        assert f"form-action 'self' {target};" in client.get(path)["Content-Security-Policy"]


def test_browser_opens_the_enrollment_link(client, demo, monkeypatch):
    link = "https://demo.example.com/phone/#server=x&code=y"
    monkeypatch.setattr(demo.portal, "create_enrollment_code", lambda: {"web_enrollment_uri": link})
    response = client.post("/demo/own-browser")
    assert (response.status_code, response["Location"]) == (302, link)
    assert "no-store" in response["Cache-Control"]
    assert store.read(store.STATE)["uses_browser"] is True


def test_browser_gets_a_page_if_the_server_is_unreachable(client, demo):
    for path in ("/demo/own-browser", "/demo/real-phone/"):
        response = client.post(path)
        assert response.status_code == 503
        assert "The portal cannot reach the server" in response.content.decode()
    assert not demo.uses_browser


def test_real_phone_needs_https(client, demo, settings, tmp_path):
    settings.PHONE_DIR, settings.PUBLIC_URL = tmp_path, "http://localhost:8765"
    (tmp_path / "index.html").touch()
    page = client.get("/demo/real-phone/").content.decode()
    assert "cloudflared tunnel --url http://127.0.0.1:9" in page
    assert "<form" not in page


def test_real_phone_scans_a_new_link(client, demo, settings, tmp_path, monkeypatch):
    settings.PHONE_DIR, settings.PUBLIC_URL = tmp_path, "https://demo.example.com"
    (tmp_path / "index.html").touch()
    page = client.get("/demo/real-phone/").content.decode()
    assert "Show the QR code" in page
    assert "<svg" not in page
    link = "https://demo.example.com/phone/#code=y"
    monkeypatch.setattr(demo.portal, "create_enrollment_code", lambda: {"web_enrollment_uri": link})
    response = client.post("/demo/real-phone/")
    assert "no-store" in response["Cache-Control"]
    assert f'<code class="link">{link}</code>' in response.content.decode()
    code = io.BytesIO()
    segno.make(link, error="l", boost_error=False).save(
        code, kind="svg", border=2, dark="#16232b", light="#fff", omitsize=True, xmldecl=False, svgns=False,
        svgclass="", lineclass="",
    )  # fmt: skip
    assert code.getvalue().decode().strip() in response.content.decode()


def test_unknown_keys_are_rejected(client, demo):
    response = client.post("/demo/phone/enroll", {"keys": "rsa"})
    assert (response.status_code, response.json()) == (400, {"error": "The keys must be one of jose, openpgp."})


def test_phone_of_an_earlier_version_is_restored(client, demo):
    device = Device("", secret_key=keys.new_secret_key(KeyKind.CURVE25519, at=0), device_id="D", profile_id="P")
    stored = json.loads(device.dump())
    del stored["kind"]
    phone = {"device": {**stored, "pin_token": {"salt": "", "locked": ""}}, "push_token": "push-token"}
    store.write(store.STATE, {"phone": phone, "portal": {"device_id": "D"}})
    state = client.get("/demo/state").json()["phone"]
    assert (state["status"], state["key_name"]) == ("ready", "OpenPGP (Curve25519)")


def test_unknown_decision_is_rejected(client, demo):
    assert client.post("/demo/phone/answer", {"decision": "maybe"}).status_code == 400


@pytest.mark.parametrize(
    "authorization",
    [None, "Basic", "Bearer x", basic("countersign", "wrong"), basic("other", SECRETS["callback_password"]), "Basic é"],
)
def test_callback_requires_credentials(client, demo, authorization):
    demo.portal.visit = Visit(Status.WAITING, transaction_id="t", ends_at=10**12)
    response = call_back(client, json.dumps({"transaction_id": "t"}), authorization)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Basic")
    assert demo.portal.visit.status == Status.WAITING


@pytest.mark.parametrize("content", ["", "{", "[]", '{"transaction_id": 1}', "[" * 100_000])
def test_malformed_callback_is_a_bad_request(client, demo, content):
    assert call_back(client, content, RIGHT).status_code == 400


def test_callback_of_an_unknown_transaction_is_ignored(client, demo):
    before = demo.portal.visit
    assert call_back(client, '{"transaction_id": "unknown"}', RIGHT).status_code == 204
    assert demo.portal.visit is before


def test_callback_makes_the_shop_request_the_result(client, demo):
    demo.portal.visit = Visit(Status.WAITING, transaction_id="t", ends_at=10**12)
    assert call_back(client, '{"transaction_id": "t"}', RIGHT).status_code == 204
    # The server is unreachable.
    assert demo.portal.visit.status == Status.FAILED
    assert demo.journal.steps()[-1]["call"] == "GET /oauth/api/v4/authenticate/transaction/t"


def test_fake_fcm_requires_an_access_token(client, demo):
    path = "/demo/fcm/v1/projects/countersign-demo/messages:send"
    response = client.post(path, '{"message": {"token": "x"}}', content_type="application/json")
    assert response.status_code == 401
    assert client.post("/demo/fcm/token", {"grant_type": "x", "assertion": "y"}).status_code == 400


def push(client, demo, token, **members):
    demo.fcm.access_tokens["access"] = 10**12
    path, content = "/demo/fcm/v1/projects/countersign-demo/messages:send", {"message": {"token": token, **members}}
    headers = {"Authorization": "Bearer access"}
    return client.post(path, json.dumps(content), content_type="application/json", headers=headers)


def other_device_messages(client, *members):
    """Return the given members of each message for other devices."""
    return [tuple(message[name] for name in members) for message in client.get("/demo/state").json()["other_devices"]]


def test_push_for_any_token_is_accepted_and_listed(client, demo):
    content = {"content": json.dumps({"og_transaction_id": "t", "og_profile_id": "p", "og_message": "Sign in?"})}
    for token in ("short", "x" * 4000):
        response = push(client, demo, token, data=content)
        assert response.status_code == 200
        assert response.json()["name"].startswith("projects/countersign-demo/messages/")
    listed = [("push", "short", "Sign in?"), ("push", "x" * 12 + "…", "Sign in?")]
    assert other_device_messages(client, "kind", "recipient", "message") == listed
    assert client.get("/demo/state").json()["phone"]["request"] is None


@pytest.mark.parametrize("data", [None, {}, {"content": 1}, {"content": "{"}, {"content": "[" * 10_000}])
def test_push_of_another_format_is_listed_without_a_message(client, demo, data):
    assert push(client, demo, "token", data=data).status_code == 200
    assert other_device_messages(client, "message") == [("",)]


def test_messages_for_other_devices_are_limited(client, demo):
    for _number in range(25):
        assert text_phone(client, "+31612345678", message="x" * 5000).status_code == 204
    listed = other_device_messages(client, "number", "message")
    assert listed == [(number, "x" * 1000) for number in range(6, 26)]


def test_failed_write_keeps_the_old_file(tmp_path):
    store.write(store.STATE, {"phone": None})
    with pytest.raises(TypeError):
        store.write(store.STATE, {"phone": object()})
    assert store.read(store.STATE) == {"phone": None}
    assert [path.name for path in (tmp_path / "demo").iterdir()] == [store.STATE]


def text_phone(client, number=NUMBER, authorization=None, message="123456 is your code"):
    content = {"phone_number": number, "message": message, "verification_code": "123456"}
    headers = {"Authorization": authorization} if authorization else {}
    return client.post("/demo/sms", json.dumps(content), content_type="application/json", headers=headers)


def test_sms_arrives_without_an_account_and_its_code_is_not_logged(client, demo):
    assert text_phone(client, NUMBER.replace(" ", "")).status_code == 204
    state = client.get("/demo/state").json()
    assert state["phone"]["status"] == "sms"
    assert [text["message"] for text in state["phone"]["messages"]] == ["123456 is your code"]
    assert "123456" not in json.dumps(state["steps"])


def test_sms_to_another_number_is_listed(client, demo):
    assert text_phone(client, "+31612345678").status_code == 204
    assert client.get("/demo/state").json()["phone"]["messages"] == []
    assert other_device_messages(client, "kind", "recipient", "message") == [
        ("sms", "+31612345678", "123456 is your code")
    ]


@pytest.mark.parametrize("number", ["+316", "0612345678", "+1 202 555 01430", "", None])
def test_sms_to_an_invalid_number_is_rejected(client, demo, number):
    assert text_phone(client, number).status_code == 404
    assert other_device_messages(client, "message") == []


@pytest.mark.parametrize(
    "authorization", [None, "Basic", basic("countersign", "wrong"), basic("other", "right"), "Basic é"]
)
def test_sms_requires_the_credentials_of_the_gateway(client, demo, settings, authorization):
    settings.SMS_GATEWAY_REST_USERNAME, settings.SMS_GATEWAY_REST_PASSWORD = "countersign", "right"
    assert text_phone(client, authorization=authorization).status_code == 401
    assert client.get("/demo/state").json()["phone"]["messages"] == []
    assert text_phone(client, authorization=basic("countersign", "right")).status_code == 204


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"phone_number": 1, "message": []}'])
def test_malformed_sms_is_rejected(client, demo, content):
    assert client.post("/demo/sms", content, content_type="application/json").status_code == 404


def test_qr_code_is_available_only_during_a_scan(client, demo):
    assert client.get("/demo/qr.svg").status_code == 404
    demo.portal.visit = Visit(Status.SCAN, transaction_id="t", ends_at=10**12, method=SignInMethod.OTP, otp="a" * 160)
    picture = client.get("/demo/qr.svg")
    assert picture["Content-Type"] == "image/svg+xml"
    assert "no-store" in picture["Cache-Control"]
    assert picture.content.startswith(b"<?xml")
    state = client.get("/demo/state")
    assert "a" * 160 not in state.content.decode()


def test_text_of_the_code_is_available_only_during_a_scan(client, demo):
    assert client.get("/demo/otp.txt").status_code == 404
    demo.portal.visit = Visit(Status.SCAN, transaction_id="t", ends_at=10**12, method=SignInMethod.OTP, otp="a" * 160)
    text = client.get("/demo/otp.txt")
    assert (text.status_code, text.content) == (200, b"a" * 160)
    assert text["Content-Type"] == "text/plain"
    assert "no-store" in text["Cache-Control"]


def test_phone_without_an_account_cannot_scan(client, demo):
    demo.portal.visit = Visit(Status.SCAN, transaction_id="t", ends_at=10**12, method=SignInMethod.OTP, otp="x")
    assert client.get("/demo/state").json()["phone"]["can_scan"] is False
    assert client.post("/demo/phone/scan").json()["error"] == "There is no account on this phone."


def test_unknown_method_is_rejected(client, demo):
    assert client.post("/demo/sign-in", {"method": "pigeon"}).status_code == 400


def test_retry_uses_the_last_method(client, demo):
    assert client.post("/demo/sign-in", {"method": "sms"}).json()["portal"]["method"] == "sms"
    assert client.post("/demo/sign-in").json()["portal"]["method"] == "sms"
    assert client.post("/demo/sign-in", {"method": "push"}).json()["portal"]["method"] == "push"
