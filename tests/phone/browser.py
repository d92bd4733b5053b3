"""The web phone in a browser window."""

import json
import re
from contextlib import contextmanager

from playwright.sync_api import expect

from tests.demo.running import STEP_SECONDS

PIN, OTHER_PIN = "48203", "73915"
SMALL = {"width": 390, "height": 760}


STORED_KEYS = """() => new Promise((resolve) => {
    indexedDB.open("countersign").onsuccess = ({ target: { result } }) => {
        result.transaction("keys").objectStore("keys").getAllKeys().onsuccess = ({ target }) => {
            result.close();
            resolve(target.result);
        };
    };
})"""


class PhoneWindow:
    """Window of a web phone. `push_tokens` are those of its subscriptions by application, `requests` are URLs.

    `violations` are script errors and reports of its policy.
    """

    def __init__(self, context, site, push_tokens):
        self.context, self.site, self.push_tokens = context, site, push_tokens
        self.requests, self.violations, self.logged = [], [], []
        context.on("request", lambda request: self.requests.append(request.url))
        self.page = self.new_page()

    def new_page(self):
        page = self.context.new_page()
        page.set_default_timeout(STEP_SECONDS * 1000)
        page.on("pageerror", lambda error: self.violations.append(str(error)))
        page.on("console", self._log)
        return page

    def _log(self, message):
        self.logged.append(message.text)
        if "Content Security Policy" in message.text or "TrustedScript" in message.text:
            self.violations.append(message.text)

    def open(self, link=None):
        self.page.goto(link or self.site.phone)
        return self

    def title(self, text):
        """Wait for a screen."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(text)

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def enter_pin(self, pin, submit, label="PIN"):
        self.page.get_by_label(label, exact=True).fill(pin)
        self.press(submit)

    def add(self, user_id, application_id="shop", next_screen="Set PIN"):
        """Add the account of a user, until the screen of the PIN."""
        # A link that differs from the current page only after `#` would not load it.
        self.page.goto("about:blank")
        self.open(self.site.enrollment(user_id, application_id)["web_enrollment_uri"])
        self.title("Add this account?")
        self.press("Add account")
        self.title(next_screen)

    def set_pin(self, pin=PIN):
        self.enter_pin(pin, "Continue", "Choose a PIN")
        self.enter_pin(pin, "Set PIN", "Repeat the PIN")

    def enroll(self, user_id):
        """Add the account of a user with a PIN, and return to the first screen."""
        self.add(user_id)
        self.set_pin()
        self.title("Notifications")
        self.home()

    def home(self):
        self.open()
        self.title("Your accounts")

    def wake(self):
        """Make the app poll now, as if its window had become visible."""
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def stored_keys(self):
        """Return the ids of the stored keys."""
        return self.page.evaluate(STORED_KEYS)

    def show_request(self):
        """Open the only waiting request."""
        self.page.get_by_role("button", name="Open", exact=True).click()
        self.title("Approve?")
        expect(self.page.get_by_role("timer")).to_have_text(re.compile(r"\d:\d\d"))

    def close(self):
        self.context.close()
        assert self.violations == []


AUTHENTICATOR = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "hasPrf": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class VirtualAuthenticator:
    """Authenticator of the device, with user verification and PRF. It belongs to one page until that is reloaded."""

    def __init__(self, window, **options):
        self._session = window.context.new_cdp_session(window.page)
        self._session.send("WebAuthn.enable")
        added = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": {**AUTHENTICATOR, **options}})
        self._id = added["authenticatorId"]

    def send(self, command, **parameters):
        return self._session.send(f"WebAuthn.{command}", {"authenticatorId": self._id, **parameters})


# The browser of the tests reaches no push service: its subscriptions are those of the fake, one for each public key.
# At the start, the registration of the page has the one of the first key.
FAKE_PUSH = """(tokens) => {
    if (!globalThis.PushManager || location.origin === "null") return;
    const decode = (key) => Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const create = ([key, { endpoint, keys }]) => {
        const options = { applicationServerKey: decode(key).buffer };
        const methods = { toJSON: () => ({ endpoint, keys }), unsubscribe: async () => true };
        return [key, { endpoint, keys, options, ...methods }];
    };
    const subscriptions = Object.fromEntries(Object.entries(tokens).map(create));
    const keys = { [new URL("/phone/", location).href]: Object.keys(tokens)[0] };
    const { get } = Object.getOwnPropertyDescriptor(ServiceWorkerRegistration.prototype, "pushManager");
    Object.defineProperty(ServiceWorkerRegistration.prototype, "pushManager", {
        get() { return Object.assign(get.call(this), { scope: this.scope }); },
    });
    PushManager.prototype.getSubscription = async function () { return subscriptions[keys[this.scope]] ?? null; };
    PushManager.prototype.subscribe = async function ({ applicationServerKey }) {
        keys[this.scope] = applicationServerKey;
        return subscriptions[applicationServerKey];
    };
}"""


@contextmanager
def phone_window(chromium, site, *, has_push=True, **options):
    """Open a phone whose browser has a push subscription and allows notifications, unless it has no push."""
    context = chromium.new_context(**{"viewport": SMALL, "locale": "en-GB", **options})
    push_tokens = {application: site.push_service.subscribe(key) for application, key in site.vapid_keys.items()}
    subscriptions = {key: json.loads(push_tokens[application]) for application, key in site.vapid_keys.items()}
    fake = f"({FAKE_PUSH})({json.dumps(subscriptions)})"
    context.add_init_script(fake if has_push else "delete globalThis.PushManager")
    context.grant_permissions(["notifications"])
    window = PhoneWindow(context, site, push_tokens)
    yield window
    window.close()
