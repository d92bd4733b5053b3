"""The PIN on the web phone: choice, buttons, wrong attempts, change, disconnection, removal."""

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.phone.browser import OTHER_PIN, PIN
from tests.phone.site import MAX_PIN_ATTEMPTS

pytestmark = [pytest.mark.processes, needs_browser]


def test_simple_short_and_different_pins_are_rejected(phone):
    phone.add("gina")
    alert = phone.page.get_by_role("alert")
    for pin, text in [("1234", "at least 5 digits"), ("23456", "easy to guess"), ("00000", "easy to guess")]:
        phone.enter_pin(pin, "Continue", "Choose a PIN")
        expect(alert).to_contain_text(text)
    phone.enter_pin(PIN, "Continue", "Choose a PIN")
    phone.enter_pin(OTHER_PIN, "Set PIN", "Repeat the PIN")
    expect(alert).to_contain_text("different")
    expect(phone.page.get_by_label("Choose a PIN")).to_be_focused()
    phone.set_pin()
    phone.title("Notifications")


def test_pin_of_the_buttons_approves(phone, phone_site):
    phone.enroll("hugo")
    transaction = phone_site.start("hugo", "login-pin")
    phone.home()
    phone.show_request()
    phone.press("Approve with PIN")
    field = phone.page.get_by_label("PIN", exact=True)
    for name in ("9", "Clear", *PIN, "1", "Delete the last digit"):
        phone.press(name)
    expect(field).to_have_value(PIN)
    assert field.get_attribute("type") == "password"
    field.press("Enter")
    phone.title("Approved")
    assert phone_site.result(transaction)["is_authenticated"]


def test_pin_is_changed_with_the_current_one(phone, phone_site):
    phone.enroll("ines")
    phone.page.get_by_role("button", name="Manage: Shop").click()
    phone.press("Change PIN")
    phone.enter_pin(PIN, "Continue", "Current PIN")
    phone.enter_pin(OTHER_PIN, "Continue", "Choose a PIN")
    phone.enter_pin(OTHER_PIN, "Set PIN", "Repeat the PIN")
    phone.title("Shop")
    phone_site.start("ines", "login-pin")
    phone.home()
    phone.show_request()
    phone.press("Approve with PIN")
    phone.enter_pin(PIN, "Approve")
    expect(phone.page.get_by_role("alert")).to_have_text("Wrong PIN. 2 attempts left.")
    phone.enter_pin(OTHER_PIN, "Approve")
    phone.title("Approved")


def test_last_wrong_pin_disconnects_and_the_account_can_be_added_again(phone, phone_site):
    phone.enroll("jan")
    transaction = phone_site.start("jan", "login-pin")
    phone.home()
    phone.show_request()
    phone.press("Approve with PIN")
    for left in range(MAX_PIN_ATTEMPTS - 1, 0, -1):
        phone.enter_pin(OTHER_PIN, "Approve")
        expect(phone.page.get_by_role("alert")).to_contain_text(f"{left} attempt")
        expect(phone.page.get_by_label("PIN", exact=True)).to_be_focused()
    phone.enter_pin(OTHER_PIN, "Approve")
    phone.title("Disconnected")
    assert phone_site.result(transaction)["status"] == "not_authenticated"
    assert phone.stored_keys() == []
    phone.press("Done")
    phone.page.get_by_role("button", name="Open: Shop").click()
    expect(phone.page.get_by_text("There were too many wrong PINs.")).to_be_visible()
    phone.press("Add this account again")
    phone.title("Add an account")
    phone.enroll("jan")
    expect(phone.page.get_by_text("Disconnected")).to_have_count(0)
    phone_site.start("jan", "login-pin")


def test_removed_account_is_removed_from_the_server(phone, phone_site):
    phone.enroll("kim")
    phone.page.get_by_role("button", name="Manage: Shop").click()
    phone.press("Remove account")
    phone.title("Remove this account?")
    phone.press("Cancel")
    phone.press("Remove account")
    phone.press("Remove")
    phone.title("Your accounts")
    expect(phone.page.get_by_text("No account yet")).to_be_visible()
    assert phone_site.devices("kim") == []
    assert phone.stored_keys() == []
