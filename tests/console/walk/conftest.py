"""An empty installation for the tests of a file, and a browser in which its administrator is signed in."""

import pytest
from playwright.sync_api import sync_playwright

from tests.console.conftest import CHROMIUM
from tests.console.walk.pages import Console, sign_in_for_the_first_time
from tests.console.walk.site import empty_site
from tests.demo.running import STEP_SECONDS


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with empty_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def new_page(site, chromium):
    """Return a function that opens a window of its own; faults of scripts and breaches of the policy fail the test."""
    contexts, faults = [], []

    def heard(told):
        if "Content Security Policy" in told.text:
            faults.append(told.text)

    def run(**options):
        context = chromium.new_context(base_url=site.stack.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(STEP_SECONDS * 1000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", heard)
        return page

    yield run
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def console(site, new_page):
    """The console as the administrator sees it, who signed in for the first time where that was not done before."""
    if not site.signed_in:
        site.hire("olga", "admin")
        page = new_page()
        sign_in_for_the_first_time(page, "olga", site.passwords)
        site.signed_in = page.context.storage_state()
        return Console(page)
    page = new_page(storage_state=site.signed_in)
    page.goto("/admin/")
    return Console(page)
