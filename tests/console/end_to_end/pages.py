"""Actions on the console's pages: open menu items, fill in forms, press buttons."""

import json
import re
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.flows.waiting import wait_until

# A browser at 200 % zoom on a 1280 px screen has 640 px; 420 px is a phone.
NARROW = (640, 420)
WIDE = {"width": 1280, "height": 900}
FIND_OUTSIDE = """() => [...document.querySelectorAll("body *:not(#nav-sidebar, #nav-sidebar *)")]
    .filter((one) => one.getClientRects().length && one.getBoundingClientRect().right > window.innerWidth + 1)
    .map((one) => one.outerHTML.slice(0, 200))"""


def assert_fits(page):
    """Assert that the current page fits into zoomed and small windows."""
    for width in NARROW:
        page.set_viewport_size({"width": width, "height": WIDE["height"]})
        assert page.evaluate(FIND_OUTSIDE) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size(WIDE)


def sign_in(page, name, password):
    page.goto("/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login/" not in url)


def sign_in_for_the_first_time(page, name, passwords):
    """Sign in with the initial password and choose a new one, as the console requires."""
    sign_in(page, name, passwords[name])
    expect(page.get_by_text("Choose a new password to continue.")).to_be_visible()
    page.get_by_label("Old password").fill(passwords[name])
    passwords[name] = f"a password of {name}'s own"
    for field in page.get_by_label("New password").all():
        field.fill(passwords[name])
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password was changed.")).to_be_visible()


COUNT_CLICKS = """
    const add = (number) => { sessionStorage.clicks = Number(sessionStorage.clicks || 0) + number; };
    addEventListener("click", (event) => event.isTrusted && event.detail > 0 && add(1), true);
    addEventListener("change", (event) => event.target.matches("select, input[type=file]") && add(2), true);
"""


def count_clicks(page):
    """Return a function that returns the number of clicks from now on.

    A choice in a select or of a file counts as two. Text fields are entered with the keyboard.
    """
    page.add_init_script(COUNT_CLICKS)
    page.reload()
    return lambda: page.evaluate("Number(sessionStorage.clicks)")


class Console:
    """Console in a browser window."""

    def __init__(self, page):
        self.page = page
        # The paths of the pressed buttons, with ID in place of a row's id.
        self.pressed = []

    def open(self, title):
        """Open a page by its menu item."""
        self.page.locator("#nav-sidebar").get_by_role("link", name=title, exact=True).click()
        expect(self.page.get_by_role("heading", name=title, exact=True).first).to_be_visible()

    def add(self, title):
        """Open the add form of a list."""
        self.open(title)
        self.page.locator("a[href$='/add/']").first.click()
        self.page.wait_for_url("**/add/**")

    def field(self, name):
        return self.page.locator(f"[name={name}]:not([type=hidden])")

    def fill(self, **fields):
        for name, value in fields.items():
            self.field(name).fill(str(value))

    def choose(self, **fields):
        """Select options by their labels."""
        for name, label in fields.items():
            self.field(name).select_option(label=label)

    def save(self, message="was added successfully"):
        self.page.get_by_role("button", name="Save", exact=True).click()
        expect(self.page.get_by_text(message)).to_be_visible()

    def follow(self, name):
        """Press a button of a page or its heading that opens another page."""
        button = self.page.locator("a:not(#nav-sidebar *)").filter(has_text=name).first
        path = urlsplit(button.get_attribute("href")).path
        self.pressed.append(re.sub(r"/[0-9a-f-]*[0-9][0-9a-f-]*/", "/ID/", path))
        button.click()

    def press(self, name, *, message=""):
        """Press a button and confirm it, then wait for `message`."""
        self.follow(name)
        self.page.locator("form[method=post] button[type=submit]").last.click()
        if message:
            expect(self.page.get_by_text(message)).to_be_visible()

    def next_step(self, title):
        """Follow the link to the next step of the setup."""
        link = self.page.locator(".console-setup a")
        expect(link).to_have_text(title)
        link.click()

    def create_push_configuration(self, name, account, endpoint):
        self.add("Push messaging configuration")
        self.fill_push_configuration(name, account, endpoint)

    def fill_push_configuration(self, name, account, endpoint):
        self.fill(name=name, endpoint=endpoint)
        self.choose(platform="Android")
        upload = {"name": "key.json", "mimeType": "application/json", "buffer": json.dumps(account).encode()}
        self.field("service_account_file").set_input_files(upload)
        self.save()

    def create_application(self, name, identifier, configuration=None):
        """Create an application with version 1.0.0 for Android and an optional push messaging configuration."""
        self.add("Applications")
        self.fill_application(name, identifier, configuration)

    def fill_application(self, name, identifier, configuration=None):
        self.fill(name=name, identifier=identifier)
        self.page.get_by_role("link", name="Add another").click()
        self.fill(**{"versions-0-version": "1.0.0"})
        if configuration:
            self.choose(**{"versions-0-push_messaging_configuration": configuration})
        self.save()

    def create_type(self, name, method, *, fallback=None, **fields):
        self.add("Mobile authentication types")
        self.fill(name=name)
        self.choose(method=method)
        if fallback:
            self.choose(fallback=fallback)
        self.fill(**fields)
        self.save()

    def create_client(self, name, client_id, *apis):
        """Create an API client and return its secret, which is shown once."""
        self.add("API clients")
        secret = self.fill_client(name, client_id, *apis)
        self.page.get_by_role("link", name="I have copied it").click()
        expect(self.page.get_by_text(secret)).to_have_count(0)
        return secret

    def fill_client(self, name, client_id, *apis):
        self.fill(name=name, client_id=client_id)
        for api in apis:
            self.page.get_by_label(api).check()
        self.page.get_by_role("button", name="Save", exact=True).click()
        secret = self.page.locator("#client-secret").inner_text()
        assert_fits(self.page)
        return secret

    def create_endpoint(self, url, username="", password=""):
        self.add("Callback endpoints")
        self.fill(url=url, username=username, new_password=password)
        self.save()

    def create_enrollment_code(self, user_id, application):
        """Create an enrolment code and return its link."""
        self.open("Users")
        self.follow("Enrol a device")
        link = self.fill_enrollment(user_id, application)
        self.page.get_by_role("link", name="Done").click()
        return link

    def fill_enrollment(self, user_id, application):
        self.page.get_by_label("User ID").fill(user_id)
        self.page.get_by_label("Application").select_option(label=application)
        self.page.get_by_role("button", name="Create code").click()
        link = self.page.locator("#enrollment-link").inner_text()
        expect(self.page.get_by_role("img", name="QR code with the enrolment link")).to_be_visible()
        assert_fits(self.page)
        return link

    def open_row(self, title, text):
        """Open the row of a list with this text."""
        self.open(title)
        self.page.locator("#result_list").get_by_role("link", name=text, exact=True).first.click()
        self.page.wait_for_url("**/change/**")

    def open_user(self, user_id):
        """Search for a user."""
        self.open("Users")
        self.page.get_by_role("textbox", name="User ID, or the beginning").fill(user_id)
        self.page.get_by_role("textbox", name="User ID, or the beginning").press("Enter")
        expect(self.page.get_by_role("heading", name="Latest events of this user")).to_be_visible()

    def open_transaction(self, transaction_id):
        """Open a transaction from the list."""
        self.open("Transactions")
        self.page.locator("#result_list").get_by_role("link").filter(
            has=self.page.locator(f"xpath=self::a[contains(@href, '{transaction_id}')]")
        ).first.click()
        expect(self.page.get_by_role("heading", name="Timeline")).to_be_visible()

    def timeline(self):
        return self.page.locator(".console-timeline strong").all_inner_texts()

    def read_timeline(self, transaction_id, *, until):
        """Open a transaction, reload it until the line `until` appears, and return all lines."""
        self.open_transaction(transaction_id)

        def read():
            lines = self.timeline()
            if until in lines:
                return lines
            self.page.reload()
            return None

        return wait_until(read)


def code_in(text):
    return re.search(r"\b\d{6}\b", text)[0]
