"""End-to-end tests from an empty installation to an authentication, for each method."""

import json
import os
import subprocess

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.console.end_to_end.pages import assert_fits, code_in, count_clicks
from tests.console.end_to_end.portal import Portal
from tests.console.end_to_end.site import scan

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120), needs_browser]

CALLBACK_PASSWORD = "a password of the portal's own"
NUMBER = "+31612345678"
# From the start page after signing in to the approved authentication.
MAX_CLICKS = 25


def create_portal(console, site, name):
    """Create the API client of a portal and return the portal."""
    secret = console.create_client(name.title(), name, "Mobile authentication")
    return Portal(site.stack.url, name, secret, callback_uri=f"{site.fake_portal.url}/{name}")


def create_endpoint(console, portal):
    console.create_endpoint(portal.callback_uri, "countersign", CALLBACK_PASSWORD)


def assert_callback(site, portal, transaction_id):
    """Wait for the callback and check its transaction and credentials."""
    [call] = site.fake_portal.wait(f"/{portal.client_id}", 1, 204, 20)
    parameters = {"callback_uri": portal.callback_uri, "transaction_id": transaction_id}
    assert json.loads(call["body"]) == parameters
    assert call["headers"]["authorization"].startswith("Basic ")


def enrolled_phone(console, user_id, application):
    """Return a device that enrolled with the console's code."""
    phone, parameters = scan(console.create_enrollment_code(user_id, application))
    phone.enroll(parameters["code"], application_id=parameters["application_id"], device_name=f"Phone of {user_id}")
    return phone


def run_in_shell(command, **environment):
    """Run a command of the console in a shell, and return the JSON of its response."""
    process = subprocess.run(
        command, shell=True, env={**os.environ, **environment}, capture_output=True, text=True, timeout=30, check=True
    )
    return json.loads(process.stdout)


def test_first_authentication_from_empty_installation_needs_few_clicks(console, site):
    """The checklist leads from the first sign-in to an approved authentication. It must be the first test here."""
    page, google = console.page, site.fcm.describe()
    clicks = count_clicks(page)
    page.get_by_text("A push messaging configuration", exact=True).click()
    console.fill_push_configuration("google", google["service_account"], google["endpoint"])
    console.next_step("An application with an enabled version")
    console.fill_application("Bank", "bank", "google")
    console.next_step("A mobile authentication type")
    console.fill(name="push-login", time_to_live=120, default_message_en="Sign in at the bank?")
    console.save()
    console.next_step("An API client of a portal")
    secret = console.fill_client("Bank portal", "bank-portal", "Mobile authentication")
    assert run_in_shell(page.locator("#client-command").inner_text()) == {"enabled": []}
    console.next_step("A device is enrolled for push")
    phone, parameters = scan(console.fill_enrollment("anna", "Bank"))
    phone.enroll(parameters["code"], application_id="bank", device_name="Phone of anna")
    phone.enroll_push("push-token-of-anna")
    page.get_by_role("link", name="Done").click()
    console.next_step("A first authentication")
    console.fill(callback_uri=f"{site.fake_portal.url}/bank-portal")
    page.get_by_role("button", name="Start the authentication").click()

    [push] = site.fcm.wait("push-token-of-anna", 1, 200, 20)
    content = json.loads(json.loads(push["body"])["message"]["data"]["content"])
    assert content["og_message"] == "Sign in at the bank?"
    assert phone.answer(phone.fetch(content["og_transaction_id"]), approve=True) == "authenticated"
    expect(page.locator("#state-heading")).to_have_text("Authenticated")
    expect(page.get_by_text("The portal received the callback.")).to_be_visible()
    assert clicks() <= MAX_CLICKS
    assert console.timeline() == [
        "Push started",
        "Push, attempt 1: accepted",
        "Request fetched by the device",
        "User authenticated",
        "Callback, attempt 1: delivered",
    ]
    assert_fits(page)
    started = run_in_shell(
        page.locator("#example-curl").inner_text().partition("/user\n")[0] + "/user", COUNTERSIGN_CLIENT_SECRET=secret
    )
    assert started["device"]["name"] == "Phone of anna"
    console.open("API clients")
    expect(page.locator(".console-setup")).to_have_count(0)


def test_sms_authentication_from_empty_installation(console, site):
    console.create_type("text-login", "SMS", max_attempts=2, default_message_en="Your code is {code}.")
    portal = create_portal(console, site, "text-portal")
    portal.callback_uri = ""

    transaction_id = portal.start("text-login", user_id="bert", phone_number=NUMBER)["transaction_id"]
    [text] = site.sms.wait(NUMBER, 1, 204, 20)
    message = json.loads(text["body"])["message"]
    code = code_in(message)
    assert message == f"Your code is {code}."
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert portal.verify("bert", transaction_id, wrong)[0] == 404
    assert portal.verify("bert", transaction_id, code) == (200, {"transaction_id": transaction_id})

    assert console.read_timeline(transaction_id, until="User authenticated by SMS") == [
        "SMS started",
        "Text message, attempt 1: accepted",
        "Wrong SMS code",
        "User authenticated by SMS",
    ]
    expect(console.page.get_by_text("2 of 2")).to_be_visible()


def test_otp_authentication_from_empty_installation(console, site):
    console.create_application("Clinic", "clinic")
    console.create_type("scan-login", "OTP", default_message_en="Sign in at the clinic?")
    portal = create_portal(console, site, "clinic-portal")
    create_endpoint(console, portal)
    phone = enrolled_phone(console, "cleo", "Clinic")

    started = portal.start("scan-login")
    challenge = phone.claim_otp(started["otp"])
    assert challenge["message"] == "Sign in at the clinic?"
    assert phone.answer(challenge, approve=True) == "authenticated"
    assert_callback(site, portal, started["transaction_id"])
    assert portal.result(started["transaction_id"])["user_id"] == "cleo"

    lines = console.read_timeline(started["transaction_id"], until="Callback, attempt 1: delivered")
    assert lines[0] == "One-time password started"
    assert "User authenticated" in lines
    expect(console.page.get_by_role("link", name="cleo")).to_be_visible()


def test_user_without_device_gets_sms_fallback(console, site):
    console.create_type("fallback-text", "SMS", default_message_en="Instead of a push: {code}")
    console.create_type("fallback-login", "Push", fallback="fallback-text", default_message_en="Sign in?")
    portal = create_portal(console, site, "fallback-portal")
    create_endpoint(console, portal)

    number = "+31687654321"
    started = portal.start("fallback-login", user_id="dora", phone_number=number)
    assert started["auth_method"] == "sms"
    [text] = site.sms.wait(number, 1, 204, 20)
    code = code_in(json.loads(text["body"])["message"])
    assert portal.verify("dora", started["transaction_id"], code)[0] == 200
    assert portal.result(started["transaction_id"])["is_authenticated"]

    lines = console.read_timeline(started["transaction_id"], until="User authenticated by SMS")
    assert "Text message, attempt 1: accepted" in lines
    expect(console.page.get_by_text("fallback-text", exact=True)).to_be_visible()
