"""Forms that are filled in and saved in a real browser."""

import json

import pytest
from playwright.sync_api import expect

from tests.browsers import needs_browser
from tests.fakes import apns_certificates

PUSH = "/admin/push/pushmessagingconfiguration/"
APPLICATIONS = "/admin/applications/application/"

pytestmark = [pytest.mark.processes, needs_browser]


@pytest.fixture
def page(admin_window):
    return admin_window


def expect_shown(fields, shown):
    """Expect that the fields in `shown` are visible and submitted, and the others are not."""
    for name, field in fields.items():
        expect(field).to_be_enabled(enabled=name in shown)
        row = field.locator("xpath=ancestor::*[contains(@class, 'form-row')][1]")
        expect(row).to_be_visible(visible=name in shown)


def test_push_configuration_fields_follow_platform_and_api(page):
    android = {"fcm_api_version", "endpoint"}
    ios = {"team_id", "key_id", "signing_key_file"}
    page.goto(f"{PUSH}add/")
    names = (*android, *ios, "service_account_file", "new_server_key")
    fields = {name: page.locator(f"[name={name}]") for name in names}
    legacy_warning = page.get_by_text("Google shut down its legacy API in 2024.")

    expect_shown(fields, {*android, "service_account_file"})
    expect(legacy_warning).not_to_be_visible()
    page.locator("[name=fcm_api_version]").select_option("legacy")
    expect_shown(fields, {*android, "new_server_key"})
    expect(legacy_warning).to_be_visible()
    page.locator("[name=platform]").select_option("ios")
    expect_shown(fields, ios)
    expect(legacy_warning).not_to_be_visible()
    expect(page.get_by_text("Firebase Cloud Messaging")).not_to_be_visible()
    page.locator("[name=platform]").select_option("android")
    expect_shown(fields, {*android, "new_server_key"})

    page.locator("[name=fcm_api_version]").select_option("http_v1")
    public = {"project_info": {"project_id": "shop"}, "client": [], "configuration_version": "1"}
    upload = {"name": "google-services.json", "mimeType": "application/json", "buffer": json.dumps(public).encode()}
    page.locator("[name=name]").fill("forms-old-google")
    page.locator("[name=service_account_file]").set_input_files(upload)
    page.locator("[name=_save]").click()
    expect(page.get_by_text("This is google-services.json, the public configuration")).to_be_visible()
    page.locator("[name=fcm_api_version]").select_option("legacy")
    page.locator("[name=new_server_key]").fill("AAAA-key")
    page.locator("[name=_save]").click()
    page.wait_for_url(f"**{PUSH}")
    expect(page.get_by_role("row").filter(has_text="forms-old-google")).to_contain_text("Legacy API was shut down")


def test_uploaded_signing_key_and_fields_of_platform_are_saved(page):
    key = apns_certificates.pem(apns_certificates.signing_key()).encode()
    page.goto(f"{PUSH}add/")
    page.locator("[name=name]").fill("forms-apple")
    page.locator("[name=platform]").select_option("ios")
    page.locator("[name=team_id]").fill("ABCDE12345")
    page.locator("[name=key_id]").fill("FGHIJ67890")
    upload = {"name": "AuthKey_FGHIJ67890.p8", "mimeType": "application/octet-stream", "buffer": key}
    page.locator("[name=signing_key_file]").set_input_files(upload)
    page.locator("[name=_save]").click()
    page.wait_for_url(f"**{PUSH}")
    page.locator("#result_list").get_by_role("link", name="forms-apple").click()
    expect(page.locator("[name=team_id]")).to_have_value("ABCDE12345")
    expect(page.get_by_text("An encrypted signing key is stored and never shown.")).to_be_visible()
    expect(page.locator("[name=fcm_api_version]")).to_have_count(0)
    page.locator("[name=key_id]").fill("NEWKEY1234")
    page.locator("[name=_save]").click()
    page.wait_for_url(f"**{PUSH}")

    page.goto(f"{APPLICATIONS}add/")
    page.locator("[name=name]").fill("Second shop")
    page.locator("[name=identifier]").fill("second")
    page.get_by_role("link", name="Add another").click()
    page.locator("[name=versions-0-version]").fill("1.0")
    platform = page.locator("[name=versions-0-platform]")
    configuration = page.locator("[name=versions-0-push_messaging_configuration]")
    google = configuration.locator("option[data-kind=fcm_http_v1]").first
    configuration.select_option(google.get_attribute("value"))
    page.locator("[name=versions-0-cordova]").check()
    platform.select_option("ios")
    configuration.select_option(label="forms-apple")
    page.locator("[name=versions-0-apns_environment]").select_option("development")
    page.locator("[name=versions-0-bundle_identifier]").fill("com.example.second")
    page.locator("[name=_continue]").click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    expect(page.locator("[name=versions-0-bundle_identifier]")).to_have_value("com.example.second")
    expect(page.locator("[name=versions-0-cordova]")).not_to_be_checked()
    # Hidden fields are not submitted, and their values do not block saving.
    platform.select_option("android")
    configuration.select_option("")
    page.locator("[name=_continue]").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    expect(platform).to_have_value("android")


def test_template_preview_follows_input(page):
    page.goto("/admin/geocontext/confirmationtemplate/")
    preview = page.locator("output.console-preview").first
    example = "You are logging into the XYZ portal"
    expect(preview).to_have_text(f"{example} Device: Mac 10.14 Chrome 73.0, Location: NL, Provincie Utrecht, Utrecht")
    field = page.locator("[name=text_en]")
    field.fill("[message] using [browser] from [city], [countryCode]")
    expect(preview).to_have_text(f"{example} using Chrome 73.0 from Utrecht, NL")
    field.fill("")
    expect(preview).to_have_text(f"{example} Device: Mac 10.14 Chrome 73.0, Location: NL, Provincie Utrecht, Utrecht")
    field.fill("[citty] <b>[message]</b> [constructor]")
    expect(preview).to_have_text(f"[citty] <b>{example}</b> [constructor]")
    page.locator("[name=_save]").click()
    expect(page.get_by_text("Unknown placeholder [citty]. Did you mean [city]?")).to_be_visible()
    field.fill("[message] [city]")
    page.locator("[name=_save]").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(preview).to_have_text(f"{example} Utrecht")
