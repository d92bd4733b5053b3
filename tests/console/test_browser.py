"""The console's forms in a real browser."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.demo.running import STEP_SECONDS, Run

CHROMIUM = shutil.which("chromium")
LIST = "/admin/transactions/mobileauthenticationtype/"

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER WAS TESTED: there is no chromium on this machine"),
]


@pytest.fixture
def run(tmp_path):
    running = Run(tmp_path)
    try:
        running.password = running.wait_until_ready()[1].split()[-1]
        yield running
    finally:
        running.kill()


@pytest.fixture
def page(run):
    """The console, signed in; a fault of its script fails the test."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(base_url=run.base)
        page.set_default_timeout(STEP_SECONDS * 1000)
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto("/admin/")
        page.locator("[name=username]").fill("admin")
        page.locator("[name=password]").fill(run.password)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url("**/admin/")
        yield page
        browser.close()
        assert faults == []


def test_fields_come_and_go_with_the_method_without_a_reload(page):
    page.goto(f"{LIST}add/")
    names = ("max_attempts", "max_resends", "sms_sender_id", "fallback")
    fields = {name: page.locator(f"[name={name}]") for name in names}
    for method, shown in (
        ("push", {"max_resends", "fallback"}),
        ("sms", {"max_attempts", "max_resends", "sms_sender_id"}),
        ("otp", set()),
        ("push_with_pin", {"max_resends", "fallback"}),
    ):
        page.locator("[name=method]").select_option(method)
        for name, field in fields.items():
            expect(field).to_be_visible(visible=name in shown)
            expect(field).to_be_enabled(enabled=name in shown)
        expect(page.get_by_text("Sending and codes")).to_be_visible(visible=bool(shown))
    page.locator("[name=name]").fill("login-pin")
    page.locator("[name=max_resends]").fill("1")
    page.locator("[name=fallback]").select_option("login-sms")
    page.locator("[name=_save]").click()
    page.wait_for_url(f"**{LIST}")
    expect(page.get_by_role("row").filter(has_text="login-pin")).to_contain_text("login-sms")
