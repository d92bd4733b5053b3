"""Accessibility of every page in several sizes: axe-core, and a search for truncated texts."""

from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.demo.running import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240), needs_browser]

LISTS = [
    *("/admin/system/features/", "/admin/system/generalconfiguration/", "/admin/system/apnsproxy/"),
    *("/admin/geocontext/geolocation/", "/admin/geocontext/confirmationtemplate/"),
    *("/admin/push/pushmessagingconfiguration/", "/admin/transactions/mobileauthenticationtype/"),
    *("/admin/callbacks/callbackendpoint/", "/admin/callbacks/callbackdelivery/"),
    *("/admin/applications/application/", "/admin/applications/apiclient/", "/admin/auth/user/"),
    *("/admin/enrollment/profile/", "/admin/transactions/transaction/", "/admin/transactions/smsusage/"),
    *("/admin/events/event/", "/admin/integrations/keycloakintegration/", "/admin/ciba/signingkey/"),
]
OTHERS = [
    *("/admin/", "/admin/nothing/here/", "/admin/sms/send-test/", "/admin/check-configuration/"),
    *("/admin/password_change/", "/admin/second-factor/", "/admin/second-factor/app/"),
]
# A browser at 200 % zoom on a 1280 px screen has 640 px.
WIDE, ZOOMED, PHONE = 1280, 640, 420
DARK, LIGHT = (f"document.documentElement.classList.{method}('dark')" for method in ("add", "remove"))
# Only violations are returned: axe describes the elements of all other results otherwise.
RUN_AXE = """async only => (await axe.run({
    resultTypes: ["violations"], ...(only && {runOnly: {type: "rule", values: [only]}})
})).violations"""
# Truncated texts: their box is too small and does not scroll.
FIND_TRUNCATED = """() => [...document.querySelectorAll("#content *, .console-heading *")].filter((element) => {
    const style = getComputedStyle(element);
    const hides = [style.overflowX, style.overflowY].some((overflow) => ["hidden", "clip"].includes(overflow));
    const isMeant = style.textOverflow === "ellipsis" || element.closest(HIDDEN)
        || element.matches(".simplebar-content-wrapper");
    return hides && !isMeant && element.innerText?.trim() && element.getClientRects().length
        && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 2);
}).map((element) => element.outerHTML.slice(0, 200))""".replace(
    "HIDDEN", "'.console-visually-hidden, .console-add-label, .sr-only, select'"
)
# Lists that are wider than their frame.
FIND_SCROLLING_LISTS = """() => [...document.querySelectorAll("#changelist *")].filter((element) =>
    ["auto", "scroll"].includes(getComputedStyle(element).overflowX) && element.scrollWidth > element.clientWidth + 1
).map((element) => `${element.scrollWidth} of ${element.clientWidth} px`)"""
# Targets below 24 px. The label around a checkbox belongs to its target, and links inside a sentence are exempt.
FIND_SMALL_TARGETS = """() => [
    ...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")
].filter((element) => {
    const target = (element.matches("input") && element.closest("label")) || element;
    const { width, height, left, right } = target.getBoundingClientRect();
    const isInSentence = getComputedStyle(element).display === "inline" && element.closest("p");
    const isShown = element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const isInWindow = width && height && right > 0 && left < window.innerWidth;
    return isShown && isInWindow && !isInSentence && Math.min(Math.round(width), Math.round(height)) < 24;
}).map((element) => element.outerHTML.slice(0, 200))"""
# Labels of cells with capitals inside, as CSS can add them, without a capital at the start, or of another column.
FIND_WRONG_LABELS = """() => [...document.querySelectorAll("#result_list [data-label]")].filter((cell) =>
    getComputedStyle(cell, "::before").textTransform !== "none" || cell.dataset.label.match(/^[a-z]/)
    || (cell.matches("td:first-child:not(.action-checkbox)")
        && cell.dataset.label !== document.querySelector("#result_list thead th .text").textContent.trim())
).map((cell) => cell.dataset.label)"""
WIDER_THAN_WINDOW = "document.documentElement.scrollWidth - window.innerWidth"
SCROLLED = "[...document.querySelectorAll('*')].filter((one) => one.scrollTop).length"
DISABLE_ANIMATIONS = "*, *::before, *::after { transition: none !important; animation: none !important; }"


@pytest.fixture(scope="module")
def used_demo(demo):
    """The demo after an approval, a denial and an SMS, so that no list is empty."""
    visitor = Visitor(demo.base).start_over()
    visitor.answer("approve")
    visitor.answer("deny")
    visitor.receive_code()
    return demo


@pytest.fixture
def console_window(used_demo, admin_window):
    """The console in a browser, after the password confirmation of the second factor's pages."""
    window = admin_window
    window.goto("/admin/second-factor/password/")
    window.locator("#content [name=password]").fill(used_demo.password)
    window.locator("#content [name=password]").press("Enter")
    window.wait_for_url(lambda url: "/password/" not in url)
    return window


def row_pages(page):
    """Yield the pages of a list's first row: its form, its history and its confirmations."""
    row = page.locator("#result_list tbody a[href*='/change/']").first
    if not row.count():
        return
    change = row.get_attribute("href").split("?")[0]
    page.goto(change)
    below = change.removesuffix("change/")
    links = page.locator(f"#main a[href^='{below}'], #content a[href^='{below}']")
    problems = {link.split("?")[0].split("#")[0] for link in links.evaluate_all("all => all.map(one => one.pathname)")}
    yield change
    yield from sorted(problems - {change})


def all_pages(page):
    """Yield the paths of all pages, including those of each list's first row. Lists and forms are open then."""
    yield from OTHERS
    for path in LISTS:
        page.goto(path)
        adds = page.locator(f"a[href$='{path}add/']").count()
        yield path
        yield from row_pages(page)
        if adds:
            yield f"{path}add/"


def expand_all(page):
    """Expand all collapsed parts of a page."""
    page.locator("#content details > summary, .console-preview-button[aria-expanded=false]").evaluate_all(
        "all => all.forEach(one => one.click())"
    )


def violations(page, only=None):
    return [
        f"{rule['id']} ({rule['impact']}): {rule['nodes'][0]['html'][:200]} {rule['nodes'][0]['failureSummary']}"
        for rule in page.evaluate(RUN_AXE, only)
        if rule["impact"] in ("serious", "critical")
    ]


def layout_problems(page):
    wider = ["the page is wider than the window"] if page.evaluate(WIDER_THAN_WINDOW) > 0 else []
    return wider + [f"cut off: {element}" for element in page.evaluate(FIND_TRUNCATED)]


def phone_problems(page):
    small = [f"smaller than 24 px: {element}" for element in page.evaluate(FIND_SMALL_TARGETS)]
    return small + [f"wrong label: {label}" for label in page.evaluate(FIND_WRONG_LABELS)]


def accessibility_problems(page, path):
    """Return the problems of a page in a wide window (light and dark), zoomed, and on a phone."""
    page.set_viewport_size({"width": WIDE, "height": 900})
    if urlsplit(page.url).path != path:
        page.goto(path)
    page.add_style_tag(content=DISABLE_ANIMATIONS)
    page.evaluate(AXE_SCRIPT)
    expand_all(page)
    problems = violations(page)
    problems += [f"list scrolls to the side: {width}" for width in page.evaluate(FIND_SCROLLING_LISTS)]
    page.evaluate(DARK)
    problems += [f"dark: {text}" for text in violations(page, "color-contrast")]
    page.evaluate(LIGHT)
    for width in (ZOOMED, PHONE):
        page.set_viewport_size({"width": width, "height": 700})
        problems += [f"{width} px: {text}" for text in layout_problems(page)]
    return problems + [f"{PHONE} px: {text}" for text in [*phone_problems(page), *violations(page)]]


def test_pages_have_no_serious_accessibility_violations(console_window):
    page = console_window
    problems = {path: accessibility_problems(page, path) for path in all_pages(page)}
    assert len(problems) > 45
    assert not any(problems.values()), "\n".join(f"{path} {text}" for path in problems for text in problems[path])


def test_symbol_names_are_hidden_from_screen_readers(admin_window):
    page = admin_window
    page.goto("/admin/applications/application/")
    expect(page.get_by_role("link", name="Add application", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="API clients", exact=True)).to_be_visible()


def test_menu_scrolls_to_current_item_in_low_window(admin_window):
    page = admin_window
    page.set_viewport_size({"width": 1280, "height": 600})
    for path in ("/admin/events/event/", "/admin/transactions/smsusage/", "/admin/system/features/"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        menu, current_item = (
            page.locator(selector).bounding_box() for selector in (".console-menu", ".console-menu-item[aria-current]")
        )
        assert menu["y"] <= current_item["y"], path
        assert current_item["y"] + current_item["height"] <= menu["y"] + menu["height"], path
        assert page.evaluate(SCROLLED) == 1, path


def test_login_page_has_no_accessibility_violations(window):
    assert accessibility_problems(window, "/admin/login/") == []


def test_dynamic_content_has_no_accessibility_violations(admin_window):
    page = admin_window
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
