"""Fingerprint and custom authenticators on the web phone: a virtual authenticator with user verification and PRF."""

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.phone.browser import PIN, VirtualAuthenticator

pytestmark = [pytest.mark.processes, needs_browser]


def register(phone, user_id):
    """Enrol, and set up fingerprint and custom authenticator with the PIN that was just set."""
    phone.add(user_id)
    phone.set_pin()
    phone.title("Use your fingerprint?")
    phone.press("Set up fingerprint")
    phone.title("Notifications")


def open_request(phone, site, user_id, mobile_type="login-fingerprint", back="Back"):
    transaction = site.start(user_id, mobile_type)
    # The fingerprint belongs to the page: a reload would remove the virtual authenticator.
    phone.press(back)
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


def test_custom_authenticator_approves(phone, phone_site):
    authenticator = VirtualAuthenticator(phone)
    register(phone, "kira")
    transaction = open_request(phone, phone_site, "kira", "login-custom")
    expect(phone.page.get_by_role("button", name="Approve with fingerprint")).to_have_count(0)
    phone.press("Approve with face")
    phone.title("Approved")
    result = phone_site.result(transaction)
    assert (result["is_authenticated"], result["authentication_method"]) == (True, "push_with_custom_authenticator")
    # One check of the user has set up both.
    assert len(authenticator.send("getCredentials")["credentials"]) == 1


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


def test_authenticator_without_prf_offers_the_pin(phone, phone_site):
    VirtualAuthenticator(phone, hasPrf=False)
    phone.add("olaf")
    phone.set_pin()
    phone.title("Use your fingerprint?")
    phone.press("Set up fingerprint")
    expect(phone.page.get_by_role("alert")).to_contain_text("Use the PIN.")
    phone.press("Not now")
    phone.title("Notifications")
    for mobile_type, back in (("login-fingerprint", "Back"), ("login-custom", "Done")):
        transaction = open_request(phone, phone_site, "olaf", mobile_type, back)
        phone.press("Approve with PIN")
        phone.enter_pin(PIN, "Approve")
        phone.title("Approved")
        assert phone_site.result(transaction)["is_authenticated"]


def test_authenticators_are_set_up_later_with_the_pin(phone):
    VirtualAuthenticator(phone)
    phone.add("pia")
    phone.set_pin()
    phone.press("Not now")
    phone.press("Back")
    phone.page.get_by_role("button", name="Manage: Shop").click()
    for label in ("Set up fingerprint", "Set up face"):
        expect(phone.page.get_by_text("Authenticator face")).to_be_visible()
        phone.press(label)
        phone.enter_pin(PIN, label)
        phone.title("Shop")
    expect(phone.page.get_by_text("Set up", exact=True)).to_have_count(3)
    expect(phone.page.get_by_text("Not set up")).to_have_count(0)
    phone.press("Back")
    phone.title("Your accounts")
