"""Save a picture of every screen of the web phone to docs/images/phone, from a server on a free port.

Requires Chromium (`chromium` on the PATH), the packages of requirements/test.txt, and the built app.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TEST_BACKEND", "sqlite")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django  # noqa: E402

django.setup()

from playwright.sync_api import sync_playwright  # noqa: E402

from tests.fakes.web_push import WebPushService  # noqa: E402
from tests.phone.browser import SMALL, phone_window  # noqa: E402
from tests.phone.screens import visit_screens  # noqa: E402
from tests.phone.site import running_site  # noqa: E402

DIRECTORY = ROOT / "docs" / "images" / "phone"
DESKTOP = {"width": 1100, "height": 800}
MAX_BYTES = 100_000
# Screens that are also saved in dark colours, and as a desktop shows them.
DARK = ("requests", "request-signing", "request-pin", "approved", "account")
WIDE = ("requests", "request-signing", "add")


def main() -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("Missing: chromium", file=sys.stderr)
        return 1
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, WebPushService() as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with running_site(Path(directory), service) as site, phone_window(browser, site) as phone:
            for name in visit_screens(phone, site):
                save(phone.page, name)
        browser.close()
    return 1 if report_large_files() else 0


def save(page, name: str) -> None:  # type: ignore[no-untyped-def]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.screenshot(path=DIRECTORY / f"{name}.png", full_page=True)
    if name in DARK:
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        page.screenshot(path=DIRECTORY / f"{name}-dark.png", full_page=True)
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
    if name in WIDE:
        page.set_viewport_size(DESKTOP)
        page.screenshot(path=DIRECTORY / f"{name}-desktop.png")
        page.set_viewport_size(SMALL)


def report_large_files() -> bool:
    large_files = [path for path in sorted(DIRECTORY.glob("*.png")) if path.stat().st_size > MAX_BYTES]
    for path in large_files:
        print(f"{path.relative_to(ROOT)} has {path.stat().st_size} bytes, more than {MAX_BYTES}", file=sys.stderr)
    return bool(large_files)


if __name__ == "__main__":
    sys.exit(main())
