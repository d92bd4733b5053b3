"""Versions of an application: the fields of their platform and of their way of push."""

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
    """Add an application with one version; what is left out was hidden in the browser."""
    version = {"version": "1.0", "status": "enabled", **fields}
    form = {"name": "Shop", "identifier": "shop", "versions-TOTAL_FORMS": 1, "versions-INITIAL_FORMS": 0}
    return console.post(ADD, {**form, **{f"versions-0-{name}": value for name, value in version.items()}})


def path_of(version):
    return f"/admin/applications/application/{version.application_id}/change/"


@pytest.fixture
def ios_version(console, apple):
    ios = {"platform": "ios", "push_messaging_configuration": str(apple.pk), "bundle_identifier": "com.example.shop"}
    answer = post(console, **ios, apns_environment="development", send_badge_number="on")
    assert answer.status_code == 302, errors(answer)
    return ApplicationVersion.objects.get()


def test_an_ios_version_keeps_how_apple_is_asked(ios_version):
    assert ios_version.apns_environment == "development"
    assert ios_version.bundle_identifier == "com.example.shop"
    assert ios_version.send_badge_number
    assert not ios_version.cordova


def test_an_android_version_keeps_cordova(console, google):
    answer = post(console, platform="android", push_messaging_configuration=str(google.pk), cordova="on")
    assert answer.status_code == 302
    made = ApplicationVersion.objects.get()
    assert made.cordova
    assert (made.apns_environment, made.bundle_identifier) == ("production", "")


def test_a_signing_key_needs_a_bundle_identifier(console, apple):
    page = post(console, platform="ios", push_messaging_configuration=str(apple.pk))
    assert set(errors(page)) == {"bundle_identifier"}


def test_hidden_fields_that_hold_their_default_do_not_block_saving(console):
    hidden = {"apns_environment": "production", "bundle_identifier": ""}
    assert post(console, platform="android", push_messaging_configuration="", **hidden).status_code == 302


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"platform": "android", "bundle_identifier": "com.example.shop"}, "bundle_identifier"),
        ({"platform": "android", "apns_environment": "development"}, "apns_environment"),
        ({"platform": "android", "send_badge_number": "on"}, "send_badge_number"),
        ({"platform": "ios", "cordova": "on"}, "cordova"),
        ({"platform": "ios", "bundle_identifier": "com.example.shop"}, "bundle_identifier"),
        ({"platform": "android", "cordova": "on"}, "cordova"),
    ],
)
def test_fields_of_another_platform_or_without_a_configuration_are_refused(console, fields, field):
    assert set(errors(post(console, **fields))) == {field}
    assert not ApplicationVersion.objects.exists()


@pytest.mark.parametrize("text", ["com example", "com/example", "x" * 156])
def test_a_bundle_identifier_that_cannot_be_is_refused(console, apple, text):
    page = post(console, platform="ios", push_messaging_configuration=str(apple.pk), bundle_identifier=text)
    assert set(errors(page)) == {"bundle_identifier"}


def test_what_the_browser_hid_goes_back_to_its_default(console, ios_version):
    """The browser sends no hidden fields: what was chosen before would block the change for ever."""
    hidden = dict.fromkeys(("apns_environment", "bundle_identifier", "send_badge_number"))
    hidden = {f"versions-0-{name}": None for name in hidden}
    changed = {"versions-0-platform": "android", "versions-0-push_messaging_configuration": ""}
    answer = console.save(path_of(ios_version), **changed, **hidden)
    assert answer.status_code == 302, errors(answer)
    ios_version.refresh_from_db()
    assert (ios_version.platform, ios_version.apns_environment, ios_version.bundle_identifier) == (
        "android",
        "production",
        "",
    )
    assert not ios_version.send_badge_number


def test_a_row_that_was_added_and_left_empty_is_no_version(console, ios_version):
    row = {"versions-TOTAL_FORMS": 2, "versions-1-platform": "android", "versions-1-status": "enabled"}
    answer = console.save(path_of(ios_version), **row, **{"versions-1-version": ""})
    assert answer.status_code == 302, errors(answer)
    assert ApplicationVersion.objects.count() == 1


def test_a_certificate_needs_no_bundle_identifier(console):
    row = PushMessagingConfiguration.objects.create(
        name="old-apple",
        platform="ios",
        certificate="PEM",
        certificate_expires_at="2030-01-01T00:00Z",
        apns_environment="production",
    )
    assert post(console, platform="ios", push_messaging_configuration=str(row.pk)).status_code == 302


def test_an_option_says_to_the_browser_which_versions_it_fits(console, apple, google):
    page = console.get(ADD).content.decode()
    assert 'data-platform="ios" data-kind="apns_token"' in page
    assert 'data-platform="android" data-kind="fcm_http_v1"' in page
