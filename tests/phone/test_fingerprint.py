"""Fingerprint on the web phone: a virtual authenticator with user verification and PRF."""

import pytest
from playwright.sync_api import expect

from tests.console.conftest import needs_browser
from tests.phone.browser import PIN, VirtualAuthenticator

pytestmark = [pytest.mark.processes, needs_browser]


def register(phone, user_id):
    """Enrol, and set up the fingerprint with the PIN that was just set."""
    phone.add(user_id)
    phone.set_pin()
    phone.title("Use your fingerprint?")
    phone.press("Set up fingerprint")
    phone.title("Notifications")


def open_request(phone, site, user_id):
    transaction = site.start(user_id, "login-fingerprint")
    # The fingerprint belongs to the page: a reload would remove the virtual authenticator.
    phone.press("Back")
    phone.wake()
    phone.show_request()
    return transaction


def test_fingerprint_approves(phone, phone_site):
    VirtualAuthenticator(phone)
    register(phone, "lena")
    transaction = open_request(phone, phone_site, "lena")
    phone.press("Approve with fingerprint")
    phone.title("Approved")
    assert phone_site.result(transaction)["is_authenticated"]


def test_failed_fingerprint_leaves_the_pin(phone, phone_site):
    authenticator = VirtualAuthenticator(phone)
    register(phone, "mila")
    transaction = open_request(phone, phone_site, "mila")
    authenticator.send("setUserVerified", isUserVerified=False)
    phone.press("Approve with fingerprint")
    expect(phone.page.get_by_role("alert")).to_contain_text("was not confirmed")
    assert phone_site.result(transaction)["status"] == "pending"
    phone.press("Use PIN")
    phone.enter_pin(PIN, "Approve")
    phone.title("Approved")


def test_token_cannot_be_decrypted_without_the_authenticator(phone, phone_site):
    authenticator = VirtualAuthenticator(phone)
    register(phone, "nora")
    open_request(phone, phone_site, "nora")
    authenticator.send("clearCredentials")
    phone.press("Approve with fingerprint")
    expect(phone.page.get_by_role("alert")).to_contain_text("was not confirmed")


def test_authenticator_without_prf_offers_the_pin(phone):
    VirtualAuthenticator(phone, hasPrf=False)
    phone.add("olaf")
    phone.set_pin()
    phone.title("Use your fingerprint?")
    phone.press("Set up fingerprint")
    expect(phone.page.get_by_role("alert")).to_contain_text("Use the PIN.")
    phone.press("Not now")
    phone.title("Notifications")


def test_fingerprint_is_set_up_later_with_the_pin(phone):
    VirtualAuthenticator(phone)
    phone.add("pia")
    phone.set_pin()
    phone.press("Not now")
    phone.press("Back")
    phone.page.get_by_role("button", name="Manage: Shop").click()
    phone.press("Set up fingerprint")
    phone.enter_pin(PIN, "Set up fingerprint")
    phone.title("Shop")
    expect(phone.page.get_by_text("Not set up")).to_have_count(0)
