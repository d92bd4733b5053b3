"""Pytest plugin with one Chromium for all browser tests of a process."""

import os
import shutil
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium")
STEP_SECONDS = 20
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="NO BROWSER WAS TESTED: there is no chromium on this machine"
)


@pytest.fixture(scope="session")
def playwright():
    # Most tests use no browser.
    from playwright.sync_api import expect, sync_playwright

    # A busy machine needs longer timeouts.
    expect.set_options(timeout=STEP_SECONDS * 1000)
    # The event loop of Playwright is marked as running in the thread of the tests. Django would then reject queries.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright):
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()


def is_error(message):
    return "Content Security Policy" in message.text


@contextmanager
def new_page(chromium, is_error=is_error, **options):
    """Open a page in its own browser context. Script errors and console messages that are errors fail the test."""
    errors = []
    context = chromium.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(STEP_SECONDS * 1000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
    yield page
    context.close()
    assert errors == []
