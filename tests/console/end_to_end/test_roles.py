"""End-to-end tests of the roles operator and helpdesk, from the first sign-in."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.console.end_to_end.pages import Console, sign_in_for_the_first_time
from tests.demo.running import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120), needs_browser]

CONFIGURATION = [
    *("General", "Push messaging configuration", "Mobile authentication types", "Callback endpoints"),
    *(
        "Confirmation template",
        "Keycloak integrations",
        "Applications",
        "API clients",
        "Features",
        "Proxy",
        "Geolocation",
        "Staff accounts",
    ),
    "Check configuration",
]
# Buttons that change or send something. The configuration check does neither.
CHANGES = re.compile(r"^(Save|Add|Delete|New|Remove|Send|Cancel|Revoke|Disconnect|Enrol|Unlock)\b", re.IGNORECASE)
BUTTONS = ":is(a, button, [type=submit]):not(#nav-sidebar *):visible"
FIELDS = ":is(input, select, textarea):not(#nav-sidebar *):visible:enabled"


def signed_in(demo, window, role):
    """Create a staff account and sign in."""
    name = f"walker-{role}"
    account = json.loads(demo.command("create_staff", name, "--role", role, "--json"))
    sign_in_for_the_first_time(window, name, {name: account["password"]})
    return Console(window)


def change_buttons(page):
    """Return the labels of the page's buttons that change something, without their symbols."""
    page.locator(".material-symbols-outlined").evaluate_all("all => all.forEach(one => one.remove())")
    texts = [text.strip() for text in page.locator(BUTTONS).all_inner_texts()]
    return [text for text in texts if CHANGES.match(text)]


def editable_fields(page):
    """Return the names of the fields that can be filled in and submitted."""
    of_posts = "all => all.filter(one => one.form?.method === 'post').map(one => one.name)"
    return page.locator(FIELDS).evaluate_all(of_posts)


def assert_nothing_to_change(page):
    assert change_buttons(page) == [], page.url
    assert editable_fields(page) == [], page.url


def assert_read_only(console, menu):
    """Open every menu item and the first row of each list, and assert that nothing can be changed."""
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


def test_operator_views_every_page_read_only(demo, window):
    Visitor(demo.base).start_over().answer("approve")
    console = signed_in(demo, window, "operator")
    assert_read_only(console, ["Start", *CONFIGURATION, "Users", "Transactions", "Activity"])
    window.goto("/admin/configuration-file/")
    with window.expect_download() as download:
        window.get_by_role("link", name="Export as JSON").click()
    assert "general" in json.loads(download.value.path().read_text())
    assert_nothing_to_change(window)

    window.goto("/admin/events/event/?event_type=PUSH_AUTH_CALLBACK_SENT")
    delivered = window.locator("#result_list tbody tr").filter(has_text="Callback delivered").first
    delivered.locator("a[href*='/change/']").first.click()
    expect(window.locator("tr").filter(has_text="HTTP status")).to_contain_text("204")
    window.locator("#content").get_by_role("link", name="anna", exact=True).click()
    expect(window.get_by_role("heading", name="Latest events of this user")).to_be_visible()


def test_helpdesk_views_users_and_transactions_read_only(demo, window):
    Visitor(demo.base).start_over().answer("deny")
    console = signed_in(demo, window, "helpdesk")
    assert_read_only(console, ["Start", "Users", "Transactions"])
    console.open_user("anna")
    expect(window.locator("#result_list tbody tr").first).to_be_visible()
    events = window.locator("section").filter(has=window.get_by_role("heading", name="Latest events of this user"))
    expect(events).to_contain_text("User not authenticated")
    assert 0 < events.locator("li").count() <= 20
    assert_nothing_to_change(window)
    window.get_by_role("link", name="Transactions of this user").click()
    expect(window.get_by_role("heading", name="Transactions", exact=True)).to_be_visible()
    assert_filters_work(console)
    assert_search_works(console)


def assert_filters_work(console):
    """Assert that the list of transactions shows and filters reasons and states of callbacks."""
    window = console.page
    rows = window.locator("#result_list tbody tr")
    for state, is_found in (("delivered", True), ("given up", False)):
        console.open("Transactions")
        window.locator("a", has_text="Filters").click()
        console.choose(reason="User rejected push", callback=state)
        window.get_by_role("button", name="Apply Filters").click()
        window.wait_for_url("**reason=not_accepted**")
        if is_found:
            expect(rows.filter(has_text="User rejected push").filter(has_text=state)).to_have_count(rows.count())
        assert (rows.count() > 0) is is_found


def assert_search_works(console):
    """Assert that users are found by the beginning of their id and of the name of their device."""
    window = console.page
    for text in ("ann", "Anna's ph"):
        console.open("Users")
        search = window.get_by_role("textbox", name="User ID, or the beginning")
        search.fill(text)
        search.press("Enter")
        expect(window.get_by_text(f"No user has exactly the ID “{text}”.")).to_be_visible()
        expect(window.locator("#result_list tbody tr").filter(has_text="Anna's phone")).to_contain_text("anna")


def test_administrator_sees_buttons_and_fields(demo, admin_window):
    """Verify the selectors of the tests above with an account that can change everything."""
    Visitor(demo.base).start_over().answer("approve")
    window = admin_window
    window.goto("/admin/")
    console = Console(window)
    for title, on_the_list in (("API clients", "Add API client"), ("Users", "Enrol a device")):
        console.open(title)
        assert on_the_list in change_buttons(window)
        window.locator("#result_list tbody a[href*='/change/']").first.click()
        window.wait_for_url("**/change/**")
        assert len(change_buttons(window)) >= 3
    console.open("General")
    assert "Save" in change_buttons(window)
    assert editable_fields(window)
