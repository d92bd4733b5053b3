"""End-to-end tests of the console with the keyboard, on a wide screen and at 200 % zoom."""

import pytest
from playwright.sync_api import expect

from apps.demo.sms_inbox import NUMBER
from tests.browsers import needs_browser

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120), needs_browser]

# The maximum number of tab stops to reach an element.
MAX_TAB_STOPS = 60
ZOOMED = {"width": 640, "height": 450}


class Keyboard:
    """Keyboard input in a browser page."""

    def __init__(self, page):
        self.page = page

    def type(self, text):
        """Replace the content of the focused field."""
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def press(self, key):
        self.page.keyboard.press(key)

    def go_to(self, element):
        """Press Tab until the element has the focus, and assert that the focus is visible."""
        for _ in range(MAX_TAB_STOPS):
            self.press("Tab")
            if element.evaluate("element => element === document.activeElement"):
                expect(element).to_be_in_viewport()
                assert element.evaluate(HAS_VISIBLE_FOCUS), element
                return
        raise AssertionError(f"not reached with {MAX_TAB_STOPS} tabs: {element}")


# A visible focus changes the outline, shadow or border of an element.
HAS_VISIBLE_FOCUS = """element => {
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
    """The demo's console after signing in with the keyboard."""
    keyboard = Keyboard(window)
    window.goto("/admin/login/")
    window.locator("[name=username]").evaluate("field => field.blur()")
    keyboard.go_to(window.locator("[name=username]"))
    keyboard.type("admin")
    keyboard.go_to(window.locator("[name=password]"))
    keyboard.type(demo.password)
    keyboard.go_to(window.get_by_role("button", name="Log in"))
    keyboard.press("Space")
    window.wait_for_url(lambda url: "/login/" not in url)
    return keyboard


def test_keyboard_opens_changes_and_saves_form(keyboard, window):
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
    expect(window.get_by_text("The gateway “rest” accepted the message")).to_be_visible()


def test_keyboard_reaches_dynamic_fields_and_adds_row(keyboard, window):
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


def test_keyboard_opens_menu_of_zoomed_page(keyboard, window):
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


def test_keyboard_operates_account_menu(keyboard, window):
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
