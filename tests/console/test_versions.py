"""Versions of an application: fields of the platform and push configuration."""

import pytest

from apps.applications.models import ApplicationVersion
from apps.push.models import PushMessagingConfiguration
from tests import factories
from tests.console.conftest import errors

ADD = "/admin/applications/application/add/"


@pytest.fixture
def apple(db):
    return PushMessagingConfiguration.objects.create(
        name="apple", platform="ios", team_id="ABCDE12345", key_id="FGHIJ67890", signing_key="kept"
    )


@pytest.fixture
def google(db):
    return factories.PushMessagingConfigurationFactory(name="google")


def post(console, **fields):
    """Add an application with one version; omitted fields were hidden in the browser."""
    version = {"version": "1.0", "status": "enabled", **fields}
    form = {"name": "Shop", "identifier": "shop", "versions-TOTAL_FORMS": 1, "versions-INITIAL_FORMS": 0}
    return console.post(ADD, {**form, **{f"versions-0-{name}": value for name, value in version.items()}})


NOTIFICATION = ("mutable_content", "notification_category", "interruption_level")


def page_path(version):
    return f"/admin/applications/application/{version.application_id}/change/"


@pytest.fixture
def ios_version(console, apple):
    ios = {"platform": "ios", "push_messaging_configuration": str(apple.pk), "bundle_identifier": "com.example.shop"}
    response = post(console, **ios, apns_environment="development", send_badge_number="on")
    assert response.status_code == 302, errors(response)
    return ApplicationVersion.objects.get()


def test_ios_version_saves_apns_fields(ios_version):
    assert ios_version.apns_environment == "development"
    assert ios_version.bundle_identifier == "com.example.shop"
    assert ios_version.send_badge_number
    assert not ios_version.cordova


def test_android_version_saves_cordova(console, google):
    response = post(console, platform="android", push_messaging_configuration=str(google.pk), cordova="on")
    assert response.status_code == 302
    version = ApplicationVersion.objects.get()
    assert version.cordova
    assert (version.apns_environment, version.bundle_identifier) == ("production", "")


def test_signing_key_requires_bundle_identifier(console, apple):
    page = post(console, platform="ios", push_messaging_configuration=str(apple.pk))
    assert set(errors(page)) == {"bundle_identifier"}


def test_hidden_default_fields_do_not_block_saving(console):
    hidden = {"apns_environment": "production", "bundle_identifier": ""}
    assert post(console, platform="android", push_messaging_configuration="", **hidden).status_code == 302


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"platform": "android", "bundle_identifier": "com.example.shop"}, "bundle_identifier"),
        ({"platform": "android", "apns_environment": "development"}, "apns_environment"),
        ({"platform": "android", "send_badge_number": "on"}, "send_badge_number"),
        ({"platform": "android", "mutable_content": "on"}, "mutable_content"),
        ({"platform": "android", "notification_category": "SIGN_IN"}, "notification_category"),
        ({"platform": "android", "interruption_level": "passive"}, "interruption_level"),
        ({"platform": "ios", "cordova": "on"}, "cordova"),
        ({"platform": "ios", "bundle_identifier": "com.example.shop"}, "bundle_identifier"),
        ({"platform": "android", "cordova": "on"}, "cordova"),
    ],
)
def test_version_fields_of_other_platform_are_rejected(console, fields, field):
    assert set(errors(post(console, **fields))) == {field}
    assert not ApplicationVersion.objects.exists()


@pytest.mark.parametrize("text", ["com example", "com/example", "x" * 156])
def test_invalid_bundle_identifier_is_rejected(console, apple, text):
    page = post(console, platform="ios", push_messaging_configuration=str(apple.pk), bundle_identifier=text)
    assert set(errors(page)) == {"bundle_identifier"}


def test_hidden_fields_are_reset_to_default(console, ios_version):
    """The browser does not submit hidden fields, so their previous values must not block a change."""
    hidden = ("apns_environment", "bundle_identifier", "send_badge_number", *NOTIFICATION)
    hidden = {f"versions-0-{name}": None for name in hidden}
    changed = {"versions-0-platform": "android", "versions-0-push_messaging_configuration": ""}
    response = console.save(page_path(ios_version), **changed, **hidden)
    assert response.status_code == 302, errors(response)
    ios_version.refresh_from_db()
    assert (ios_version.platform, ios_version.apns_environment, ios_version.bundle_identifier) == (
        "android",
        "production",
        "",
    )
    assert not ios_version.send_badge_number


def test_empty_added_row_is_ignored(console, ios_version):
    row = {"versions-TOTAL_FORMS": 2, "versions-1-platform": "android", "versions-1-status": "enabled"}
    response = console.save(page_path(ios_version), **row, **{"versions-1-version": ""})
    assert response.status_code == 302, errors(response)
    assert ApplicationVersion.objects.count() == 1


def test_certificate_needs_no_bundle_identifier(console):
    row = PushMessagingConfiguration.objects.create(
        name="old-apple",
        platform="ios",
        certificate="PEM",
        certificate_expires_at="2030-01-01T00:00Z",
        apns_environment="production",
    )
    assert post(console, platform="ios", push_messaging_configuration=str(row.pk)).status_code == 302


def test_options_have_platform_attribute(console, apple, google):
    page = console.get(ADD).content.decode()
    assert 'data-platform="ios" data-kind="apns_token"' in page
    assert 'data-platform="android" data-kind="fcm_http_v1"' in page
