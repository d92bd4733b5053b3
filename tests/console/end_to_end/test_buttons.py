"""End-to-end tests of every button of the console, against fakes of the external systems."""

import csv
import itertools
import json

import pytest
from django.contrib import admin
from playwright.sync_api import expect

from apps.demo.device import Device, DeviceApiError
from apps.push.providers.web_push import vapid
from tests.browsers import needs_browser
from tests.console.end_to_end.pages import assert_fits, code_in
from tests.console.end_to_end.portal import Portal
from tests.console.end_to_end.site import scan
from tests.fakes.keycloak import Keycloak
from tests.flows.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120), needs_browser]

# The pages are registered when a server starts. Here, only the tests use them.
admin.autodiscover()
SECRET = "a-client-secret-that-only-tests-know"
NUMBER = "+31623456789"
ENDPOINTS = "Callback endpoints"
_numbers = itertools.count(1)


def configuration(site):
    google = site.fcm.describe()
    client = {"client_secret": SECRET, "apis": ["mobile_authentication", "end_user"]}
    push = {"platform": "android", "fcm_api_version": "http_v1"}
    version = {"platform": "android", "version": "1.0.0", "push_messaging_configuration": "google"}
    return {
        "general": {"max_consecutive_code_failures": 2},
        "api_clients": [{"name": name, "client_id": name.lower(), **client} for name in ("Portal", "Rotating")],
        "push_messaging_configurations": [
            {"name": "google", **push, "service_account": google["service_account"], "endpoint": google["endpoint"]}
        ],
        "applications": [{"identifier": "shop", "name": "Shop", "versions": [version]}],
        "mobile_authentication_types": [
            {"name": "login", "method": "push", "max_resends": 1, "default_messages": {"en": "Sign in?"}},
            {"name": "text", "method": "sms", "max_attempts": 0, "default_messages": {"en": "Your code: {code}"}},
        ],
        "callback_endpoints": [{"url": f"{site.fake_portal.url}/callback"}],
    }


@pytest.fixture(scope="session")
def configured_site(console_site):
    console_site.stack.configure(configuration(console_site))


@pytest.fixture
def portal(site, configured_site):
    """The portal of a configured site."""
    return Portal(site.stack.url, "portal", SECRET, callback_uri=f"{site.fake_portal.url}/callback")


@pytest.fixture
def enroll(site, portal):
    def run(user_id, phone=None):
        """Enrol a user for push on a device, by default a new one. The push token is the user id."""
        status, code = portal.call(f"/oauth/api/v4/users/{user_id}/enrollment-codes", {"application_id": "shop"})
        assert status == 201, code
        phone = phone.add_user() if phone else Device(site.stack.url)
        phone.enroll(code["enrollment_code"], application_id="shop", device_name=f"Phone of {user_id}")
        phone.enroll_push(user_id)
        return phone

    return run


@pytest.fixture
def failed_callback(site, portal, enroll):
    """Return a function that causes a permanent failure of a callback and returns its path."""

    def run():
        number = next(_numbers)
        path, phone = f"/gone/{number}", enroll(f"gone-{number}")
        site.fake_portal.script[path] = [{"status": 410}]
        callback_uri = site.fake_portal.url + path
        started = portal.start("login", user_id=f"gone-{number}", device_id=phone.device_id, callback_uri=callback_uri)
        phone.answer(phone.fetch(started["transaction_id"]), approve=False)
        site.fake_portal.wait(path, 1, 410, 20)
        return path

    return run


def pressed_buttons(label):
    """Return the paths of all buttons of a page's admin class."""
    [page] = [page for model, page in admin.site._registry.items() if model._meta.label == label]
    base = f"/admin/{label.lower().replace('.', '/')}/"
    return {f"{base}{getattr(page, name).url_path}/" for name in page.actions_list or ()} | {
        f"{base}ID/{getattr(page, name).url_path}/" for name in page.actions_detail or ()
    }


def assert_all_pressed(console, *labels):
    assert set(console.pressed) == set().union(*map(pressed_buttons, labels))


def test_every_page_with_buttons_is_tested():
    with_buttons = {model._meta.label for model in admin.site._registry if pressed_buttons(model._meta.label)}
    assert with_buttons == {
        *("applications.ApiClient", "callbacks.CallbackDelivery", "callbacks.CallbackEndpoint", "enrollment.Profile"),
        "ciba.SigningKey",
        *(
            "events.Event",
            "integrations.KeycloakIntegration",
            "push.PushMessagingConfiguration",
            "system.GeneralConfiguration",
        ),
        *("transactions.MobileAuthenticationType", "transactions.Transaction"),
    }


def test_activity_export_is_downloaded(console, portal):
    console.open("Activity")
    with console.page.expect_download() as download:
        console.follow("Export as CSV")
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert any("ADMIN_CONFIGURATION_CREATED" in line for line in lines[1:])
    with console.page.expect_download() as download:
        console.follow("Export as JSON lines")
    assert download.value.suggested_filename.endswith(".jsonl")
    assert_all_pressed(console, "events.Event")


def test_general_and_type_pages_link_to_sms_usage_and_test_sms(console, site, portal):
    console.open("General")
    console.follow("Text messages by day")
    console.page.wait_for_url("**/smsusage/")

    def send():
        console.follow("Send test SMS")
        console.page.get_by_label("Phone number").fill(NUMBER)
        console.page.get_by_role("button", name="Send test SMS").click()
        expect(console.page.get_by_text("The gateway “rest” accepted the message to +31…89.")).to_be_visible()

    console.open("General")
    send()
    console.open_row("Mobile authentication types", "text")
    send()
    sent = site.sms.wait(NUMBER, 2, 204, 20)
    assert [json.loads(request["body"])["message"] for request in sent] == ["This is a test message."] * 2
    assert_all_pressed(console, "system.GeneralConfiguration", "transactions.MobileAuthenticationType")


def test_endpoint_page_sends_test_callback_and_creates_secret(console, site, portal):
    url = f"{site.fake_portal.url}/callback"
    console.open_row(ENDPOINTS, url)
    console.press("Send test callback", message=f"{url} accepted the test callback: HTTP 204")
    console.press("New signing secret")
    secret = console.page.locator("#signing-secret").inner_text()
    assert secret.startswith("whsec_")
    assert_fits(console.page)
    console.page.get_by_role("link", name="I have copied it").click()
    console.press("Send test callback", message=f"{url} accepted the test callback: HTTP 204")
    plain, signed = site.fake_portal.wait("/callback", 2, 204, 20)
    assert ["webhook-signature" in call["headers"] for call in (plain, signed)] == [False, True]

    console.follow("Deliveries")
    console.page.wait_for_url("**/callbackdelivery/?url=**")
    console.open(ENDPOINTS)
    console.follow("Failed deliveries")
    console.page.wait_for_url("**/callbackdelivery/?state=undelivered")
    console.open(ENDPOINTS)
    console.follow("Deliveries")
    console.page.wait_for_url("**/callbackdelivery/")
    assert_all_pressed(console, "callbacks.CallbackEndpoint")


def test_failed_callbacks_are_sent_again(console, site, failed_callback):
    paths = [failed_callback() for _ in range(3)]

    def failed():
        console.open(ENDPOINTS)
        console.page.get_by_role("link", name="Failed deliveries").click()
        rows = console.page.locator("#result_list tbody tr")
        return rows if rows.count() == 3 else None

    rows = wait_until(failed)
    rows.filter(has_text=site.fake_portal.url + paths[0]).get_by_role("link").first.click()
    expect(console.page.get_by_text("Attempt 1: failed")).to_be_visible()
    console.press("Send again", message="1 callback is due again.")
    assert len(site.fake_portal.wait(paths[0], 2, None, 20)) == 2
    console.open(ENDPOINTS)
    console.page.get_by_role("link", name="Failed deliveries").click()
    console.press("Send all failed ones again", message="2 callbacks are due again.")
    assert [len(site.fake_portal.wait(path, 2, None, 20)) for path in paths] == [2, 2, 2]
    assert_all_pressed(console, "callbacks.CallbackDelivery")


def test_realm_of_keycloak_is_checked(console, site, portal):
    with Keycloak() as keycloak:
        integration = {"name": "demo", "realm_url": keycloak.realm_url, "api_client": "portal", "type": "login"}
        site.stack.configure({"keycloak_integrations": [integration]})
        console.open_row("Keycloak integrations", "demo")
        console.press("Check realm", message="The realm can be reached. Its keys: RSA 2048 (1).")
    assert_all_pressed(console, "integrations.KeycloakIntegration")


def test_client_secret_is_rotated_and_notifications_are_tested(console, site, portal):
    console.open_row("API clients", "Rotating")
    expect(console.page.get_by_role("link", name="Remove old secret")).to_have_count(0)
    console.press("New secret")
    secret = console.page.locator("#client-secret").inner_text()
    console.page.get_by_role("link", name="I have copied it").click()
    old, new = (Portal(portal.server, "rotating", secret_value) for secret_value in (SECRET, secret))
    enabled_path = "/oauth/api/v4/authenticate/user/anna/enabled"
    assert wait_until(lambda: new.call(enabled_path)[0] == 200, 5)
    assert old.call(enabled_path)[0] == 200
    console.press("Remove old secret", message="The old secret was removed.")
    assert wait_until(lambda: old.call(enabled_path)[0] == 401, 5)
    assert new.call(enabled_path)[0] == 200

    url = f"{site.fake_portal.url}/ciba"
    expect(console.field("ciba_delivery_mode")).to_be_hidden()
    console.page.locator("[name=apis][value=ciba]").check()
    expect(console.field("ciba_notification_endpoint")).to_be_hidden()
    console.choose(ciba_delivery_mode="Ping", ciba_default_type="login")
    console.fill(ciba_notification_endpoint=url)
    console.save("was changed successfully")
    console.open_row("API clients", "Rotating")
    console.press("Send test notification", message=f"{url} responded to the test notification with HTTP 204.")
    [sent] = site.fake_portal.wait("/ciba", 1, 204, 20)
    assert set(json.loads(sent["body"])) == {"auth_req_id"}
    console.open("API clients")
    console.follow("Signing keys")
    console.press("New signing key", message="is published")
    assert_all_pressed(console, "applications.ApiClient", "ciba.SigningKey")


def test_key_pair_of_web_push_is_replaced(console, site, portal):
    browser = {"name": "browser", "platform": "web", "contact": "mailto:operator@example.com"}
    browser["vapid_private_key"] = vapid.generate_private_key()
    site.stack.configure({"push_messaging_configurations": [browser]})
    console.open_row("Push messaging configuration", "browser")
    key = console.page.locator("#vapid-public-key")
    before = key.inner_text()
    console.press("New key pair", message="The key pair was replaced.")
    assert len(key.inner_text()) == len(before)
    assert key.inner_text() != before
    assert_all_pressed(console, "push.PushMessagingConfiguration")


def test_user_actions_of_support_staff(console, site, portal, enroll):
    phone, shared_phone = enroll("fay"), enroll("gus")
    enroll("hal", shared_phone)
    link = console.create_enrollment_code("fay", "Shop")
    scanned, parameters = scan(link)
    scanned.enroll(parameters["code"], application_id="shop", device_name="Second phone")

    def open_device(user_id, name):
        console.open_user(user_id)
        console.page.locator("#result_list").get_by_role("link", name=name).first.click()
        expect(console.page.get_by_role("heading", name="Actions")).to_be_visible()

    open_device("fay", "Phone of fay")
    console.press("Send test push", message="accepted the test push")
    assert len(site.fcm.wait("fay", 1, 200, 20)) == 1
    console.press("Revoke push notifications", message="Push notifications of “fay” on “Phone of fay” were revoked.")
    assert phone.pending() == []
    console.press("Revoke mobile authentication", message="The keys of “fay” on “Phone of fay” were deleted.")
    # The device remains: its device token is valid, but its profile has no keys.
    expect(console.page.get_by_text("removed", exact=True)).to_be_visible()
    assert phone.pending() == []
    with pytest.raises(DeviceApiError, match="invalid_profile"):
        phone.enroll_push("another")
    open_device("fay", "Second phone")
    console.press("Disconnect user from device", message="“fay” was disconnected from “Second phone”.")
    assert_code_rejected(scanned)
    open_device("gus", "Phone of")
    console.follow("Delete mobile device")
    expect(console.page.get_by_text("disconnect its 2 users?")).to_be_visible()
    expect(console.page.locator(".console-list li")).to_have_text(["gus", "hal"])
    console.page.get_by_role("button", name="Delete mobile device").click()
    expect(console.page.get_by_text("2 users were disconnected.")).to_be_visible()
    assert_code_rejected(shared_phone)

    lock_out(site, portal, "ivy")
    console.open_user("ivy")
    expect(console.page.get_by_role("heading", name="This user is locked")).to_be_visible()
    console.press("Unlock user", message="“ivy” is unlocked.")
    assert portal.start("text", user_id="ivy", phone_number=NUMBER)["auth_method"] == "sms"
    assert_all_pressed(console, "enrollment.Profile")


def test_selected_users_are_counted_and_changed(console, portal, enroll):
    page = console.page
    phones = [enroll(f"bulk-{number}") for number in range(4)]

    def run(action, count):
        """Run an action for the first users of the search."""
        console.open("Users")
        page.get_by_role("textbox", name="User ID, or the beginning").fill("bulk-")
        page.get_by_role("textbox", name="User ID, or the beginning").press("Enter")
        page.wait_for_url("**q=bulk-**")
        for number in range(count):
            row = page.locator("#result_list tbody tr").filter(has_text=f"Phone of bulk-{number}")
            row.locator("input.action-select").check()
        console.choose(action=action)
        page.get_by_role("button", name="Run").click()

    def confirm(heading, button, message):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_text(message)).to_be_visible()

    run("Download enrolment links of selected users (CSV)", 3)
    expect(page.get_by_role("heading", name="Create 3 enrolment links?")).to_be_visible()
    with page.expect_download() as download:
        page.locator("form[method=post] button[type=submit]").last.click()
    lines = list(csv.DictReader(download.value.path().read_text(encoding="utf-8-sig").splitlines()))
    assert [line["user_id"] for line in lines] == ["bulk-0", "bulk-1", "bulk-2"]
    phone, parameters = scan(lines[0]["enrollment_uri"])
    phone.enroll(parameters["code"], application_id="shop", device_name="Phone of a link")

    revoke, disconnect = "Revoke push notifications of selected users", "Disconnect selected users from their devices"
    run(revoke, 2)
    confirm("Revoke push notifications of 2 users?", revoke, "of 2 users were revoked.")
    assert [profile["push_enrolled"] for each in phones for profile in each.enrollments()] == [False, False, True, True]
    run(disconnect, 3)
    confirm("Disconnect 3 users from their devices?", disconnect, "3 users were disconnected.")
    for each in phones[:3]:
        assert_code_rejected(each)
    assert phones[3].pending() == []


def assert_code_rejected(phone):
    with pytest.raises(DeviceApiError) as rejected:
        phone.pending()
    assert rejected.value.status == 401


def lock_out(site, portal, user_id):
    """Enter wrong codes until the user is locked."""
    number = "+31687654322"
    started = portal.start("text", user_id=user_id, phone_number=number)
    [text] = site.sms.wait(number, 1, 204, 20)
    wrong = f"{(int(code_in(json.loads(text['body'])['message'])) + 1) % 1_000_000:06}"
    # Configuration changes, such as this limit, take effect within two seconds.
    wait_until(lambda: portal.verify(user_id, started["transaction_id"], wrong)[0] == 429, 10)


def test_transaction_is_resent_and_cancelled(console, site, portal, enroll):
    phone = enroll("kim")
    started = portal.start("login", user_id="kim", device_id=phone.device_id)
    site.fcm.wait("kim", 1, 200, 20)
    console.open_transaction(started["transaction_id"])
    console.press("Send again", message="The message is being resent.")
    assert len(site.fcm.wait("kim", 2, 200, 20)) == 2
    expect(console.page.get_by_role("link", name="Send again")).to_have_count(0)
    console.press("Cancel", message="The transaction is cancelled.")
    assert portal.result(started["transaction_id"])["status"] == "cancelled"
    with pytest.raises(DeviceApiError):
        phone.fetch(started["transaction_id"])
    console.open("Transactions")
    console.follow("Text messages by day")
    console.page.wait_for_url("**/smsusage/")
    console.open("Transactions")
    console.follow("Try an authentication")
    console.page.wait_for_url("**/try-authentication/")
    assert_all_pressed(console, "transactions.Transaction")


def test_configuration_check_contacts_google(console, site, portal):
    console.open("Check configuration")
    console.page.get_by_role("button", name="Check configuration").click()
    finding = console.page.locator(".console-findings li").filter(has_text="The service account of")
    expect(finding).to_have_attribute("data-level", "ok")
