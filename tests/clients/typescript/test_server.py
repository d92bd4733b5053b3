"""The device library in TypeScript at a running server: scenarios in Node and Chromium, the example of its README."""

import base64
import json
import re
import subprocess
import urllib.request
from urllib.parse import urlencode

import pytest

from scripts.typescript import NODE, PACKAGE
from tests.browsers import needs_browser

pytestmark = pytest.mark.processes

MARK = "<!-- executed by tests/clients/typescript/test_server.py -->"
PAGE = "<!doctype html><title>Device</title><script src='/device-test/bundle.js'></script>"


def test_scenarios_succeed_in_node(node):
    ended = node("--test", "--test-reporter=tap", "--test-concurrency=1", "test/server/node.ts")
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    assert int(re.search(r"^# pass (\d+)$", ended.stdout, re.MULTILINE)[1]) > 5


@pytest.fixture(scope="module")
def browser(library, typescript_site, chromium, tmp_path_factory):
    """A browser context with a page at the server that has the library and the scenarios."""
    bundle = tmp_path_factory.mktemp("bundle") / "bundle.js"
    options = ("--bundle", "--format=iife", "--target=es2022", "--log-level=error", f"--outfile={bundle}")
    assert library.run("node_modules/esbuild/bin/esbuild", "test/server/browser.ts", *options).returncode == 0
    context = chromium.new_context(base_url=typescript_site["server"])
    context.route("**/device-test/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    context.route("**/device-test/bundle.js", lambda route: route.fulfill(path=bundle))
    yield context
    context.close()


@pytest.fixture
def page(browser):
    page = browser.new_page()
    page.goto("/device-test/")
    yield page
    page.close()


@needs_browser
def test_scenarios_succeed_in_a_browser(page, site):
    names = page.evaluate("names")
    assert names
    for name in names:
        page.evaluate("([name, site]) => run(name, site)", [name, site])


@needs_browser
def test_browser_stores_profiles_and_keys(page, site):
    link = portal(site, "users/bert/enrollment-codes", application_id="shop")["enrollment_uri"]
    device_id = page.evaluate("link => app.enroll('stored', link)", link)
    start(site, "login", "bert", device_id)
    page.reload()
    assert page.evaluate("server => app.approve('stored', server)", site["server"]) == "authenticated"
    assert page.evaluate("app.extractable('stored')") == [False, False]


@needs_browser
def test_browser_finishes_the_answer_of_a_closed_page(browser, page, site):
    link = portal(site, "users/carl/enrollment-codes", application_id="shop")["enrollment_uri"]
    start(site, "login", "carl", page.evaluate("link => app.enroll('closed', link)", link))
    answers = []

    def lose_response(route):
        answers.append(route.request.post_data)
        route.fetch()
        closing.close()

    closing = browser.new_page()
    closing.goto("/device-test/")
    closing.route("**/answer", lose_response)
    with closing.expect_event("close"):
        closing.evaluate("server => { app.approve('closed', server) }", site["server"])
    with page.expect_request("**/answer") as repeated:
        assert page.evaluate("server => app.resume('closed', server)", site["server"]) == "authenticated"
    assert [repeated.value.post_data] == answers


@needs_browser
@pytest.mark.parametrize("function", ["count", "countWithLock"])
def test_browser_storage_and_lock_are_shared_by_pages(browser, page, function):
    other = browser.new_page()
    other.goto("/device-test/")
    other.evaluate(f"window.counted = app.{function}('{function}', 200), undefined")
    page.evaluate(f"app.{function}('{function}', 200)")
    other.evaluate("window.counted")
    assert page.evaluate(f"app.{function}('{function}', 0)") == "400"
    other.close()


@needs_browser
def test_browser_storage_reverts_a_failed_change(page):
    assert page.evaluate("app.failedChange('failed')") == ["Error: not changed", "before"]


def example():
    [found] = re.findall(rf"{re.escape(MARK)}\n```ts\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    return found


def test_example_is_short():
    assert len([line for line in example().splitlines() if line.strip()]) <= 30


def test_example_enrols_and_approves_with_a_fingerprint(library, site, tmp_path):
    package = tmp_path / "node_modules" / "@countersign" / "device"
    package.parent.mkdir(parents=True)
    package.symlink_to(PACKAGE)
    (tmp_path / "app.mts").write_text(example())
    link = portal(site, "users/eva/enrollment-codes", application_id="shop")["enrollment_uri"]
    with subprocess.Popen(
        [NODE, "--no-warnings", "app.mts", link],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        device_id = process.stdout.readline().strip()
        started = start(site, "login-fingerprint", "eva", device_id)
        [profile_id] = re.findall(r"\b[A-Z0-9]{6}\b", process.stdout.readline())
        push = {"og_transaction_id": started["transaction_id"], "og_profile_id": profile_id, "og_message": "Sign in?"}
        output, _errors = process.communicate(json.dumps({"data": {"content": json.dumps(push)}}) + "\n", timeout=30)
    assert output.splitlines() == ["Sign in? ", "fingerprint requested", "authenticated"]


def portal(site, path, **fields):
    """Call the portal API and return the members of the response."""
    pair = base64.b64encode(f"{site['clientId']}:{site['clientSecret']}".encode()).decode()
    request = urllib.request.Request(
        f"{site['server']}/oauth/api/v4/{path}",
        data=urlencode(fields).encode(),
        headers={"Authorization": f"Basic {pair}"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def start(site, mobile_type, user_id, device_id):
    """Initiate a transaction (E3)."""
    callback = "http://127.0.0.1:9/callback"
    fields = {"type": mobile_type, "user_id": user_id, "device_id": device_id, "callback_uri": callback}
    return portal(site, "authenticate/user", **fields)
