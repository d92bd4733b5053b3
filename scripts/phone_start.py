"""Measure the start of the web phone on the profile of a slow phone: a fourth of the CPU, 1.6 Mbit/s, 150 ms latency.

Prints the lowest and the median time until the first screen is painted and reacts, in ms: for the first visit, and for
a later one. Requires Chromium (`chromium` on the PATH), the packages of requirements/test.txt, and the built app.
"""

import os
import shutil
import statistics
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
from tests.phone.browser import SMALL  # noqa: E402
from tests.phone.site import running_site  # noqa: E402

ROUNDS = 10
CPU_SLOWDOWN = 4
NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
# A task after the next frame: the heading is painted, and the page reacts.
OBSERVE = """globalThis.shown = new Promise((resolve) => new MutationObserver((_, observer) => {
    if (!document.querySelector("#main h1")) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
}).observe(document, { childList: true, subtree: true }))"""


def main() -> int:
    chromium = shutil.which("chromium")
    if chromium is None:
        print("Missing: chromium", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory, WebPushService() as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with running_site(Path(directory), service) as site:
            rounds = [measure(browser, site.phone) for _round in range(ROUNDS)]
        browser.close()
    for name, times in zip(("first visit", "later visit"), zip(*rounds, strict=True), strict=True):
        print(f"{name}: lowest {min(times):.0f} ms, median {statistics.median(times):.0f} ms")
    return 0


def measure(browser, url: str) -> list[float]:  # type: ignore[no-untyped-def]
    """Return the times of two visits in a new browser profile."""
    context = browser.new_context(viewport=SMALL)
    context.add_init_script(OBSERVE)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", NETWORK)
    times = []
    for _visit in range(2):
        page.goto("about:blank")
        session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
        page.goto(url, wait_until="commit")
        times.append(page.evaluate("shown"))
        session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        page.evaluate("async () => void (await navigator.serviceWorker.ready)")
    context.close()
    return times


if __name__ == "__main__":
    sys.exit(main())
