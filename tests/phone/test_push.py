"""Pushes to the web phone: from the server to the notification and its tap, and what the app says without push."""

import json

import pytest
from playwright.sync_api import expect

from tests.console.conftest import needs_browser
from tests.flows.waiting import wait_until
from tests.phone.browser import phone_window

pytestmark = [pytest.mark.processes, needs_browser]
NOTIFICATIONS = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
    .map(({ title, body, tag }) => ({ title, body, tag }))"""
TAP = """async (tag) => {
    globalThis.opened = [];
    self.clients.openWindow = async (url) => opened.push(url);
    const [notification] = await self.registration.getNotifications({ tag });
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
}"""
CHANGE_SUBSCRIPTION = """(token) => {
    const event = new ExtendableEvent("pushsubscriptionchange");
    event.newSubscription = token;
    self.dispatchEvent(event);
}"""

STORED_VALUES = """() => new Promise((resolve) => {
    indexedDB.open("countersign").onsuccess = ({ target: { result } }) => {
        result.transaction("values").objectStore("values").getAll().onsuccess = ({ target }) => {
            result.close();
            resolve(JSON.stringify(target.result));
        };
    };
})"""


class Worker:
    """Service worker of a phone, with the DevTools protocol."""

    def __init__(self, phone):
        self.phone = phone
        self.session = phone.context.new_cdp_session(phone.page)
        self.versions = []
        self.session.on("ServiceWorker.workerVersionUpdated", lambda event: self.versions.extend(event["versions"]))
        self.session.send("ServiceWorker.enable")
        phone.page.evaluate("async () => void (await navigator.serviceWorker.ready)")
        self.page = phone.page

    @property
    def script(self):
        [worker] = self.phone.context.service_workers
        return worker

    def deliver(self, data):
        """Deliver a decrypted push, as the push service of the browser does."""
        registration = wait_until(lambda: [version["registrationId"] for version in self.versions])[-1]
        parameters = {"origin": self.phone.site.base, "registrationId": registration, "data": data}
        self.session.send("ServiceWorker.deliverPushMessage", parameters)

    def notifications(self, count):
        """Wait for a number of notifications and return them."""
        wait_until(lambda: len(self.page.evaluate(NOTIFICATIONS)) == count)
        return self.page.evaluate(NOTIFICATIONS)


@pytest.fixture(scope="module")
def zoe(phone_chromium, phone_site):
    with phone_window(phone_chromium, phone_site) as window:
        window.enroll("zoe")
        yield window


def received(site, token, transaction):
    """Wait until the push service has received the push of a transaction, and return its content."""

    def find():
        bodies = [record["body"] for record in site.push_service.wait(token, 0, 201, 0)]
        return [body for body in bodies if transaction["transaction_id"] in body]

    return wait_until(find)[0]


def test_pushes_are_shown_and_a_tap_opens_the_request(zoe, phone_site):
    worker = Worker(zoe)
    started = [phone_site.start("zoe", message=f"Sign in to shop {number}?") for number in (1, 2)]
    bodies = [received(phone_site, zoe.push_token, transaction) for transaction in started]
    for body in [*bodies, bodies[0]]:
        worker.deliver(body)
    shown = worker.notifications(2)
    assert {(one["title"], one["body"]) for one in shown} == {
        ("Countersign", "Sign in to shop 1?"),
        ("Countersign", "Sign in to shop 2?"),
    }
    worker.script.evaluate(TAP, started[1]["transaction_id"])
    zoe.title("Approve?")
    expect(zoe.page.get_by_text("Sign in to shop 2?")).to_be_visible()
    zoe.press("Approve")
    zoe.title("Approved")
    zoe.press("Next request")
    expect(zoe.page.get_by_text("Sign in to shop 1?")).to_be_visible()
    zoe.press("Deny")
    zoe.title("Denied")
    worker.notifications(0)


def test_tap_without_an_open_page_opens_the_request(zoe, phone_site):
    zoe.home()
    worker = Worker(zoe)
    transaction = phone_site.start("zoe")
    worker.deliver(received(phone_site, zoe.push_token, transaction))
    worker.notifications(1)
    worker.page = zoe.context.new_page()
    worker.page.goto(f"{phone_site.base}/phone/manifest.webmanifest")
    zoe.page.goto("about:blank")
    worker.page.goto("about:blank")
    worker.script.evaluate(TAP, transaction["transaction_id"])
    [url] = wait_until(lambda: worker.script.evaluate("globalThis.opened"))
    worker.page.close()
    zoe.open(url)
    zoe.title("Approve?")
    assert zoe.page.url == f"{phone_site.base}/phone/"
    zoe.press("Approve")
    zoe.title("Approved")


def test_changed_subscription_replaces_the_push_token(zoe, phone_site):
    zoe.home()
    worker = Worker(zoe)
    token = phone_site.push_service.subscribe()
    # The app sends the subscription of the browser at each start.
    zoe.page.goto("about:blank")
    worker.script.evaluate(CHANGE_SUBSCRIPTION, json.loads(token))
    wait_until(lambda: json.loads(token)["endpoint"] in worker.script.evaluate(STORED_VALUES))
    transaction = phone_site.start("zoe")
    assert received(phone_site, token, transaction)
    phone_site.cancel(transaction)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("delete globalThis.PushManager", "This browser has no push notifications."),
        (
            "delete globalThis.PushManager; Object.defineProperty(navigator, 'userAgent', { value: 'iPhone' })",
            "On iPhone and iPad, install the app first",
        ),
        (
            "Object.defineProperty(Notification, 'permission', { value: 'denied' })",
            "You have blocked notifications.",
        ),
    ],
)
def test_reason_is_shown_if_push_is_not_possible(zoe, change, text):
    page = zoe.new_page()
    page.add_init_script(change)
    page.goto(f"{zoe.site.base}/phone/")
    page.get_by_role("button", name="Notifications").click()
    expect(page.get_by_role("status").filter(has_text="Notifications are off")).to_be_visible()
    expect(page.get_by_text(text)).to_be_visible()
    page.close()


def test_unreachable_push_service_is_reported(zoe):
    page = zoe.new_page()
    page.add_init_script("""
        PushManager.prototype.getSubscription = async () => null;
        PushManager.prototype.subscribe = async () => { throw new DOMException("no service", "AbortError"); };
    """)
    page.goto(f"{zoe.site.base}/phone/")
    page.get_by_role("button", name="Notifications").click()
    page.get_by_role("button", name="Turn on notifications").click()
    expect(page.get_by_role("alert")).to_contain_text("could not reach its push service")
    page.close()


def test_offline_page_is_shown_without_a_network(zoe):
    zoe.home()
    zoe.page.evaluate("async () => void (await navigator.serviceWorker.ready)")
    zoe.context.set_offline(True)
    zoe.page.goto(f"{zoe.site.base}/phone/")
    zoe.title("No connection")
    zoe.context.set_offline(False)
    zoe.page.get_by_role("link", name="Try again").click()
    zoe.title("Your accounts")
