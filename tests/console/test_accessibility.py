"""What keeps people from using the console: axe-core and a look for cut texts, on every page in every size."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from tests.console.conftest import enter, needs_browser
from tests.demo.running import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240), needs_browser]

LISTS = [
    *("/admin/system/features/", "/admin/system/generalconfiguration/", "/admin/system/apnsproxy/"),
    *("/admin/geocontext/geolocation/", "/admin/geocontext/confirmationtemplate/"),
    *("/admin/push/pushmessagingconfiguration/", "/admin/transactions/mobileauthenticationtype/"),
    *("/admin/callbacks/callbackendpoint/", "/admin/callbacks/callbackdelivery/"),
    *("/admin/applications/application/", "/admin/applications/apiclient/", "/admin/auth/user/"),
    *("/admin/enrollment/profile/", "/admin/transactions/transaction/", "/admin/transactions/smsusage/"),
    "/admin/events/event/",
]
OTHERS = [
    *("/admin/", "/admin/nothing/here/", "/admin/sms/send-test/", "/admin/check-configuration/"),
    *("/admin/password_change/", "/admin/second-factor/", "/admin/second-factor/app/"),
]
# A browser that is zoomed to 200 % on a screen of 1280 px lays its pages out in 640.
WIDE, ZOOMED, PHONE = 1280, 640, 420
DARK, LIGHT = (f"document.documentElement.classList.{what}('dark')" for what in ("add", "remove"))
LOOK = "async only => (await axe.run(only ? {runOnly: {type: 'rule', values: [only]}} : {})).violations"
# Texts whose end cannot be reached, because their box is too small for them and does not scroll.
CUT_OFF = """() => [...document.querySelectorAll("#content *, .console-heading *")].filter((element) => {
    const style = getComputedStyle(element);
    const hides = [style.overflowX, style.overflowY].some((overflow) => ["hidden", "clip"].includes(overflow));
    const isMeant = style.textOverflow === "ellipsis" || element.closest(".console-visually-hidden, .sr-only, select");
    return hides && !isMeant && element.innerText?.trim() && element.getClientRects().length
        && element.scrollWidth > element.clientWidth + 1;
}).map((element) => element.outerHTML.slice(0, 200))"""
WIDER_THAN_WINDOW = "document.documentElement.scrollWidth - window.innerWidth"
SCROLLED = "[...document.querySelectorAll('*')].filter((one) => one.scrollTop).length"
STILL = "*, *::before, *::after { transition: none !important; animation: none !important; }"


@pytest.fixture(scope="module")
def used_demo(demo):
    """The demo after a login, a refusal and a text message, so that no list is empty."""
    visitor = Visitor(demo.base).start_over()
    visitor.answer("approve")
    visitor.answer("deny")
    visitor.receive_code()
    return demo


@pytest.fixture
def console_window(used_demo, window):
    """The console in a browser, with the password confirmed that the second factor's pages ask for."""
    enter(window, "admin", used_demo.password)
    window.goto("/admin/second-factor/password/")
    window.locator("#content [name=password]").fill(used_demo.password)
    window.locator("#content [name=password]").press("Enter")
    window.wait_for_url(lambda url: "/password/" not in url)
    return window


def rows_pages(page, path):
    """Return the pages of a list's first row, if there is one: its form, its history, and what its buttons ask."""
    row = page.locator("#result_list tbody a[href*='/change/']").first
    if not row.count():
        return []
    change = row.get_attribute("href").split("?")[0]
    page.goto(change)
    below = change.removesuffix("change/")
    links = page.locator(f"#main a[href^='{below}'], #content a[href^='{below}']")
    found = {link.split("?")[0].split("#")[0] for link in links.evaluate_all("all => all.map(one => one.pathname)")}
    return [change, *sorted(found - {change})]


def every_page(page):
    """Yield the addresses of all pages, going from each list to its first row; the page is where the list was."""
    yield from OTHERS
    for path in LISTS:
        page.goto(path)
        adds = page.locator(f"a[href$='{path}add/']").count()
        yield path
        yield from rows_pages(page, path)
        if adds:
            yield f"{path}add/"


def open_all(page):
    """Unfold what a page keeps folded."""
    page.locator("#content details > summary, .console-preview-button[aria-expanded=false]").evaluate_all(
        "all => all.forEach(one => one.click())"
    )


def violations(page, only=None):
    return [
        f"{found['id']} ({found['impact']}): {found['nodes'][0]['html'][:200]} {found['nodes'][0]['failureSummary']}"
        for found in page.evaluate(LOOK, only)
        if found["impact"] in ("serious", "critical")
    ]


def cut_off(page):
    wider = ["the page is wider than the window"] if page.evaluate(WIDER_THAN_WINDOW) > 0 else []
    return wider + [f"cut off: {element}" for element in page.evaluate(CUT_OFF)]


def look_at(page, path):
    """Return what is wrong with a page: in a wide window, light and dark, zoomed, and on a phone."""
    page.set_viewport_size({"width": WIDE, "height": 900})
    page.goto(path)
    page.add_style_tag(content=STILL)
    page.evaluate(AXE_SCRIPT)
    open_all(page)
    found = violations(page)
    page.evaluate(DARK)
    found += [f"dark: {text}" for text in violations(page, "color-contrast")]
    page.evaluate(LIGHT)
    for width in (ZOOMED, PHONE):
        page.set_viewport_size({"width": width, "height": 700})
        found += [f"{width} px: {text}" for text in cut_off(page)]
    return found + [f"{PHONE} px: {text}" for text in violations(page)]


def test_nothing_serious_stands_between_people_and_any_page(console_window):
    pages = list(every_page(console_window))
    assert len(pages) > 45
    found = [f"{path} {text}" for path in pages for text in look_at(console_window, path)]
    assert not found, "\n".join(found)


def test_the_words_that_symbols_are_made_of_are_not_read_aloud(console_window):
    page = console_window
    page.goto("/admin/applications/application/")
    expect(page.get_by_role("link", name="Add application", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="API clients", exact=True)).to_be_visible()


def test_the_menu_shows_where_one_is_in_a_window_that_is_lower_than_the_menu(console_window):
    page = console_window
    page.set_viewport_size({"width": 1280, "height": 600})
    for path in ("/admin/events/event/", "/admin/transactions/smsusage/", "/admin/system/features/"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        menu, place = (
            page.locator(which).bounding_box() for which in (".console-menu", ".console-menu-item[aria-current]")
        )
        assert menu["y"] <= place["y"], path
        assert place["y"] + place["height"] <= menu["y"] + menu["height"], path
        assert page.evaluate(SCROLLED) == 1, path


def test_axe_finds_nothing_serious_where_one_signs_in(window):
    assert look_at(window, "/admin/login/") == []


def test_axe_finds_nothing_serious_in_what_a_button_brings(console_window):
    page = console_window
    page.goto("/admin/check-configuration/")
    page.get_by_role("button", name="Check configuration").click()
    expect(page.locator(".console-findings")).to_be_visible()
    page.evaluate(AXE_SCRIPT)
    assert violations(page) == []
    page.goto("/admin/sms/send-test/")
    page.get_by_label("Phone number").fill("12")
    page.get_by_role("button", name="Send test SMS").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.evaluate(AXE_SCRIPT)
    assert violations(page) == []
