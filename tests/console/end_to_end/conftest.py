"""An empty installation for the tests of a file, and a browser in which its administrator is signed in."""

from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

from tests.console.conftest import CHROMIUM
from tests.console.end_to_end.pages import Console, sign_in_for_the_first_time
from tests.console.end_to_end.site import empty_site
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


@contextmanager
def new_page(chromium, **options):
    """Open a window that shares nothing with others; faults of scripts and breaches of the policy fail the test."""
    faults = []
    context = chromium.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(STEP_SECONDS * 1000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda told: faults.append(told.text) if "Content Security Policy" in told.text else None)
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def window(demo, chromium):
    """A page at the demo, in the browser that a file's tests share."""
    with new_page(chromium, base_url=demo.base) as page:
        yield page


@pytest.fixture
def console(site, chromium):
    """The console as the administrator sees it, who signed in for the first time where that was not done before."""
    is_new = not site.signed_in
    with new_page(chromium, base_url=site.stack.url, storage_state=site.signed_in or None) as page:
        if is_new:
            site.hire("olga", "admin")
            sign_in_for_the_first_time(page, "olga", site.passwords)
            site.signed_in = page.context.storage_state()
        else:
            page.goto("/admin/")
        yield Console(page)
