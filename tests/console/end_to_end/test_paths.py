"""From nothing to a finished authentication, through the console alone, for each way in which a user can answer."""

import json

import pytest
from playwright.sync_api import expect

from tests.console.conftest import needs_browser
from tests.console.end_to_end.pages import code_in
from tests.console.end_to_end.portal import Website
from tests.console.end_to_end.site import scan

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120), needs_browser]

CALLBACK_PASSWORD = "a password of the portal's own"
NUMBER = "+31612345678"


def make_portal(console, site, name):
    """Make what a portal needs, which calls its paths by its name, and return the portal."""
    secret = console.make_client(name.title(), name, "Mobile authentication")
    return Website(site.stack.url, name, secret, callback_uri=f"{site.sink.url}/{name}")


def make_endpoint(console, portal):
    console.make_endpoint(portal.callback_uri, "countersign", CALLBACK_PASSWORD)


def called_back(site, portal, transaction_id):
    """Wait for the callback, and look whether it is this transaction's, with the credentials that were typed."""
    [call] = site.sink.wait(f"/{portal.client_id}", 1, 204, 20)
    told = {"callback_uri": portal.callback_uri, "transaction_id": transaction_id}
    assert json.loads(call["body"]) == told
    assert call["headers"]["authorization"].startswith("Basic ")


def enrolled(console, user_id, application):
    """Return a phone that has scanned what the console showed."""
    phone, told = scan(console.enrol(user_id, application))
    phone.enroll(told["code"], application_id=told["application_id"], device_name=f"Phone of {user_id}")
    return phone


def test_a_push_is_configured_sent_approved_and_called_back(console, site):
    google = site.fcm.describe()
    console.make_push_configuration("google", google["service_account"], google["endpoint"])
    console.make_application("Bank", "bank", "google")
    console.make_type("push-login", "Push", time_to_live=120, default_message_en="Sign in at the bank?")
    portal = make_portal(console, site, "bank-portal")
    make_endpoint(console, portal)
    phone = enrolled(console, "anna", "Bank")
    phone.enroll_push("push-token-of-anna")

    started = portal.start("push-login", user_id="anna", device_id=phone.device_id)
    assert started["auth_method"] == "push"
    [push] = site.fcm.wait("push-token-of-anna", 1, 200, 20)
    content = json.loads(json.loads(push["body"])["message"]["data"]["content"])
    assert content["og_message"] == "Sign in at the bank?"
    challenge = phone.fetch(content["og_transaction_id"])
    assert phone.answer(challenge, approve=True) == "authenticated"
    called_back(site, portal, started["transaction_id"])
    assert portal.result(started["transaction_id"])["is_authenticated"]

    lines = console.read_timeline(started["transaction_id"], until="Callback, attempt 1: delivered")
    assert lines == [
        "PUSH AUTH INITIALIZED",
        "Push, attempt 1: accepted",
        "MOBILE AUTH FETCH SECURED MESSAGE FETCHED",
        "MOBILE AUTH AUTHENTICATED",
        "Callback, attempt 1: delivered",
    ]
    expect(console.page.get_by_text("Authenticated", exact=True)).to_be_visible()


def test_a_text_message_is_configured_sent_and_its_code_verified(console, site):
    console.make_type("text-login", "SMS", max_attempts=2, default_message_en="Your code is {code}.")
    portal = make_portal(console, site, "text-portal")
    portal.callback_uri = ""

    transaction_id = portal.start("text-login", user_id="bert", phone_number=NUMBER)["transaction_id"]
    [text] = site.sms.wait(NUMBER, 1, 204, 20)
    message = json.loads(text["body"])["message"]
    code = code_in(message)
    assert message == f"Your code is {code}."
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert portal.verify("bert", transaction_id, wrong)[0] == 404
    assert portal.verify("bert", transaction_id, code) == (200, {"transaction_id": transaction_id})

    assert console.read_timeline(transaction_id, until="SMS AUTH AUTHENTICATED") == [
        "SMS AUTH INITIALIZED",
        "Text message, attempt 1: accepted",
        "SMS AUTH NOT AUTHENTICATED INVALID VERIFICATION CODE",
        "SMS AUTH AUTHENTICATED",
    ]
    expect(console.page.get_by_text("2 of 2")).to_be_visible()


def test_a_one_time_password_is_configured_scanned_approved_and_called_back(console, site):
    console.make_application("Clinic", "clinic")
    console.make_type("scan-login", "OTP", default_message_en="Sign in at the clinic?")
    portal = make_portal(console, site, "clinic-portal")
    make_endpoint(console, portal)
    phone = enrolled(console, "cleo", "Clinic")

    started = portal.start("scan-login")
    challenge = phone.claim_otp(started["otp"])
    assert challenge["message"] == "Sign in at the clinic?"
    assert phone.answer(challenge, approve=True) == "authenticated"
    called_back(site, portal, started["transaction_id"])
    assert portal.result(started["transaction_id"])["user_id"] == "cleo"

    lines = console.read_timeline(started["transaction_id"], until="Callback, attempt 1: delivered")
    assert lines[0] == "OTP AUTH INITIALIZED"
    assert "MOBILE AUTH AUTHENTICATED" in lines
    expect(console.page.get_by_role("link", name="cleo")).to_be_visible()


def test_a_user_without_a_device_gets_a_text_message_instead_of_the_push(console, site):
    console.make_type("fallback-text", "SMS", default_message_en="Instead of a push: {code}")
    console.make_type("fallback-login", "Push", fallback="fallback-text", default_message_en="Sign in?")
    portal = make_portal(console, site, "fallback-portal")
    make_endpoint(console, portal)

    number = "+31687654321"
    started = portal.start("fallback-login", user_id="dora", phone_number=number)
    assert started["auth_method"] == "sms"
    [text] = site.sms.wait(number, 1, 204, 20)
    code = code_in(json.loads(text["body"])["message"])
    assert portal.verify("dora", started["transaction_id"], code)[0] == 200
    assert portal.result(started["transaction_id"])["is_authenticated"]

    lines = console.read_timeline(started["transaction_id"], until="SMS AUTH AUTHENTICATED")
    assert "Text message, attempt 1: accepted" in lines
    expect(console.page.get_by_text("fallback-text")).to_be_visible()
