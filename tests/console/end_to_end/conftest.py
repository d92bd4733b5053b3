"""Fixtures of the end-to-end tests: an empty installation per file, and a browser with its administrator."""

from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

from tests.console.conftest import CHROMIUM
from tests.console.end_to_end.pages import Console, sign_in_for_the_first_time
from tests.console.end_to_end.site import empty_site
from tests.demo.running import STEP_SECONDS


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with empty_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def new_page(chromium, **options):
    """Open a window in its own browser context. Script errors and policy violations fail the test."""
    script_errors = []
    context = chromium.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(STEP_SECONDS * 1000)
    page.on("pageerror", lambda error: script_errors.append(str(error)))
    page.on(
        "console",
        lambda message: script_errors.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield page
    context.close()
    assert script_errors == []


@pytest.fixture
def window(demo, chromium):
    """A page at the demo, in the browser of the file's tests."""
    with new_page(chromium, base_url=demo.base) as page:
        yield page


@pytest.fixture
def console(site, chromium):
    """The console with a signed-in administrator, whose account is created at the first use."""
    is_new = not site.signed_in
    with new_page(chromium, base_url=site.stack.url, storage_state=site.signed_in or None) as page:
        if is_new:
            site.create_staff("olga", "admin")
            sign_in_for_the_first_time(page, "olga", site.passwords)
            site.signed_in = page.context.storage_state()
        else:
            page.goto("/admin/")
        yield Console(page)
