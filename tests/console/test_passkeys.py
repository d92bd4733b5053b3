"""Passkeys as a second factor, with the virtual authenticator of a real browser."""

import json

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.console.conftest import sign_in_with_browser

PASSWORD = "a password of Karin's own"
OVERVIEW = "/admin/second-factor/"


@pytest.mark.processes
@needs_browser
def test_passkey_is_added_used_renamed_and_removed(demo, window):
    first = json.loads(demo.command("create_staff", "karin", "--role", "helpdesk", "--json"))["password"]
    authenticator = window.context.new_cdp_session(window)
    authenticator.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    authenticator.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    sign_in_with_browser(window, "karin", first)
    for name, text in (("old_password", first), ("new_password1", PASSWORD), ("new_password2", PASSWORD)):
        window.locator(f"[name={name}]").fill(text)
    window.locator("[name=new_password2]").press("Enter")
    window.wait_for_url("**/admin/")

    window.goto(OVERVIEW)
    window.locator("#password").fill(PASSWORD)
    window.locator("#password").press("Enter")
    window.wait_for_url(f"**{OVERVIEW}")
    window.locator("#new-passkey").fill("Blue key")
    window.get_by_role("button", name="Add a passkey").click()
    expect(window.get_by_text("The passkey was added.")).to_be_visible()
    window.get_by_label("Name", exact=True).fill("Red key")
    window.get_by_role("button", name="Rename").click()
    expect(window.get_by_label("Name", exact=True)).to_have_value("Red key")
    # The authenticator already has a passkey of this account.
    window.get_by_role("button", name="Add a passkey").click()
    expect(window.get_by_role("alert").filter(has_text="The passkey was not used")).to_be_visible()

    window.context.clear_cookies()
    sign_in_with_browser(window, "karin", PASSWORD)
    window.wait_for_url("**/second-factor/check/**")
    # The signature of another key is rejected.
    window.route("**/check/passkey/**", lambda route: route.continue_(post_data=with_other_signature(route.request)))
    window.get_by_role("button", name="Use a passkey").click()
    expect(window.get_by_text("This passkey was not accepted.")).to_be_visible()
    window.unroute("**/check/passkey/**")
    window.get_by_role("button", name="Use a passkey").click()
    window.wait_for_url("**/admin/")
    expect(window.get_by_text("Transactions of the last 24 hours")).to_be_visible()

    window.goto(OVERVIEW)
    window.locator("#password").fill(PASSWORD)
    window.locator("#password").press("Enter")
    window.get_by_role("button", name="Remove").click()
    expect(window.get_by_text("The passkey was removed.")).to_be_visible()
    window.context.clear_cookies()
    sign_in_with_browser(window, "karin", PASSWORD)
    window.wait_for_url("**/admin/")


def with_other_signature(request):
    sent = request.post_data_json
    signature = sent["response"]["signature"]
    sent["response"]["signature"] = signature[:-8] + ("AAAAAAAA" if signature[-8:] != "AAAAAAAA" else "BBBBBBBB")
    return json.dumps(sent)
