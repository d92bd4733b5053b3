"""Pushes to the web phone: from the server to the notification and its tap, and what the app says without push."""

import json

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.flows.waiting import wait_until
from tests.phone.browser import PIN, phone_window
from tests.phone.site import phone_origin

pytestmark = [pytest.mark.processes, needs_browser]
NOTIFICATIONS = """async () => {
    const registrations = await navigator.serviceWorker.getRegistrations();
    const shown = await Promise.all(registrations.map((one) => one.getNotifications()));
    return shown.flat().map(({ title, body, tag }) => ({ title, body, tag }));
}"""
SCOPES = "async () => (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => scope)"
TAP = """async (tag) => {
    globalThis.opened = [];
    self.clients.openWindow = async (url) => opened.push(url);
    const [notification] = await self.registration.getNotifications({ tag });
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
}"""
# The service worker tells the pages about a push when its notification is shown.
COUNT_PUSHES = """() => {
    const { serviceWorker } = navigator;
    if (globalThis.pushes === undefined) {
        serviceWorker.addEventListener("message", ({ data }) => {
            if (data.kind === "pushed") globalThis.pushes += 1;
        });
    }
    globalThis.pushes = 0;
}"""
PUSHES_SHOWN = "(count) => globalThis.pushes === count"
OPEN_PAGES = "async () => (await self.clients.matchAll({ includeUncontrolled: true })).length"
CHANGE_SUBSCRIPTION = """([token, key]) => {
    const event = new ExtendableEvent("pushsubscriptionchange");
    const bytes = Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    event.newSubscription = { options: { applicationServerKey: bytes.buffer }, toJSON: () => token };
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
    """Service worker of a phone, with the DevTools protocol: the one of the page, or of an additional key."""

    def __init__(self, phone, path=""):
        self.phone = phone
        self.scope = f"{phone.site.phone}{path}"
        self.session = phone.context.new_cdp_session(phone.page)
        self.registrations = {}
        self.session.on("ServiceWorker.workerRegistrationUpdated", self._update)
        self.session.send("ServiceWorker.enable")
        phone.page.evaluate("async () => void (await navigator.serviceWorker.ready)")
        self.page = phone.page

    def _update(self, event):
        self.registrations |= {one["scopeURL"]: one["registrationId"] for one in event["registrations"]}

    @property
    def script(self):
        workers = self.phone.context.service_workers
        [worker] = [worker for worker in workers if worker.evaluate("self.registration.scope") == self.scope]
        return worker

    def deliver(self, *pushes):
        """Deliver decrypted pushes at once, as the push service of the browser does, and wait for the notifications.

        If a page reads the notifications meanwhile, Chromium loses some of them or shows them twice.
        """
        registration = wait_until(lambda: self.registrations.get(self.scope))
        self.page.evaluate(COUNT_PUSHES)
        origin = self.phone.site.phone.removesuffix("/phone/")
        for push in pushes:
            parameters = {"origin": origin, "registrationId": registration, "data": push}
            self.session.send("ServiceWorker.deliverPushMessage", parameters)
        self.page.wait_for_function(PUSHES_SHOWN, arg=len(pushes))

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
    bodies = [received(phone_site, zoe.push_tokens["shop"], transaction) for transaction in started]
    worker.deliver(*bodies, bodies[0])
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


def test_applications_with_different_keys_get_pushes(phone, phone_site):
    phone.enroll("yann")
    phone.add("yann-bank", "bank", "Notifications")
    expect(phone.page.get_by_text("Requests arrive when this app is closed.")).to_be_visible()
    phone.press("Done")
    for user_id, application_id in (("yann", "shop"), ("yann-bank", "bank")):
        key = phone_site.vapid_keys[application_id]
        worker = Worker(phone, "" if application_id == "shop" else f"push/{key}/")
        transaction = phone_site.start(user_id, message=f"Sign in to the {application_id}?")
        # The push service rejects the key of the other application.
        worker.deliver(received(phone_site, phone.push_tokens[application_id], transaction))
        worker.notifications(1)
        worker.script.evaluate(TAP, transaction["transaction_id"])
        phone.title("Approve?")
        expect(phone.page.locator(".message")).to_have_text(f"Sign in to the {application_id}?")
        phone.press("Approve")
        phone.title("Approved")
        worker.notifications(0)
        phone.press("Done")
    phone.page.get_by_role("button", name="Manage: Bank").click()
    phone.press("Remove account")
    phone.press("Remove")
    phone.title("Your accounts")
    phone.home()
    expect(phone.page.get_by_text("Notifications are on")).to_be_visible()
    wait_until(lambda: len(phone.page.evaluate(SCOPES)) == 1)


def test_phone_on_its_own_origin_gets_pushes_and_approves(phone_chromium, phone_site):
    with phone_origin(phone_site) as site, phone_window(phone_chromium, site) as phone:
        link = site.enrollment("otto")["web_enrollment_uri"]
        assert link.startswith(f"{site.phone}#")
        # Also a link from before the change: the browser keeps the part after `#`.
        phone.open(link.replace(site.phone_origin, site.base))
        phone.title("Add this account?")
        assert phone.page.url == site.phone
        phone.press("Add account")
        phone.set_pin()
        phone.title("Notifications")
        phone.home()
        worker = Worker(phone)
        transaction = site.start("otto", "login-pin")
        worker.deliver(received(site, phone.push_tokens["shop"], transaction))
        worker.notifications(1)
        worker.script.evaluate(TAP, transaction["transaction_id"])
        phone.title("Approve?")
        phone.press("Approve with PIN")
        phone.enter_pin(PIN, "Approve")
        phone.title("Approved")
        assert site.result(transaction)["is_authenticated"]
        assert phone.page.evaluate("crossOriginIsolated && isSecureContext")
        paths = {url.removeprefix(site.base).split("/")[1] for url in phone.requests if url.startswith(site.base)}
        # The first request follows the link.
        assert paths == {"phone", "device"}
        assert phone.logged == []


def test_account_without_requests_shows_where_they_go(phone_chromium, phone, phone_site):
    phone.enroll("nora")
    with phone_window(phone_chromium, phone_site, has_push=False) as second:
        second.add("nora")
        second.open()
        expect(second.page.get_by_text("Requests go to your other device.")).to_be_visible()
        expect(second.page.get_by_text("Requests appear here")).to_have_count(0)

    [enrolled] = [each for each in phone_site.devices("nora") if each["pushAuthenticationEnabled"]]
    phone_site.call(f"users/nora/devices/{enrolled['id']}/disablePushAuthentication", {})
    phone.home()
    expect(phone.page.get_by_text("This browser gets no requests.")).to_be_visible()
    expect(phone.page.get_by_text("Notifications are off")).to_be_visible()
    assert not any(each["pushAuthenticationEnabled"] for each in phone_site.devices("nora"))
    phone.press("Notifications")
    phone.press("Turn on notifications")
    expect(phone.page.get_by_text("Requests arrive when this app is closed.")).to_be_visible()
    assert any(each["pushAuthenticationEnabled"] for each in phone_site.devices("nora"))
    phone.home()
    expect(phone.page.get_by_text("This browser gets no requests.")).to_have_count(0)


def test_tap_without_an_open_page_opens_the_request(zoe, phone_site):
    zoe.home()
    worker = Worker(zoe)
    transaction = phone_site.start("zoe")
    worker.deliver(received(phone_site, zoe.push_tokens["shop"], transaction))
    worker.notifications(1)
    worker.page = zoe.context.new_page()
    worker.page.goto(f"{phone_site.base}/phone/manifest.webmanifest")
    zoe.page.goto("about:blank")
    worker.page.goto("about:blank")
    wait_until(lambda: not worker.script.evaluate(OPEN_PAGES))
    worker.script.evaluate(TAP, transaction["transaction_id"])
    [url] = wait_until(lambda: worker.script.evaluate("globalThis.opened"))
    worker.page.close()
    zoe.open(url)
    zoe.title("Approve?")
    assert zoe.page.url == phone_site.phone
    zoe.press("Approve")
    zoe.title("Approved")


def test_changed_subscription_replaces_the_push_token(zoe, phone_site):
    zoe.home()
    worker = Worker(zoe)
    key = phone_site.vapid_keys["shop"]
    token = phone_site.push_service.subscribe(key)
    # The app sends the subscription of the browser at each start.
    zoe.page.goto("about:blank")
    worker.script.evaluate(CHANGE_SUBSCRIPTION, [json.loads(token), key])
    wait_until(lambda: json.loads(token)["endpoint"] in worker.script.evaluate(STORED_VALUES))
    transaction = phone_site.start("zoe")
    assert received(phone_site, token, transaction)
    phone_site.cancel(transaction)


def test_new_key_of_the_server_replaces_the_subscription(zoe, phone_site):
    old, new = phone_site.vapid_keys.values()

    def replace_key(route):
        route.fulfill(body=route.fetch().text().replace(old, new))

    zoe.page.route("**/config.json", replace_key)
    zoe.home()
    endpoint = json.loads(zoe.push_tokens["bank"])["endpoint"]
    wait_until(lambda: endpoint in zoe.page.evaluate(STORED_VALUES))
    zoe.page.unroute("**/config.json")


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
    page.goto(zoe.site.phone)
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
    page.goto(zoe.site.phone)
    page.get_by_role("button", name="Notifications").click()
    page.get_by_role("button", name="Turn on notifications").click()
    expect(page.get_by_role("alert")).to_contain_text("could not reach its push service")
    page.close()


def test_offline_page_is_shown_without_a_network(zoe):
    zoe.home()
    zoe.page.evaluate("async () => void (await navigator.serviceWorker.ready)")
    zoe.context.set_offline(True)
    zoe.page.goto(zoe.site.phone)
    zoe.title("No connection")
    zoe.context.set_offline(False)
    zoe.page.get_by_role("link", name="Try again").click()
    zoe.title("Your accounts")
