"""Save screenshots of all pages of the console to docs/console, and of the demo, from a demo on a free port.

Requires Chromium (`chromium` on the PATH) and the packages of requirements/test.txt.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright  # noqa: E402

from tests.demo.running import Run, Visitor  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Page

DIRECTORY = ROOT / "docs" / "console"
DEMO = ROOT / "docs" / "images" / "demo.png"
WIDTH, HEIGHT, MAX_HEIGHT = 1280, 800, 1200
DEMO_HEIGHT = 900
# Pages with much text or a gradient are limited in height, to limit the size of the file.
HEIGHTS = {"activity": 640, "activity-filters": 1030, "sign-in": 440}
# The important parts of these pages, limits and locks, are at their end.
MAX_HEIGHTS = {"ciba-client": 2000, "general": 2480, "user": 1660}
MAX_BYTES = 270_000
# Scroll bars fade out only a moment after scrolling.
NO_SCROLLBARS = ".simplebar-scrollbar::before { opacity: 0 !important; }"
LISTS = {
    "features": "/admin/system/features/",
    "general": "/admin/system/generalconfiguration/",
    "proxy": "/admin/system/apnsproxy/",
    "geolocation": "/admin/geocontext/geolocation/",
    "confirmation-template": "/admin/geocontext/confirmationtemplate/",
    "push": "/admin/push/pushmessagingconfiguration/",
    "types": "/admin/transactions/mobileauthenticationtype/",
    "callback-endpoints": "/admin/callbacks/callbackendpoint/",
    "callback-deliveries": "/admin/callbacks/callbackdelivery/",
    "applications": "/admin/applications/application/",
    "api-clients": "/admin/applications/apiclient/",
    "staff-accounts": "/admin/auth/user/",
    "users": "/admin/enrollment/profile/",
    "transactions": "/admin/transactions/transaction/",
    "text-messages": "/admin/transactions/smsusage/",
    "activity": "/admin/events/event/",
}
KEYCLOAK = "/admin/integrations/keycloakintegration/"
# Lists of which the page of the first row is also saved.
WITH_ROWS = {
    "push": "push-configuration",
    "types": "type",
    "callback-endpoints": "callback-endpoint",
    "callback-deliveries": "callback-delivery",
    "applications": "application",
    "api-clients": "api-client",
    "staff-accounts": "staff-account",
    "users": "user",
    "transactions": "transaction",
    "activity": "event",
}


def main() -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("Missing: chromium", file=sys.stderr)
        return 1
    DIRECTORY.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        run = Run(Path(directory))
        try:
            password = run.wait_until_ready()[1].split()[-1]
            visitor = Visitor(run.base)
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            # The phone of the demo shows the browser of the shop.
            user_agent = browser.new_page().evaluate("navigator.userAgent").replace("Headless", "")
            page = browser.new_page(
                base_url=run.base, viewport={"width": WIDTH, "height": HEIGHT}, user_agent=user_agent
            )
            save_demo(page, visitor)
            use_demo(visitor)
            save_pages(page, password)
            save_lock_pages(page, visitor)
            save_second_factor_pages(page, password)
            browser.close()
        finally:
            run.kill()
    return 1 if report_large_files() else 0


def use_demo(visitor: Visitor) -> None:
    """Create rows for every list: an approved and a denied sign-in, and a verification code by text message."""
    visitor.answer("approve")
    visitor.answer("deny")
    visitor.answer("approve")
    visitor.receive_code()


def save_demo(page: "Page", visitor: Visitor) -> None:
    """Save the demo with a payment that waits for the PIN."""
    visitor.start_over()
    page.set_viewport_size({"width": WIDTH, "height": DEMO_HEIGHT})
    page.goto("/demo/")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_role("button", name="Pay € 38.50").click()
    page.get_by_label("PIN").wait_for()
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=DEMO, animations="disabled")
    visitor.start_over()
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def save_pages(page: "Page", password: str) -> None:
    page.goto("/admin/login/")
    save(page, "sign-in")
    page.locator("[name=username]").fill("admin")
    page.locator("[name=password]").fill(password)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)
    save(page, "start")
    for name, path in LISTS.items():
        page.goto(path)
        save(page, name)
        if name in WITH_ROWS:
            page.locator("#result_list tbody a[href*='/change/']").first.click()
            page.wait_for_url("**/change/**")
            save(page, WITH_ROWS[name])
    for name, show in PREPARED_PAGES.items():
        show(page)
        save(page, name)


def show_sms_type(page: "Page") -> None:
    page.goto(LISTS["types"])
    page.get_by_role("link", name="login-sms").first.click()
    page.locator(".console-preview-button").first.click()


def check_configuration(page: "Page") -> None:
    page.goto("/admin/check-configuration/")
    page.get_by_role("button", name="Check configuration").click()
    page.locator(".console-findings").wait_for()


def show_configuration_plan(page: "Page") -> None:
    page.goto("/admin/configuration-file/")
    text = "general:\n  max_pending_transactions: 3\napplications:\n- identifier: garden\n  name: Garden\n"
    page.locator("[name=content]").fill(text)
    page.get_by_role("button", name="Show changes").click()
    page.locator("#plan-heading").wait_for()


def create_client(page: "Page") -> None:
    page.goto(LISTS["api-clients"] + "add/")
    page.locator("[name=name]").fill("Help desk")
    page.locator("[name=client_id]").fill("help-desk")
    page.get_by_label("Users and devices").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#client-secret").wait_for()


def create_ciba_client(page: "Page") -> None:
    page.goto(LISTS["api-clients"] + "add/")
    page.locator("[name=name]").fill("Call centre")
    page.locator("[name=client_id]").fill("call-centre")
    page.get_by_label("OpenID Connect CIBA").check()
    page.locator("[name=ciba_types]").first.check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#client-secret").wait_for()
    page.goto(LISTS["api-clients"])
    page.get_by_role("link", name="Call centre", exact=True).click()
    page.wait_for_url("**/change/**")


def show_signing_keys(page: "Page") -> None:
    # The first request for the key set creates a key.
    page.goto("/oauth/jwks")
    page.goto("/admin/ciba/signingkey/")


def create_keycloak_integration(page: "Page") -> None:
    page.goto(KEYCLOAK + "add/")
    page.locator("[name=name]").fill("staff")
    page.locator("[name=realm_url]").fill("https://sso.example.com/realms/staff")
    page.locator("[name=api_client]").select_option(label="Demo portal")
    page.locator("[name=type]").select_option(label="login")
    page.locator("[name=user_id_rule]").select_option("lower_case")
    page.get_by_role("button", name="Save and continue editing").click()
    page.wait_for_url("**/change/**")


def open_delete_page(path: str, name: str) -> Callable[["Page"], None]:
    def open_it(page: "Page") -> None:
        page.goto(path)
        page.locator("#result_list").get_by_role("link", name=name, exact=True).click()
        page.wait_for_url("**/change/**")
        page.locator("a[href*='/delete/']").first.click()
        page.wait_for_url("**/delete/**")

    return open_it


def create_enrollment_code(page: "Page") -> None:
    page.goto(LISTS["users"] + "enrol-device/?user=anna")
    page.get_by_role("button", name="Create code").click()
    page.locator("#enrollment-link").wait_for()


def open_activity_filters(page: "Page") -> None:
    page.goto(LISTS["activity"] + "?event_type=ADMIN_CONFIGURATION_IMPORTED")
    page.locator("#changelist a", has_text="Filters").first.click()
    page.locator("#filter-form").wait_for()


def save_lock_pages(page: "Page", visitor: Visitor) -> None:
    """Lock the user with two wrong codes. The change of the limit is shown in the screenshot of the history."""
    page.goto(LISTS["general"])
    page.locator("[name=max_consecutive_code_failures]").fill("2")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(LISTS["general"] + "history/")
    save(page, "history")
    # A change takes effect in all processes within two seconds.
    page.wait_for_timeout(2500)
    right = int(visitor.receive_code())
    for number in (1, 2):
        visitor.press("/demo/verify", code=f"{(right + number) % 1_000_000:06}")
    page.goto(LISTS["users"] + "?q=anna")
    save(page, "user-locked")
    page.get_by_role("link", name="Unlock user").click()
    save(page, "unlock-user")


def save_second_factor_pages(page: "Page", password: str) -> None:
    page.goto("/admin/second-factor/")
    save(page, "confirm-password")
    page.locator("#content [name=password]").fill(password)
    page.locator("#content [name=password]").press("Enter")
    page.wait_for_url(lambda url: "/password/" not in url)
    save(page, "second-factor")
    page.goto("/admin/second-factor/app/")
    save(page, "second-factor-app")


def open_page(path: str) -> Callable[["Page"], None]:
    def open_it(page: "Page") -> None:
        page.goto(path)

    return open_it


PREPARED_PAGES: dict[str, Callable[["Page"], None]] = {
    "type-sms": show_sms_type,
    "type-new": open_page(LISTS["types"] + "add/"),
    "push-configuration-new": open_page(LISTS["push"] + "add/"),
    "callback-endpoint-new": open_page(LISTS["callback-endpoints"] + "add/"),
    "application-new": open_page(LISTS["applications"] + "add/"),
    "api-client-new": open_page(LISTS["api-clients"] + "add/"),
    "client-secret": create_client,
    "ciba-client": create_ciba_client,
    "signing-keys": show_signing_keys,
    "delete": open_delete_page(LISTS["api-clients"], "Help desk"),
    "in-use": open_delete_page(LISTS["api-clients"], "Demo portal"),
    "staff-account-new": open_page(LISTS["staff-accounts"] + "add/"),
    "enrolment-code": create_enrollment_code,
    "activity-filters": open_activity_filters,
    "check-configuration": check_configuration,
    "configuration-file": open_page("/admin/configuration-file/"),
    "configuration-plan": show_configuration_plan,
    "try-authentication": open_page("/admin/try-authentication/"),
    "send-test-sms": open_page("/admin/sms/send-test/"),
    "change-password": open_page("/admin/password_change/"),
    # Last: the check of the configuration would report the realm, which does not exist.
    "keycloak-integration": create_keycloak_integration,
    "keycloak-integrations": open_page(KEYCLOAK),
}


def save(page: "Page", name: str) -> None:
    """Save the page or its upper part, in a window of its height, because menu and buttons are fixed to the window."""
    page.wait_for_load_state("networkidle")
    content_height = page.evaluate("document.documentElement.scrollHeight")
    height = HEIGHTS.get(name) or max(HEIGHT, min(content_height, MAX_HEIGHTS.get(name, MAX_HEIGHT)))
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.evaluate("document.querySelector('.console-menu-item[aria-current]')?.scrollIntoView({block: 'nearest'})")
    page.screenshot(path=DIRECTORY / f"{name}.png", animations="disabled", style=NO_SCROLLBARS)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def report_large_files() -> bool:
    large_files = [path for path in sorted(DIRECTORY.glob("*.png")) if path.stat().st_size > MAX_BYTES]
    for path in large_files:
        print(f"{path.relative_to(ROOT)} has {path.stat().st_size} bytes, more than {MAX_BYTES}", file=sys.stderr)
    return bool(large_files)


if __name__ == "__main__":
    sys.exit(main())
