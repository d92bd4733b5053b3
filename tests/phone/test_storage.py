"""Keys and data of the web phone: nothing can be exported or is outside IndexedDB, losses are recognized."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.phone.browser import OTHER_PIN, PIN

pytestmark = [pytest.mark.processes, needs_browser]
# Every CryptoKey in the database, also inside of other values.
EXPORT_ALL = """async () => {
    const database = await new Promise((resolve) => {
        indexedDB.open("countersign").onsuccess = ({ target }) => resolve(target.result);
    });
    const keys = [];
    const find = (value) => {
        if (value instanceof CryptoKey) keys.push(value);
        else if (value && typeof value === "object") Object.values(value).forEach(find);
    };
    for (const name of database.objectStoreNames) {
        const request = database.transaction(name).objectStore(name).getAll();
        await new Promise((resolve) => (request.onsuccess = resolve));
        find(request.result);
    }
    database.close();
    const results = [];
    for (const key of keys.filter(({ type }) => type !== "public")) {
        for (const format of ["jwk", "pkcs8", "raw"]) {
            results.push(await crypto.subtle.exportKey(format, key).then(() => "exported", (error) => error.name));
        }
    }
    return { keys: keys.map(({ type, extractable }) => [type, extractable]), results };
}"""
DELETE_KEYS = """() => new Promise((resolve) => {
    indexedDB.open("countersign").onsuccess = ({ target: { result } }) => {
        const change = result.transaction("keys", "readwrite");
        change.objectStore("keys").clear();
        change.oncomplete = () => { result.close(); resolve(); };
    };
})"""
DELETE_DATABASE = """() => new Promise((resolve) => {
    indexedDB.deleteDatabase("countersign").onsuccess = resolve;
})"""


def test_no_private_key_can_be_exported(phone):
    phone.enroll("quinn")
    found = phone.page.evaluate(EXPORT_ALL)
    assert sorted(found["keys"]) == [["private", False]] * 2 + [["public", True]] * 2
    assert found["results"]
    assert set(found["results"]) == {"InvalidAccessError"}


def test_nothing_secret_is_in_urls_logs_and_local_storage(phone, phone_site):
    link = phone_site.enrollment("rosa")["web_enrollment_uri"]
    code = re.search(r"code=([^&]+)", link)[1]
    phone.open(link)
    phone.title("Add this account?")
    assert phone.page.url == phone_site.phone
    assert code not in json.dumps(phone.page.evaluate("history.state"))
    phone.press("Add account")
    phone.set_pin()
    phone.title("Notifications")
    phone_site.start("rosa", "login-pin")
    phone.home()
    phone.show_request()
    phone.press("Approve with PIN")
    phone.enter_pin(PIN, "Approve")
    phone.title("Approved")
    assert phone.page.evaluate("JSON.stringify(localStorage)") == '{"had-accounts":"1"}'
    assert phone.page.evaluate("sessionStorage.length") == 0
    assert phone.context.cookies() == []
    assert not any(code in url or PIN in url for url in phone.requests)
    assert not [text for text in phone.logged if "404" not in text]


def test_requests_go_to_the_server_only(phone, phone_site):
    phone.enroll("sara")
    assert phone.requests
    assert [url for url in phone.requests if not url.startswith((phone_site.base, "data:"))] == []


def test_deleted_keys_are_recognized_and_replaced(phone, phone_site):
    phone.enroll("tess")
    phone.page.evaluate(DELETE_KEYS)
    phone_site.start("tess")
    phone.home()
    phone.page.get_by_role("button", name="Open", exact=True).click()
    phone.title("The keys are lost")
    phone.press("Add this account again")
    phone.title("Add an account")
    phone.enroll("tess")
    phone.show_request()
    phone.press("Approve")
    phone.title("Approved")
    assert len(phone_site.devices("tess")) == 1


def test_deleted_database_is_reported(phone):
    phone.enroll("uwe")
    phone.page.goto("about:blank")
    phone.page.goto(f"{phone.site.base}/phone/manifest.webmanifest")
    phone.page.evaluate(DELETE_DATABASE)
    phone.home()
    expect(phone.page.get_by_role("alert")).to_contain_text("The browser has deleted the data of this app.")


def test_account_that_the_server_removed_is_reported(phone, phone_site):
    phone.enroll("vera")
    [device] = phone_site.devices("vera")
    phone_site.call(f"users/vera/devices/{device['id']}", method="DELETE")
    phone.home()
    expect(phone.page.get_by_text("The keys are lost")).to_be_visible()
    assert phone.stored_keys() == []


def test_interrupted_answer_is_finished_at_the_next_start(phone, phone_site):
    phone.enroll("wim")
    transaction = phone_site.start("wim", "login-pin")
    phone.home()
    phone.show_request()
    phone.press("Approve with PIN")

    def lose_response(route):
        route.fetch()
        route.abort()

    phone.page.route("**/answer", lose_response)
    with phone.page.expect_event("requestfailed", lambda request: request.url.endswith("/answer")):
        phone.enter_pin(PIN, "Approve")
    phone.page.unroute("**/answer")
    phone.home()
    expect(phone.page.get_by_text("Your last answer has arrived.").first).to_be_visible()
    result = phone_site.result(transaction)
    assert result["is_authenticated"]
    assert result["used_authentication_attempts"] == 1


def test_two_accounts_are_separate(phone, phone_site):
    phone.enroll("xaver")
    phone.add("yara")
    phone.set_pin(OTHER_PIN)
    phone.title("Notifications")
    phone.home()
    expect(phone.page.get_by_role("button", name="Manage: Shop")).to_have_count(2)
    phone_site.start("yara", "login-pin")
    phone.home()
    phone.show_request()
    phone.press("Approve with PIN")
    phone.enter_pin(OTHER_PIN, "Approve")
    phone.title("Approved")
    assert phone_site.devices("xaver")[0]["id"] == phone_site.devices("yara")[0]["id"]
