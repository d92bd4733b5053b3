"""The web phone in a browser: one click of the demo, and a link whose code reaches no server."""

import socket
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.console.test_accessibility import AXE_SCRIPT, layout_problems, violations
from tests.demo.running import Visitor
from tests.fakes.tcp_proxy import TcpProxy

pytestmark = [pytest.mark.processes, needs_browser]
CODE = "0123456789abcdef" * 2


@pytest.fixture
def errors(window):
    """Return the errors that the browser reports, such as violations of the policy."""
    found = []
    window.context.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    return found


def choose_pin(phone):
    for button in ("Continue", "Set PIN"):
        for digit in "25803":
            phone.get_by_role("button", name=digit, exact=True).click()
        phone.get_by_role("button", name=button).click()
    # Headless browsers have no push service and no fingerprint.
    phone.get_by_role("button", name="Not now").click()


def scan(phone, text):
    """Paste the text of a one-time password and approve."""
    phone.get_by_role("link", name="Scan a one-time password").or_(
        phone.get_by_role("button", name="Scan a one-time password")
    ).click()
    phone.get_by_label("Text of the QR code").fill(text)
    phone.get_by_role("button", name="Check").click()
    phone.get_by_role("button", name="Approve").click()
    expect(phone.get_by_role("heading", name="Approved")).to_be_visible()


def test_one_click_of_the_demo_makes_the_browser_the_phone(demo, window, errors):
    visitor = Visitor(demo.base).start_over()
    window.goto("/demo/")
    expect(window.get_by_text("Anna is enrolled. Nothing to approve.", exact=True)).to_be_visible()
    with window.context.expect_page() as opened:
        window.get_by_role("button", name="Use your own browser as the phone").click()
    with closing(opened.value) as phone:
        expect(window.get_by_role("heading", name="Add Anna in your browser")).to_be_visible()
        phone.get_by_role("button", name="Add account").click()
        visitor.until(lambda state: state["phone"]["browser"])
        expect(window.get_by_role("heading", name="Your browser is Anna's phone")).to_be_visible()
        expect(window.get_by_role("region", name="Anna's phone").get_by_text("It gets no pushes")).to_be_visible()
        choose_pin(phone)
        window.get_by_role("button", name="Sign in", exact=True).click()
        phone.get_by_role("button", name="Open", exact=True).click()
        phone.get_by_role("button", name="Approve").click()
        expect(window.get_by_role("heading", name="Welcome back, Anna")).to_be_visible()
        phone.get_by_role("button", name="Done").click()
        window.get_by_role("button", name="Sign out").click()
        window.get_by_role("button", name="Scan a code").click()
        text = window.get_by_role("region", name="The shop").locator("code")
        expect(text).not_to_be_empty()
        scan(phone, text.inner_text())
        expect(window.get_by_role("heading", name="Welcome back, Anna")).to_be_visible()
        assert phone.evaluate("crossOriginIsolated && isSecureContext")
        assert "Your browser is Anna's phone" in window.get_by_role("region", name="Anna's phone").inner_text()
    window.get_by_role("button", name="Use the phone on this page").click()
    expect(window.get_by_text("Anna is enrolled. Nothing to approve.", exact=True)).to_be_visible()
    assert visitor.state()["phone"]["browser"] == ""
    assert errors == []


def test_code_of_a_link_reaches_no_server(demo, window):
    """The browser sends neither the part after `#` nor a referrer with it."""
    proxy = TcpProxy(socket.AF_INET, ("127.0.0.1", demo.port))
    try:
        link = f"server=http%3A%2F%2Flocalhost%3A{demo.port}&application_id=demo&code={CODE}"
        window.goto(f"http://localhost:{proxy.port}/phone/#{link}")
        expect(window.get_by_role("heading", name="Add this account?")).to_be_visible()
    finally:
        proxy.disconnect()
    assert b"GET /phone/app.js" in proxy.forwarded
    assert CODE.encode() not in proxy.forwarded


@pytest.mark.parametrize("path", ["/demo/", "/demo/real-phone/"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_the_demo_are_accessible(window, path, scheme):
    window.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    window.set_viewport_size({"width": 390, "height": 800})
    window.goto(path)
    window.evaluate(AXE_SCRIPT)
    assert violations(window) == []
    assert layout_problems(window) == []
