"""A visit to every screen of the web phone, for the tests of accessibility and for the pictures of the documents."""

from playwright.sync_api import expect

from tests.phone.browser import OTHER_PIN, PIN, VirtualAuthenticator
from tests.phone.site import MAX_PIN_ATTEMPTS

PAYMENT = "Pay € 38.50\nto Larkspur Flowers\nIBAN NL02 ABNA 0123 4567 89\nreference 2026-1128"

UNSUBSCRIBE = """() => {
    globalThis.getSubscription = PushManager.prototype.getSubscription;
    PushManager.prototype.getSubscription = async () => null;
}"""


def visit_screens(phone, site, user_id="anna"):
    """Yield the name of each screen while it is open. The window has no account before."""
    yield from _add_account(phone, site, user_id)
    yield from _answer_requests(phone, site, user_id)
    yield from _manage_account(phone, site)
    yield from _lose_account(phone, site, user_id)


def _add_account(phone, site, user_id):
    phone.open()
    expect(phone.page.get_by_text("No account yet")).to_be_visible()
    yield "empty"
    phone.press("Add account")
    phone.title("Add an account")
    yield "add"
    phone.page.get_by_label("Enrolment link").fill("https://example.com/")
    phone.page.get_by_role("button", name="Continue").first.click()
    expect(phone.page.get_by_role("alert")).to_be_visible()
    yield "add-error"
    phone.page.get_by_label("Enrolment link").fill(site.enrollment(user_id)["web_enrollment_uri"])
    phone.page.get_by_role("button", name="Continue").first.click()
    phone.title("Add this account?")
    yield "confirm"
    VirtualAuthenticator(phone)
    phone.press("Add account")
    phone.title("Set PIN")
    expect(phone.page.get_by_label("Choose a PIN")).to_be_focused()
    yield "set-pin"
    phone.set_pin()
    phone.title("Use your fingerprint?")
    yield "fingerprint"
    phone.press("Set up fingerprint")
    phone.title("Notifications")
    yield "push"


def _answer_requests(phone, site, user_id):
    site.start(user_id, "login-fingerprint", secure_message="Anna, you are about to sign in from Firefox on Windows.")
    transaction = site.start(user_id, "login-number", message="Sign in to the help desk?")
    phone.press("Back")
    phone.page.evaluate(UNSUBSCRIBE)
    phone.press("Notifications")
    expect(phone.page.get_by_role("button", name="Turn on notifications")).to_be_visible()
    yield "push-ask"
    phone.page.evaluate("PushManager.prototype.getSubscription = globalThis.getSubscription")
    phone.press("Turn on notifications")
    expect(phone.page.get_by_text("Notifications are on")).to_be_visible()
    phone.press("Back")
    phone.wake()
    expect(phone.page.get_by_role("button", name="Open", exact=True)).to_have_count(2)
    yield "requests"
    phone.page.get_by_role("button", name="Open", exact=True).first.click()
    phone.title("Approve?")
    expect(phone.page.get_by_role("timer")).not_to_be_empty()
    yield "request-fingerprint"
    phone.press("This was not me")
    yield "report"
    phone.press("Cancel")
    phone.press("Approve with fingerprint")
    phone.title("Approved")
    yield "approved"
    phone.press("Next request")
    phone.page.get_by_label("Number on the website").fill(transaction["verification_number"])
    yield "request-number"
    phone.press("Deny")
    phone.title("Denied")
    yield "denied"
    phone.press("Done")
    site.start(user_id, "pay", message="Pay € 38.50?", signing_data=PAYMENT)
    phone.wake()
    phone.show_request()
    yield "request-signing"
    phone.press("Approve with PIN")
    phone.enter_pin(OTHER_PIN, "Approve")
    expect(phone.page.get_by_role("alert")).to_contain_text("Wrong PIN.")
    yield "request-pin"
    phone.enter_pin(PIN, "Approve")
    phone.title("Approved")
    phone.press("Done")
    site.start(user_id, "code-fingerprint", message="Show the code for the terminal?")
    phone.wake()
    phone.page.get_by_role("button", name="Open", exact=True).click()
    phone.title("Show the code?")
    yield "code"
    phone.press("Show the code with fingerprint")
    phone.title("Your code")
    yield "code-shown"
    phone.press("Deny")
    phone.press("Done")
    phone.press("Scan a one-time password")
    yield "one-time-password"
    phone.press("Back")
    phone.title("Your accounts")


def _manage_account(phone, site):
    yield "accounts"
    phone.page.get_by_role("button", name="Manage: Shop").click()
    phone.title("Shop")
    yield "account"
    phone.press("Remove account")
    phone.title("Remove this account?")
    yield "remove"
    phone.press("Cancel")
    phone.press("Back")


def _lose_account(phone, site, user_id):
    site.start(user_id, "login-pin")
    phone.wake()
    phone.show_request()
    phone.press("Approve with PIN")
    for attempt in range(MAX_PIN_ATTEMPTS):
        phone.enter_pin(OTHER_PIN, "Approve")
        if attempt < MAX_PIN_ATTEMPTS - 1:
            expect(phone.page.get_by_role("alert")).to_contain_text(f"{MAX_PIN_ATTEMPTS - 1 - attempt} attempt")
    phone.title("Disconnected")
    yield "disconnected"
    phone.press("Done")
    phone.page.get_by_role("button", name="Open: Shop").click()
    yield "add-again"
    phone.page.goto(f"{site.base}/phone/offline.html")
    yield "offline"
