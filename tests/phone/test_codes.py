"""Code to phone on the web phone: the code is shown after the authenticator, and the portal verifies it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.phone.browser import OTHER_PIN, PIN

pytestmark = [pytest.mark.processes, needs_browser]


def open_request(phone):
    phone.wake()
    phone.page.get_by_role("button", name="Open", exact=True).click()
    expect(phone.page.get_by_role("timer")).to_have_text(re.compile(r"\d:\d\d"))


def shown_code(phone):
    phone.title("Your code")
    code = phone.page.locator("output")
    expect(code).to_have_text(re.compile(r"^\d{6}$"))
    expect(phone.page.get_by_role("button", name=re.compile("Approve"))).to_have_count(0)
    return code.inner_text()


def test_code_is_shown_and_verified_by_the_portal(phone, phone_site):
    phone.enroll("cora")
    transaction = phone_site.start("cora", "code")
    open_request(phone)
    code = shown_code(phone)
    phone_site.verify("cora", transaction, code)
    # The open app polls, and notices that the request has ended.
    phone.wake()
    phone.title("Code no longer needed")
    phone.press("Done")
    transaction = phone_site.start("cora", "code-pin")
    open_request(phone)
    phone.title("Show the code?")
    expect(phone.page.locator("output")).to_have_count(0)
    phone.press("Show the code with PIN")
    phone.enter_pin(OTHER_PIN, "Show the code")
    expect(phone.page.get_by_role("alert")).to_contain_text("Wrong PIN.")
    phone.enter_pin(PIN, "Show the code")
    code = shown_code(phone)
    expect(phone.page.locator("output")).to_be_focused()
    stored = "JSON.stringify([location.href, history.state, {...localStorage}, {...sessionStorage}])"
    assert code not in phone.page.evaluate(stored)
    assert not any(code in entry for entry in [*phone.requests, *phone.logged])
    phone_site.verify("cora", transaction, code)
    assert phone_site.result(transaction)["status"] == "authenticated"
    phone.wake()
    phone.title("Code no longer needed")


def test_request_with_a_code_is_denied(phone, phone_site):
    phone.enroll("dora")
    transaction = phone_site.start("dora", "code-pin")
    open_request(phone)
    phone.press("Show the code with PIN")
    phone.enter_pin(PIN, "Show the code")
    shown_code(phone)
    phone.press("Deny")
    phone.title("Denied")
    assert phone_site.result(transaction)["status"] == "not_authenticated"
    phone.press("Done")
    phone_site.start("dora", "code-short")
    open_request(phone)
    shown_code(phone)
    phone.title("Too late")
