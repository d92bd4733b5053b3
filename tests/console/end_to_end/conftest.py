"""Fixtures of the end-to-end tests: one installation for all files, and a browser with its administrator."""

import pytest

from tests.browsers import new_page
from tests.console.end_to_end.pages import Console, sign_in_for_the_first_time
from tests.console.end_to_end.site import empty_site


@pytest.fixture(scope="session")
def console_site(tmp_path_factory):
    """An installation that is empty for its first test."""
    with empty_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def site(console_site):
    return console_site


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
