"""Content security policy: every page has it and complies with it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.console.test_roles import PAGES
from tests.demo.running import Visitor

POLICY = {
    "default-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
INLINE_SCRIPT = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE
)


def policy_directives(response):
    directives = [part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";")]
    return {name: sources for name, _space, sources in directives}


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/", "/admin/nothing/here/", "/admin/second-factor/password/"])
def test_console_page_allows_scripts_from_own_files_only(console, path):
    assert policy_directives(console.get(path)) == {**POLICY, "script-src": "'self' 'unsafe-eval'"}


def test_other_pages_do_not_allow_eval(client, db):
    assert policy_directives(client.get("/oauth/api/docs/")) == {**POLICY, "script-src": "'self'"}
    demo = policy_directives(client.get("/demo/"))
    assert demo["script-src"] == "'self'"
    assert demo["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("path", ["/healthz", "/oauth/api/v4/authenticate/user/anna/enabled", "/oauth/api/schema/"])
def test_responses_without_html_have_no_policy(client, db, path):
    assert "Content-Security-Policy" not in client.get(path)


def test_pages_have_no_inline_scripts_or_handlers(console, client, device):
    lists = [f"/admin/{label.lower().replace('.', '/')}/" for label in PAGES]
    forms = ["/admin/applications/application/add/", "/admin/transactions/mobileauthenticationtype/add/"]
    own = ["/admin/", "/admin/password_change/", "/admin/second-factor/password/", "/admin/nothing/here/"]
    for path in [*own, *lists, *forms, "/demo/", "/oauth/api/docs/"]:
        assert not INLINE_SCRIPT.findall(console.get(path).content.decode()), path
    assert not INLINE_SCRIPT.findall(client.get("/admin/login/").content.decode())


@pytest.mark.processes
@needs_browser
def test_menus_and_buttons_comply_with_policy(demo, admin_window):
    """The fixture fails the test if the browser reports a policy violation."""
    # Reset the demo, which other tests have used.
    Visitor(demo.base).start_over()
    window = admin_window
    window.goto("/admin/")
    expect(window.get_by_text("Setup for a first authentication")).to_be_visible()

    window.get_by_title("Show or hide the menu").first.click()
    expect(window.get_by_role("link", name="API clients", exact=True)).not_to_be_visible()
    window.get_by_title("Show or hide the menu").first.click()
    expect(window.get_by_role("link", name="API clients", exact=True)).to_be_visible()

    window.locator("#nav-sidebar").get_by_text("admin", exact=True).click()
    window.get_by_role("link", name="Second factor", exact=True).click()
    # Another test can have confirmed the password of the shared session.
    window.wait_for_url("**/second-factor/**")

    window.goto("/admin/events/event/")
    window.locator("a", has_text="Filters").click()
    expect(window.locator("[name=user_id]")).to_be_visible()
    window.goto("/admin/applications/application/")
    window.locator("#result_list tbody a").first.click()
    window.get_by_role("link", name="Add another").click()
    expect(window.locator("[name=versions-1-version]")).to_be_visible()
    window.goto("/admin/applications/apiclient/")
    window.locator("#result_list tbody a").first.click()
    window.get_by_role("link", name="New secret").click()
    window.wait_for_url(lambda url: "new-secret" in url)

    window.goto("/oauth/api/docs/")
    events = window.locator("[id^=operations-Events-]").first
    events.locator(".opblock-summary").click()
    events.get_by_role("button", name="Try it out").click()
    events.get_by_role("button", name="Execute").click()
    expect(events.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("401")

    window.goto("/demo/")
    window.get_by_role("button", name="Sign in", exact=True).first.click()
    expect(window.get_by_role("button", name="Approve").first).to_be_visible()
