"""The demo page in a browser."""

import base64
import json
import re
import urllib.request
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from apps.demo.device import Device
from tests.browsers import needs_browser, new_page
from tests.demo.running import STEP_SECONDS, Run

pytestmark = [pytest.mark.processes, needs_browser]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    running = Run(tmp_path_factory.mktemp("demo"))
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.kill()


@pytest.fixture
def page(run, chromium):
    """Return the demo page. A script error or a violation of its policy fails the test."""
    with new_page(chromium, lambda message: message.type == "error") as page:
        page.goto(f"{run.base}/demo/")
        with page.expect_response("**/demo/reset"):
            page.get_by_role("button", name="Reset").click()
        # The buttons have no effect until the response is displayed.
        expect(page.get_by_role("button", name="Reset")).to_be_enabled()
        expect(page.get_by_role("heading", name="Good to see you")).to_be_visible()
        yield page


def test_approval_on_the_phone_signs_in_at_the_shop(page):
    shop, phone = page.get_by_role("region", name="The shop"), page.get_by_role("region", name="Anna's phone")
    shop.get_by_role("button", name="Sign in").click()
    expect(phone.get_by_role("heading", name="Sign in to Larkspur?")).to_be_visible()
    expect(phone.get_by_text("Anna, you are about to sign in")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Sign in to Larkspur?")
    phone.get_by_role("button", name="Approve").click()
    expect(shop.get_by_role("heading", name="Welcome back, Anna")).to_be_visible()
    expect(phone.get_by_role("heading", name="Approved")).to_be_visible()
    expect(page.get_by_role("region", name="What just happened")).to_contain_text("POST /demo/callback → 204")


def test_code_of_the_phone_signs_in_at_the_shop(page):
    shop, phone = page.get_by_role("region", name="The shop"), page.get_by_role("region", name="Anna's phone")
    shop.get_by_role("button", name="Code from the phone").click()
    expect(shop.get_by_text("Anna's phone shows six digits after the PIN.")).to_be_visible()
    expect(shop.get_by_role("button", name="Send it again")).to_be_hidden()
    expect(phone.get_by_role("button", name="Approve")).to_be_hidden()
    phone.get_by_label("PIN").fill("12345")
    phone.get_by_role("button", name="Show the code").click()
    code = phone.get_by_text(re.compile(r"^\d{6}$"))
    expect(code).to_be_visible()
    expect(phone.get_by_label("PIN")).to_be_hidden()
    shop.get_by_label("Code").fill(code.inner_text())
    shop.get_by_role("button", name="Continue").click()
    expect(shop.get_by_role("heading", name="Welcome back, Anna")).to_be_visible()
    expect(phone.get_by_text("Anna is enrolled.")).to_be_visible()


def test_page_can_be_used_with_the_keyboard(page):
    shop, phone = page.get_by_role("region", name="The shop"), page.get_by_role("region", name="Anna's phone")
    shop.get_by_role("button", name="Sign in").press("Enter")
    expect(shop.get_by_role("heading", name="Look at your phone")).to_be_focused()
    phone.get_by_role("button", name="Deny").press("Enter")
    expect(phone.get_by_role("heading", name="Denied")).to_be_focused()
    expect(shop.get_by_role("heading", name="Denied on the phone")).to_be_visible()


def test_wrong_pin_is_counted_and_correct_pin_signs_in(page):
    shop, phone = page.get_by_role("region", name="The shop"), page.get_by_role("region", name="Anna's phone")
    shop.get_by_role("button", name="With PIN").click()
    field = phone.get_by_label("PIN", exact=False)
    expect(phone.get_by_role("button", name="Fingerprint")).to_be_hidden()
    field.fill("54321")
    field.press("Enter")
    expect(phone.get_by_role("alert")).to_have_text("This PIN is wrong: 2 attempts left.")
    expect(field).to_be_focused()
    field.fill("12345")
    phone.get_by_role("button", name="Approve").click()
    expect(shop.get_by_role("heading", name="Welcome back, Anna")).to_be_visible()


def test_last_wrong_pin_disconnects_the_phone(page):
    shop, phone = page.get_by_role("region", name="The shop"), page.get_by_role("region", name="Anna's phone")
    shop.get_by_role("button", name="With PIN").click()
    field = phone.get_by_label("PIN", exact=False)
    for text in ("2 attempts left", "1 attempt left"):
        field.fill("54321")
        field.press("Enter")
        expect(phone.get_by_role("alert")).to_contain_text(text)
    field.fill("54321")
    field.press("Enter")
    expect(phone.get_by_role("heading", name="Disconnected")).to_be_visible()
    expect(shop.get_by_text("Too many wrong PINs.")).to_be_visible()
    phone.get_by_role("button", name="Enrol this phone again").click()
    expect(phone.get_by_text("Anna is enrolled")).to_be_visible()


def test_phone_with_openpgp_keys_signs_in(page):
    shop, phone = page.get_by_role("region", name="The shop"), page.get_by_role("region", name="Anna's phone")
    expect(phone.get_by_text("Keys: JOSE (P-256)")).to_be_visible()
    phone.get_by_role("button", name="Remove account").click()
    phone.get_by_role("button", name="Enrol with OpenPGP keys").click()
    expect(phone.get_by_text("Keys: OpenPGP (Curve25519)")).to_be_visible()
    expect(page.get_by_role("region", name="What just happened")).to_contain_text("OpenPGP (Curve25519)")
    shop.get_by_role("button", name="Sign in").click()
    phone.get_by_role("button", name="Approve").click()
    expect(shop.get_by_role("heading", name="Welcome back, Anna")).to_be_visible()


def test_fingerprint_signs_in_and_signs_a_payment(page):
    shop, phone = page.get_by_role("region", name="The shop"), page.get_by_role("region", name="Anna's phone")
    shop.get_by_role("button", name="With fingerprint").click()
    phone.get_by_role("button", name="Fingerprint").click()
    shop.get_by_role("button", name="Pay").click()
    expect(phone.get_by_text("IBAN NL02ABNA0123456789")).to_be_visible()
    phone.get_by_role("button", name="Fingerprint").click()
    expect(shop.get_by_role("heading", name="Paid")).to_be_visible()


def test_correct_code_is_accepted_after_a_wrong_one(page):
    shop, phone = page.get_by_role("region", name="The shop"), page.get_by_role("region", name="Anna's phone")
    shop.get_by_role("button", name="Text me a code").press("Enter")
    expect(phone.get_by_text("is your Larkspur code")).to_be_visible()
    code = re.search(r"\d{6}", phone.get_by_text("is your Larkspur code").inner_text())[0]
    field = shop.get_by_label("Code", exact=True)
    expect(field).to_be_focused()
    field.fill("000000" if code != "000000" else "111111")
    with page.expect_response("**/demo/verify") as response:
        field.press("Enter")
    assert response.value.json()["portal"]["attempts_left"] == 2
    expect(shop.get_by_role("alert")).to_have_text("This code is wrong: 2 attempts left.")
    field.fill(code)
    field.press("Enter")
    expect(shop.get_by_role("heading", name="Welcome back, Anna")).to_be_visible()


def test_resend_button_is_disabled_at_the_limit(page):
    shop, phone = page.get_by_role("region", name="The shop"), page.get_by_role("region", name="Anna's phone")
    shop.get_by_role("button", name="Text me a code").click()
    for number in (1, 2, 3):
        expect(phone.get_by_text("is your Larkspur code")).to_have_count(number)
        if number < 3:
            shop.get_by_role("button", name="Send it again").click()
    expect(shop.get_by_role("button", name="Send it again")).to_be_disabled()


def test_code_on_the_shops_page_is_scanned_and_approved(page):
    shop, phone = page.get_by_role("region", name="The shop"), page.get_by_role("region", name="Anna's phone")
    shop.get_by_role("button", name="Scan a code").click()
    picture = shop.get_by_role("img", name="The code to scan")
    expect(picture).to_be_visible()
    # The policy of the page forbids waiting for an expression.
    expect(picture).to_have_js_property("complete", value=True)
    phone.get_by_role("button", name="Scan").click()
    expect(phone.get_by_text("Anna, you are about to sign in")).to_be_visible()
    phone.get_by_role("button", name="Approve").click()
    expect(shop.get_by_role("heading", name="Welcome back, Anna")).to_be_visible()


@pytest.fixture
def eva(run):
    """Return a function that starts a transaction of another portal and user."""
    code = json.loads(run.command("enrollment_code", "eva", "demo", "--json"))["enrollment_code"]
    output = run.command("create_api_client", "--name", "Portal", "--api", "mobile_authentication", "--json")
    credentials = "{client_id}:{client_secret}".format(**json.loads(output))
    device = Device(run.base)
    device.enroll(code, application_id="demo", device_name="Eva")
    device.enroll_push("push-token-of-another-program")

    def start(**fields):
        fields = {"user_id": "eva", **fields}
        authorization = "Basic " + base64.b64encode(credentials.encode()).decode()
        request = urllib.request.Request(
            f"{run.base}/oauth/api/v4/authenticate/user", urlencode(fields).encode(), {"Authorization": authorization}
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            request, timeout=STEP_SECONDS
        ) as response:
            return json.load(response)

    start.device_id = device.device_id
    yield start
    device.unenroll()


def test_messages_for_other_devices_are_shown_and_announced(page, eva):
    others = page.get_by_role("region", name="Other devices")
    expect(others).to_be_hidden()
    eva(type="login", device_id=eva.device_id, callback_uri="http://127.0.0.1:9/", message="Sign in at another shop?")
    first = others.get_by_role("listitem").first
    expect(first).to_contain_text("Push")
    expect(first).to_contain_text("push-token-o…")
    expect(first).to_contain_text("Sign in at another shop?")
    expect(page.get_by_role("status")).to_contain_text("New message for another device. Sign in at another shop?")
    eva(type="login-sms", phone_number="+31612345678", message="Your code: {code}")
    expect(first).to_contain_text("+31612345678")
    expect(first).to_contain_text(re.compile(r"Your code: \d{6}"))
    expect(others.get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_role("region", name="Anna's phone")).to_contain_text("Nothing to approve")
    others.get_by_role("list").focus()
    expect(others.get_by_role("list")).to_be_focused()
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_narrow_page_does_not_scroll_horizontally(page):
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
