"""Accessibility of every screen: axe-core in light and dark, targets, small windows, right to left, languages."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.phone.browser import phone_window
from tests.phone.screens import visit_screens

pytestmark = [pytest.mark.processes, needs_browser]
RUN_AXE = """async (options) => (await axe.run({ resultTypes: ["violations"], ...options })).violations
    .map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => html + failureSummary)])"""
SMALL_TARGETS = """() => [...document.querySelectorAll("button, a, select, input")]
    .filter((one) => one.getClientRects().length)
    .filter((one) => ["width", "height"].some((side) => one.getBoundingClientRect()[side] < 44))
    .map((one) => one.outerHTML)"""
WIDTH = "document.documentElement.scrollWidth"
# Only the contrast depends on the colours.
SCHEMES = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
# 320 px are 1280 px at 400 % zoom (WCAG 1.4.10).
NARROW = {"width": 320, "height": 640}
SCREENS = 22


def test_every_screen_is_accessible(phone_chromium, phone_site):
    with phone_window(phone_chromium, phone_site) as phone:
        page, found, visited = phone.page, [], []
        for name in visit_screens(phone, phone_site, "axel"):
            visited.append(name)
            if not page.evaluate("'axe' in globalThis"):
                page.evaluate(AXE_SCRIPT)
            for scheme, options in SCHEMES.items():
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                found += [(name, scheme, *violation) for violation in page.evaluate(RUN_AXE, options)]
            found += [(name, target) for target in page.evaluate(SMALL_TARGETS)]
            size = page.viewport_size
            page.set_viewport_size(NARROW)
            for direction in ("ltr", "rtl"):
                page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
                found += [(name, direction)] if page.evaluate(WIDTH) > NARROW["width"] else []
            page.evaluate("document.documentElement.dir = 'ltr'")
            page.set_viewport_size(size)
    assert found == []
    assert len(visited) >= SCREENS


@pytest.mark.parametrize(
    ("locale", "title", "button"),
    [
        ("nl-BE", "Uw accounts", "Account toevoegen"),
        ("de-AT", "Ihre Konten", "Konto hinzufügen"),
        ("fr-CH", "Vos comptes", "Ajouter un compte"),
        ("pt-BR", "Your accounts", "Add account"),
    ],
)
def test_texts_are_in_the_language_of_the_browser(phone_chromium, phone_site, locale, title, button):
    with phone_window(phone_chromium, phone_site, locale=locale) as phone:
        phone.open()
        phone.title(title)
        expect(phone.page.get_by_role("button", name=button)).to_be_visible()
        assert phone.page.locator("html").get_attribute("lang") == (locale[:2] if locale != "pt-BR" else "en")
