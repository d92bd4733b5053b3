"""The console without a mouse, on a wide screen and on one that is zoomed to 200 %."""

import pytest
from playwright.sync_api import expect

from apps.demo.sms_inbox import NUMBER
from tests.console.conftest import needs_browser

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120), needs_browser]

# Nobody should have to go through more stops than these to reach something.
MOST_STOPS = 60
ZOOMED = {"width": 640, "height": 450}


class Keyboard:
    """Fingers on Tab, Enter, Space, Escape and letters."""

    def __init__(self, page):
        self.page = page

    def type(self, text):
        """Type in place of what a field holds."""
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def press(self, key):
        self.page.keyboard.press(key)

    def go_to(self, wanted):
        """Press Tab until something has the focus, which a person must be able to see there."""
        for _ in range(MOST_STOPS):
            self.press("Tab")
            if wanted.evaluate("element => element === document.activeElement"):
                expect(wanted).to_be_in_viewport()
                assert wanted.evaluate(IS_MARKED), wanted
                return
        raise AssertionError(f"not reached with {MOST_STOPS} tabs: {wanted}")


# What has the focus is told from what has not by an outline, a shadow or a border.
IS_MARKED = """element => {
    const marks = () => {
        const style = getComputedStyle(element);
        return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor].join();
    };
    const focused = marks();
    element.blur();
    const plain = marks();
    element.focus({ focusVisible: true });
    return focused !== plain;
}"""


@pytest.fixture
def keyboard(demo, window):
    """The sign-in page of the demo's console, passed by the keyboard."""
    fingers = Keyboard(window)
    window.goto("/admin/login/")
    window.locator("[name=username]").evaluate("field => field.blur()")
    fingers.go_to(window.locator("[name=username]"))
    fingers.type("admin")
    fingers.go_to(window.locator("[name=password]"))
    fingers.type(demo.password)
    fingers.go_to(window.get_by_role("button", name="Log in"))
    fingers.press("Space")
    window.wait_for_url(lambda url: "/login/" not in url)
    return fingers


def test_a_form_is_opened_changed_and_saved_and_its_button_pressed(keyboard, window):
    keyboard.go_to(window.locator("#nav-sidebar").get_by_role("link", name="Mobile authentication types"))
    keyboard.press("Enter")
    keyboard.go_to(window.locator("#result_list").get_by_role("link", name="login-sms", exact=True).first)
    keyboard.press("Enter")
    keyboard.go_to(window.locator("[name=max_resends]"))
    keyboard.type("7")
    keyboard.go_to(window.get_by_role("button", name="Save", exact=True))
    keyboard.press("Space")
    expect(window.get_by_text("was changed successfully")).to_be_visible()
    keyboard.go_to(window.locator("#result_list").get_by_role("link", name="login-sms", exact=True).first)
    keyboard.press("Enter")
    expect(window.locator("[name=max_resends]")).to_have_value("7")

    keyboard.go_to(window.get_by_role("link", name="Send test SMS"))
    keyboard.press("Enter")
    keyboard.go_to(window.get_by_label("Phone number"))
    keyboard.type(NUMBER)
    keyboard.go_to(window.get_by_role("button", name="Send test SMS"))
    keyboard.press("Enter")
    expect(window.get_by_text("The gateway “rest” took the message")).to_be_visible()


def test_a_choice_brings_its_fields_and_a_row_is_added(keyboard, window):
    window.goto("/admin/transactions/mobileauthenticationtype/add/")
    method, attempts = window.locator("[name=method]"), window.locator("[name=max_attempts]")
    keyboard.go_to(method)
    keyboard.press("S")
    expect(method).to_have_value("sms")
    keyboard.go_to(attempts)
    window.goto("/admin/applications/application/add/")
    keyboard.go_to(window.get_by_role("link", name="Add another"))
    keyboard.press("Enter")
    keyboard.go_to(window.locator("[name=versions-0-version]"))
    keyboard.go_to(window.locator("[name=versions-0-push_messaging_configuration]"))


def test_the_menu_of_a_zoomed_page_is_opened_and_followed(keyboard, window):
    window.set_viewport_size(ZOOMED)
    window.goto("/admin/")
    menu = window.locator("#nav-sidebar")
    expect(menu).not_to_be_in_viewport()
    keyboard.go_to(window.get_by_role("button", name="Show or hide the menu"))
    keyboard.press("Enter")
    expect(menu).to_be_in_viewport()
    keyboard.go_to(menu.get_by_role("link", name="API clients"))
    keyboard.press("Enter")
    window.wait_for_url("**/apiclient/")


def test_the_account_is_opened_closed_and_left(keyboard, window):
    account = window.get_by_role("button", name="admin")
    out = window.get_by_role("button", name="Log out")
    keyboard.go_to(account)
    expect(account).to_have_attribute("aria-expanded", "false")
    keyboard.press("Enter")
    expect(account).to_have_attribute("aria-expanded", "true")
    dark = window.get_by_role("button", name="Dark")
    keyboard.go_to(dark)
    keyboard.press("Space")
    expect(dark).to_have_attribute("aria-pressed", "true")
    expect(window.locator("html")).to_have_class("dark")
    keyboard.press("Escape")
    expect(account).to_be_focused()
    expect(out).not_to_be_visible()
    keyboard.press("Space")
    keyboard.go_to(out)
    keyboard.press("Enter")
    window.wait_for_url("**/logout/")
