"""Requests on the web phone: approval, denial, report, number, signature, one-time password, expiry."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.phone.browser import PIN, phone_window
from tests.phone.camera import show_qr_code
from tests.phone.site import portal_page

pytestmark = [pytest.mark.processes, needs_browser]


def test_user_signs_in_at_a_portal_with_the_web_phone(phone_chromium, phone, phone_site):
    phone.enroll("anna")
    with portal_page(phone_site, "anna") as url:
        shop = phone_chromium.new_context().new_page()
        shop.goto(url)
        shop.get_by_role("button", name="Sign in").click()
        expect(shop.get_by_role("heading")).to_have_text("Look at your phone")
        number = shop.locator("#number").inner_text()
        phone.wake()
        phone.show_request()
        phone.page.get_by_label("Number on the website").fill(number)
        phone.press("Approve")
        phone.title("Approved")
        shop.reload()
        expect(shop.get_by_role("heading")).to_have_text("Hello again")
        shop.context.close()


def test_user_signs_in_with_a_browser_without_push(phone_chromium, phone_site):
    with (
        phone_window(phone_chromium, phone_site, has_push=False) as phone,
        portal_page(phone_site, "nils") as url,
    ):
        phone.enroll("nils")
        expect(phone.page.get_by_text("Nothing to approve")).to_be_visible()
        shop = phone_chromium.new_context().new_page()
        shop.goto(url)
        shop.get_by_role("button", name="Sign in").click()
        number = shop.locator("#number").inner_text()
        # The open app polls.
        phone.show_request()
        phone.page.get_by_label("Number on the website").fill(number)
        phone.press("Approve")
        phone.title("Approved")
        shop.reload()
        expect(shop.get_by_role("heading")).to_have_text("Hello again")
        shop.context.close()
        phone.page.goto("about:blank")
        transaction = phone_site.start("nils", "login-pin")
        phone.home()
        phone.show_request()
        phone.press("Approve with PIN")
        phone.enter_pin(PIN, "Approve")
        phone.title("Approved")
        assert phone_site.result(transaction)["status"] == "authenticated"
        [device] = phone_site.devices("nils")
        assert not device["pushAuthenticationEnabled"]


@pytest.fixture(scope="module")
def bert(phone_chromium, phone_site):
    """A phone with the account of Bert and no request."""
    with phone_window(phone_chromium, phone_site) as window:
        window.enroll("bert")
        yield window


def test_denied_request_is_not_authenticated(bert, phone_site):
    transaction = phone_site.start("bert")
    bert.home()
    bert.show_request()
    bert.press("Deny")
    bert.title("Denied")
    assert phone_site.result(transaction)["status"] == "not_authenticated"
    bert.press("Done")
    expect(bert.page.get_by_text("Nothing to approve")).to_be_visible()


def test_signing_data_is_shown_completely_and_signed(bert, phone_site):
    text = "\n".join(["Pay € 38.50", *(f"Line {number}" for number in range(60)), "to Larkspur\u200btxt.exe"])
    transaction = phone_site.start("bert", "pay", signing_data=text)
    bert.home()
    bert.show_request()
    shown = bert.page.locator("pre")
    # An invisible character is visible.
    expect(shown).to_contain_text("to Larkspur[U+200B]txt.exe")
    assert shown.evaluate("one => one.scrollHeight <= one.clientHeight + 1")
    bert.press("Approve with PIN")
    bert.enter_pin(PIN, "Approve")
    bert.title("Approved")
    result = phone_site.result(transaction)
    assert result["is_authenticated"]
    key = load_pem_public_key(result["user_public_key"].encode())
    key.verify(base64.b64decode(result["signature"]), text.encode(), ECDSA(SHA256()))
    bert.press("Done")


def test_wrong_number_ends_the_request(bert, phone_site):
    transaction = phone_site.start("bert", "login-number")
    bert.home()
    bert.show_request()
    bert.press("Approve")
    expect(bert.page.get_by_role("alert")).to_have_text("Enter all digits of the number.")
    wrong = (int(transaction["verification_number"]) + 1) % 100
    bert.page.get_by_label("Number on the website").fill(f"{wrong:02}")
    bert.press("Approve")
    bert.title("Not approved")
    assert phone_site.result(transaction)["status"] == "not_authenticated"


def test_one_time_password_is_approved_by_its_text(bert, phone_site):
    bert.home()
    transaction = phone_site.start_otp()
    bert.press("Scan a one-time password")
    bert.page.get_by_label("Text of the QR code").fill("nonsense")
    bert.press("Check")
    expect(bert.page.get_by_role("alert")).to_contain_text("wrong or expired")
    bert.page.get_by_label("Text of the QR code").fill(transaction["otp"])
    bert.press("Check")
    bert.title("Approve?")
    bert.press("Approve")
    bert.title("Approved")
    assert phone_site.result(transaction)["is_authenticated"]


def test_one_time_password_is_scanned_by_the_camera(bert, phone_site, camera):
    bert.home()
    bert.context.grant_permissions(["camera", "notifications"])
    bert.press("Scan a one-time password")
    bert.press("Scan a QR code")
    expect(bert.page.get_by_role("alert")).to_have_text("This QR code is not one of this app.")
    bert.press("Close")
    transaction = phone_site.start_otp()
    show_qr_code(camera, transaction["otp"])
    bert.press("Scan a QR code")
    bert.title("Approve?")
    bert.press("Approve")
    bert.title("Approved")
    assert phone_site.result(transaction)["is_authenticated"]


def test_denied_camera_leaves_the_text(bert):
    bert.home()
    bert.context.clear_permissions()
    bert.press("Scan a one-time password")
    bert.press("Scan a QR code")
    expect(bert.page.get_by_role("alert")).to_contain_text("The browser does not allow the camera.")
    bert.context.grant_permissions(["notifications"])


def test_expired_request_leaves_the_screen(bert, phone_site):
    phone_site.start("bert", "login-short")
    bert.home()
    bert.show_request()
    bert.title("Too late")
    bert.press("Done")
    expect(bert.page.get_by_text("Nothing to approve")).to_be_visible()


def test_cancelled_request_is_reported(bert, phone_site):
    transaction = phone_site.start("bert")
    bert.home()
    bert.show_request()
    phone_site.cancel(transaction)
    bert.press("Approve")
    bert.title("This request has ended")


def test_request_can_be_answered_with_the_keyboard(bert, phone_site):
    bert.home()
    transaction = phone_site.start("bert")
    bert.wake()
    expect(bert.page.locator("#live")).to_contain_text("New request: Sign in to the shop?")
    bert.page.get_by_role("button", name="Open", exact=True).press("Enter")
    bert.title("Approve?")
    expect(bert.page.get_by_role("heading", level=1)).to_be_focused()
    bert.page.get_by_role("button", name="Approve", exact=True).press("Space")
    bert.title("Approved")
    expect(bert.page.get_by_role("heading", level=1)).to_be_focused()
    assert phone_site.result(transaction)["is_authenticated"]


def test_report_of_fraud_locks_the_user(phone, phone_site):
    phone.enroll("fred")
    transaction = phone_site.start("fred")
    phone.home()
    phone.show_request()
    phone.press("This was not me")
    phone.title("Did you not start this?")
    phone.press("Report it")
    phone.title("Reported")
    assert phone_site.result(transaction)["fraud_reported"]
    phone.press("Done")
    expect(phone.page.get_by_text("Locked. Ask the support of Shop to unlock you.")).to_be_visible()
