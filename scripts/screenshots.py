"""Save every page of the console to docs/console: starts the demo on a free port, signs in once each way, and looks.

Needs Chromium (`chromium` on the PATH) and the packages of requirements/test.txt.
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
WIDTH, HEIGHT, MAX_HEIGHT = 1280, 800, 1200
# Full of small texts, or of a gradient: more would be too many bytes.
HEIGHTS = {"activity": 640, "sign-in": 440}
MAX_BYTES = 150_000
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
    "activity": "/admin/events/event/",
}
# The lists whose first row has a page worth a picture.
WITH_ROWS = {
    "push": "push-configuration",
    "types": "type",
    "callback-endpoints": "callback-endpoint",
    "callback-deliveries": "callback-delivery",
    "applications": "application",
    "api-clients": "api-client",
    "users": "user",
    "transactions": "transaction",
    "activity": "event",
}


def main() -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("Missing: chromium, to look at the pages with", file=sys.stderr)
        return 1
    DIRECTORY.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        run = Run(Path(directory))
        try:
            password = run.wait_until_ready()[1].split()[-1]
            use_the_demo(run.base)
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(base_url=run.base, viewport={"width": WIDTH, "height": HEIGHT})
            look(page, password)
            browser.close()
        finally:
            run.kill()
    return 1 if too_large() else 0


def use_the_demo(base: str) -> None:
    """Leave something in every list: a login, one that the user refuses, and a code by text message."""
    visitor = Visitor(base)
    visitor.answer("approve")
    visitor.answer("deny")
    visitor.answer("approve")
    visitor.text_me()


def look(page: "Page", password: str) -> None:
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
    for name, show in SPECIAL.items():
        show(page)
        save(page, name)


def type_for_text_messages(page: "Page") -> None:
    page.goto(LISTS["types"])
    page.get_by_role("link", name="login-sms").first.click()
    page.locator(".console-preview-button").first.click()


def checked_configuration(page: "Page") -> None:
    page.goto("/admin/check-configuration/")
    page.get_by_role("button", name="Check configuration").click()
    page.locator(".console-findings").wait_for()


def page_at(path: str) -> Callable[["Page"], None]:
    def go(page: "Page") -> None:
        page.goto(path)

    return go


SPECIAL: dict[str, Callable[["Page"], None]] = {
    "type-sms": type_for_text_messages,
    "type-new": page_at(LISTS["types"] + "add/"),
    "push-configuration-new": page_at(LISTS["push"] + "add/"),
    "check-configuration": checked_configuration,
    "send-test-sms": page_at("/admin/sms/send-test/"),
    "confirm-password": page_at("/admin/second-factor/"),
}


def save(page: "Page", name: str) -> None:
    """Take the whole page, or its upper part; in a window of its height, because menu and buttons stick to its ends."""
    page.wait_for_load_state("networkidle")
    needed = page.evaluate("document.documentElement.scrollHeight")
    height = HEIGHTS.get(name) or max(HEIGHT, min(needed, MAX_HEIGHT))
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.screenshot(path=DIRECTORY / f"{name}.png", animations="disabled")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def too_large() -> bool:
    large = [path for path in sorted(DIRECTORY.glob("*.png")) if path.stat().st_size > MAX_BYTES]
    for path in large:
        print(f"{path.relative_to(ROOT)} has {path.stat().st_size} bytes, more than {MAX_BYTES}", file=sys.stderr)
    return bool(large)


if __name__ == "__main__":
    sys.exit(main())
