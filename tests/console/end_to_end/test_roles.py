"""The console as an operator and as somebody of the helpdesk sees it, from the first sign-in on."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.console.conftest import enter, needs_browser
from tests.console.end_to_end.pages import Console, sign_in_for_the_first_time
from tests.demo.running import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120), needs_browser]

CONFIGURATION = [
    *("General", "Push messaging configuration", "Mobile authentication types", "Callback endpoints"),
    *("Confirmation template", "Applications", "API clients", "Features", "Proxy", "Geolocation", "Staff accounts"),
    "Check configuration",
]
# What changes or sends something, and what only administrators do. A check of the configuration does neither.
CHANGES = re.compile(r"^(Save|Add|Delete|New|Remove|Send|Cancel|Revoke|Disconnect|Enrol|Unlock)\b", re.IGNORECASE)
BUTTONS = ":is(a, button, [type=submit]):not(#nav-sidebar *):visible"
FIELDS = ":is(input, select, textarea):not(#nav-sidebar *):visible:enabled"


def signed_in(demo, window, role):
    """Hire somebody, who signs in."""
    name = f"walker-{role}"
    made = json.loads(demo.command("create_staff", name, "--role", role, "--json"))
    sign_in_for_the_first_time(window, name, {name: made["password"]})
    return Console(window)


def changes_offered(page):
    """Return what a page offers to change, by the names of its buttons without their symbols."""
    page.locator(".material-symbols-outlined").evaluate_all("all => all.forEach(one => one.remove())")
    texts = [text.strip() for text in page.locator(BUTTONS).all_inner_texts()]
    return [text for text in texts if CHANGES.match(text)]


def fields_to_send(page):
    """Return the names of the fields that a person could fill in and send."""
    of_posts = "all => all.filter(one => one.form?.method === 'post').map(one => one.name)"
    return page.locator(FIELDS).evaluate_all(of_posts)


def assert_nothing_to_change(page):
    assert changes_offered(page) == [], page.url
    assert fields_to_send(page) == [], page.url


def assert_only_looks(console, menu):
    """Go through the menu, and on each page into the first row."""
    window = console.page
    names = [re.sub(r"^\w+\n", "", text.strip()) for text in window.locator("#nav-sidebar ol a").all_inner_texts()]
    assert names == menu
    for title in names[1:]:
        console.open(title)
        assert_nothing_to_change(window)
        row = window.locator("#result_list tbody a[href*='/change/']").first
        if row.count():
            row.click()
            window.wait_for_url("**/change/**")
            expect(window.get_by_text("Read-only: you can view this page but not change it.")).to_be_visible()
            assert_nothing_to_change(window)


def test_an_operator_finds_every_page_and_nothing_to_change(demo, window):
    Visitor(demo.base).start_over().answer("approve")
    assert_only_looks(
        signed_in(demo, window, "operator"), ["Start", *CONFIGURATION, "Users", "Transactions", "Activity"]
    )


def test_the_helpdesk_finds_users_and_transactions_and_nothing_to_change(demo, window):
    Visitor(demo.base).start_over().answer("deny")
    console = signed_in(demo, window, "helpdesk")
    assert_only_looks(console, ["Start", "Users", "Transactions"])
    console.open_user("anna")
    expect(window.locator("#result_list tbody tr").first).to_be_visible()
    events = window.locator("section").filter(has=window.get_by_role("heading", name="Latest events of this user"))
    expect(events).to_contain_text("MOBILE AUTH NOT AUTHENTICATED")
    assert 0 < events.locator("li").count() <= 20
    assert_nothing_to_change(window)
    window.get_by_role("link", name="Transactions of this user").click()
    expect(window.get_by_role("heading", name="Transactions", exact=True)).to_be_visible()


def test_an_administrator_is_offered_there_what_the_others_are_not(demo, window):
    """What the tests above look for is found where it is."""
    Visitor(demo.base).start_over().answer("approve")
    enter(window, "admin", demo.password)
    console = Console(window)
    for title, on_the_list in (("API clients", "Add API client"), ("Users", "Enrol a device")):
        console.open(title)
        assert on_the_list in changes_offered(window)
        window.locator("#result_list tbody a[href*='/change/']").first.click()
        window.wait_for_url("**/change/**")
        assert len(changes_offered(window)) >= 3
    console.open("General")
    assert "Save" in changes_offered(window)
    assert fields_to_send(window)
