"""End-to-end tests of the fields that a form shows for each method, platform and push configuration."""

import json

import pytest
from playwright.sync_api import expect

from apps.push.providers.web_push import vapid
from tests.browsers import needs_browser
from tests.fakes import apns_certificates

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120), needs_browser]

APPROVAL_FIELDS = {"transaction_signing", "signing_data_required", "number_matching_digits"}
PUSH_FIELDS = {"code_to_phone", *APPROVAL_FIELDS, "max_resends", "fallback"}
FIELDS_OF_METHOD = {
    "push": PUSH_FIELDS,
    "push_with_pin": PUSH_FIELDS,
    "push_with_fingerprint": PUSH_FIELDS,
    "push_with_custom_authenticator": PUSH_FIELDS,
    "otp": {"transaction_signing", "signing_data_required"},
    "sms": {"max_attempts", "max_resends", "sms_sender_id"},
}
NEEDS_OF_METHOD = {
    "push_with_pin": "Requires an application with PIN enabled",
    "push_with_fingerprint": "Requires an application with fingerprint enabled",
    "push_with_custom_authenticator": "Requires an application with custom authenticators",
}
NOTIFICATION = {"send_badge_number", "mutable_content", "notification_category", "interruption_level"}
# The fields by the platform of a version and the kind of its push messaging configuration.
FIELDS_OF_VERSION = {
    ("android", ""): set(),
    ("android", "fcm_http_v1"): {"cordova"},
    ("android", "fcm_legacy"): {"cordova"},
    ("android", "web_push"): set(),
    ("web", "web_push"): set(),
    ("ios", ""): set(),
    ("ios", "apns_token"): {"apns_environment", "bundle_identifier", *NOTIFICATION},
    ("ios", "apns_certificate"): {"bundle_identifier", *NOTIFICATION},
}
DISABLED_WITHOUT_ENROLLMENT = ("unique_pgp_keys_per_enrollment", "push_enrollment_enabled", "push_enrollment_mode")


def configurations():
    """Push messaging configurations of the kinds that the demo does not have."""
    key = apns_certificates.pem(apns_certificates.signing_key())
    certificate = apns_certificates.Authority().client("com.example.shop", "ABCDE12345", ["production"])
    ios, legacy = {"platform": "ios"}, {"platform": "android", "fcm_api_version": "legacy"}
    return [
        {"name": "fields-apple", **ios, "team_id": "ABCDE12345", "key_id": "FGHIJ67890", "signing_key": key},
        {"name": "fields-old-apple", **ios, "certificate": certificate, "apns_environment": "production"},
        {"name": "fields-old-google", **legacy, "server_key": "AAAA-key"},
        {
            "name": "fields-browser",
            "platform": "web",
            "contact": "mailto:operator@example.com",
            "vapid_private_key": vapid.generate_private_key(),
        },
    ]


@pytest.fixture
def page(admin_window):
    return admin_window


def expect_fields(page, shown, others, prefix=""):
    """Expect that the fields in `shown` are visible and submitted, and those in `others` are not."""
    for name in shown | others:
        field = page.locator(f"[name={prefix}{name}]:not([type=hidden])")
        expect(field).to_be_enabled(enabled=name in shown)
        row = field.locator("xpath=ancestor::*[contains(@class, 'form-row')][1]")
        expect(row).to_be_visible(visible=name in shown)


def test_type_form_shows_fields_of_method(page):
    all_fields = set().union(*FIELDS_OF_METHOD.values())
    page.goto("/admin/transactions/mobileauthenticationtype/")
    change = page.locator("#result_list").get_by_role("link", name="login-sms", exact=True).first.get_attribute("href")
    for path in ("/admin/transactions/mobileauthenticationtype/add/", change):
        page.goto(path)
        options = page.locator("[name=method] option").evaluate_all("all => all.map(one => one.value).filter(Boolean)")
        assert set(options) == set(FIELDS_OF_METHOD)
        page.locator("[name=method]").select_option("push")
        for is_on in (False, True):
            # Signing data is required for types with transaction signing.
            page.locator("[name=transaction_signing]").set_checked(is_on)
            expect(page.locator("[name=signing_data_required]")).to_be_visible(visible=is_on)
        # Code to phone has attempts, and no requirements of an approval on the device. Its state ends with the method.
        page.locator("[name=code_to_phone]").check()
        expect_fields(page, PUSH_FIELDS - APPROVAL_FIELDS | {"max_attempts"}, APPROVAL_FIELDS)
        page.locator("[name=method]").select_option("otp")
        expect_fields(page, FIELDS_OF_METHOD["otp"], all_fields - FIELDS_OF_METHOD["otp"])
        page.locator("[name=method]").select_option("push")
        page.locator("[name=code_to_phone]").uncheck()
        for method, shown in FIELDS_OF_METHOD.items():
            page.locator("[name=method]").select_option(method)
            expect_fields(page, shown, all_fields - shown)
            heading = page.get_by_text("Sending and codes")
            expect(heading).to_be_visible(visible="max_resends" in shown)
            for other, text in NEEDS_OF_METHOD.items():
                expect(page.get_by_text(text)).to_be_visible(visible=other == method)


def test_version_form_shows_fields_of_platform_and_configuration(demo, page):
    path = demo.var_dir / "kinds.json"
    path.write_text(json.dumps({"push_messaging_configurations": configurations()}))
    demo.command("import_configuration", str(path))
    all_fields = set().union(*FIELDS_OF_VERSION.values())
    page.goto("/admin/applications/application/add/")
    page.get_by_role("link", name="Add another").click()
    platform = page.locator("[name=versions-0-platform]")
    configuration = page.locator("[name=versions-0-push_messaging_configuration]")
    for (platform_value, kind), shown in FIELDS_OF_VERSION.items():
        platform.select_option(platform_value)
        option = configuration.locator(f"option[data-kind={kind}]" if kind else "option[value='']").first
        configuration.select_option(option.get_attribute("value"))
        expect_fields(page, shown, all_fields - shown, "versions-0-")
        # Configurations of other platforms are not offered.
        offered = configuration.locator("option[data-platforms]:not([disabled])")
        platforms = offered.evaluate_all("all => all.map(one => one.dataset.platforms)")
        assert platforms
        assert all(platform_value in served.split() for served in platforms)


def test_public_key_of_web_push_can_be_copied(demo, page):
    page.goto("/admin/push/pushmessagingconfiguration/add/")
    page.locator("[name=name]").fill("copied-browser")
    page.locator("[name=platform]").select_option("web")
    expect_fields(page, {"contact"}, {"team_id", "fcm_api_version", "endpoint"})
    page.locator("[name=contact]").fill("mailto:operator@example.com")
    page.locator("[name=_continue]").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    key = page.locator("#vapid-public-key").inner_text()
    assert len(vapid.decode_base64(key)) == 65
    page.locator("[data-copies=vapid-public-key]").click()
    assert page.evaluate("navigator.clipboard.readText()") == key


def test_application_form_shows_pin_limit_only_with_pin(page):
    page.goto("/admin/applications/application/add/")
    pin = page.locator("[name=pin_enabled]")
    for is_on in (True, False, True):
        pin.set_checked(is_on)
        expect_fields(page, {"max_pin_attempts"} if is_on else set(), set() if is_on else {"max_pin_attempts"})


def test_enrollment_options_are_disabled_while_enrollment_is_off(page):
    page.goto("/admin/system/generalconfiguration/")
    for is_on in (False, True):
        page.locator("[name=enrollment_enabled]").set_checked(is_on)
        for name in DISABLED_WITHOUT_ENROLLMENT:
            expect(page.locator(f"[name={name}]")).to_be_enabled(enabled=is_on)
            expect(page.locator(f"[name={name}]")).to_be_visible()
