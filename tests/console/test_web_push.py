"""Push messaging configurations of Web Push: key pair, contact, and versions that can use them."""

import pytest

from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from apps.push.providers.web_push import vapid
from tests import factories
from tests.console.conftest import errors
from tests.console.test_push_kinds import ADD, LIST, change_path, stored
from tests.console.test_roles import sign_in_as
from tests.console.test_users import address, message_text, press

pytestmark = pytest.mark.django_db
BROWSER = {"name": "browser", "platform": "web", "contact": "mailto:operator@example.com"}


@pytest.fixture
def browser(console):
    assert console.post(ADD, BROWSER).status_code == 302
    return PushMessagingConfiguration.objects.get()


def test_key_pair_is_created_with_the_configuration(browser):
    assert browser.kind == "web_push"
    assert vapid.public_key(browser.vapid_private_key) == browser.vapid_public_key
    assert len(vapid.decode_base64(browser.vapid_public_key)) == 65


def test_page_shows_the_public_key_only(console, browser):
    page = console.get(change_path(browser)).content.decode()
    assert browser.vapid_public_key in page
    assert browser.vapid_private_key not in page
    assert "New key pair" in page
    assert "operator@example.com" in console.get(LIST).content.decode()


@pytest.mark.parametrize("contact", ["", "operator@example.com", "mailto:operator", "http://example.com", "https://"])
def test_invalid_contact_is_rejected_at_its_field(console, contact):
    response = console.post(ADD, {**BROWSER, "contact": contact})
    assert set(errors(response)) == {"contact"}


def test_changed_contact_keeps_the_key_pair(console, browser):
    assert console.save(change_path(browser), contact="https://example.com/contact").status_code == 302
    changed = stored(browser)
    assert changed.contact == "https://example.com/contact"
    assert changed.vapid_private_key == browser.vapid_private_key


def test_new_key_pair_replaces_the_old_one_once(console, browser):
    path = f"{LIST}{browser.pk}/new-key-pair/"
    page = console.get(path)
    assert b"Replace the key pair" in page.content
    assert stored(browser).vapid_public_key == browser.vapid_public_key
    PushMessagingConfiguration.objects.update(delivery_error="Web Push: HTTP 403")
    form = {"state_token": browser.vapid_public_key}
    assert console.post(path, form).status_code == 302
    replaced = stored(browser)
    assert replaced.vapid_public_key != browser.vapid_public_key
    assert vapid.public_key(replaced.vapid_private_key) == replaced.vapid_public_key
    assert replaced.delivery_error == ""
    assert console.post(path, form).status_code == 302
    assert stored(browser).vapid_public_key == replaced.vapid_public_key
    events = str(list(Event.objects.filter(event_type__endswith="UPDATED").values_list("details", flat=True)))
    assert "vapid_private_key" in events
    assert replaced.vapid_private_key not in events


def test_other_kinds_have_no_key_pair(console):
    google = factories.PushMessagingConfigurationFactory()
    assert b"New key pair" not in console.get(change_path(google)).content
    assert console.post(f"{LIST}{google.pk}/new-key-pair/", {}).status_code == 404
    assert stored(google).vapid_private_key == ""


@pytest.mark.parametrize("role", ["operator", "helpdesk"])
def test_read_only_roles_cannot_replace_the_key_pair(browser, role):
    form = {"state_token": browser.vapid_public_key}
    assert sign_in_as(role).post(f"{LIST}{browser.pk}/new-key-pair/", form).status_code == 403
    assert stored(browser).vapid_public_key == browser.vapid_public_key


@pytest.mark.parametrize(("platform", "fits"), [("web", True), ("android", True), ("ios", False)])
def test_versions_for_web_and_android_can_use_it(browser, platform, fits):
    version = factories.ApplicationVersionFactory.build(
        application=factories.ApplicationFactory(), platform=platform, push_messaging_configuration=browser
    )
    if fits:
        version.clean()
    else:
        with pytest.raises(Exception, match="another platform"):
            version.clean()


def test_options_name_the_platforms(console, browser):
    application = factories.ApplicationFactory()
    page = console.get(f"/admin/applications/application/{application.pk}/change/").content.decode()
    assert 'data-platforms="web android"' in page


def test_browser_that_pulls_is_shown_and_can_be_revoked(console, enroll, version, portal, mobile_type):
    version.platform = "web"
    version.save()
    browser = enroll(push_token="")
    path = address("anna", "revoke-push")
    assert "Requests without push" in console.get(path.replace("revoke-push", "change")).content.decode()
    started = portal.start(mobile_type, browser).json()["transaction_id"]
    timeline = console.get(f"/admin/transactions/transaction/{started}/change/").content.decode()
    assert "no push: the browser fetches its requests" in timeline
    test_push = console.get(path.replace("revoke-push", "send-test-push")).content.decode()
    assert "It fetches its requests while the app is open." in test_push
    assert "were revoked" in message_text(press(console, path))
    assert portal.start(mobile_type, browser).json()["error_code"] == "1001"
