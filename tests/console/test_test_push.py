"""Action “Send test push”: confirmation, delivery and response of the push service."""

import json

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client

from apps.applications.models import ApplicationVersion
from apps.enrollment.models import Profile, PushEnrollment
from apps.push.models import PushMessagingConfiguration
from tests import factories
from tests.fakes import fcm

TOKEN = "push-token-of-anna"


@pytest.fixture
def google():
    with fcm.Fcm() as fake:
        yield fake


@pytest.fixture
def version(db, google):
    google_description = google.describe()
    configuration = factories.PushMessagingConfigurationFactory(
        name="google",
        project_id=google_description["service_account"]["project_id"],
        service_account=json.dumps(google_description["service_account"]),
        endpoint=google_description["endpoint"],
    )
    return factories.ApplicationVersionFactory(push_messaging_configuration=configuration)


@pytest.fixture
def path(device):
    return f"/admin/enrollment/profile/{Profile.objects.get().pk}/send-test-push/"


def sent(google):
    return [record for record in google.received if record["key"] == TOKEN]


def message_text(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def test_profile_page_has_test_push_button(console, path):
    assert f'href="{path}"' in console.get(path.replace("send-test-push", "change")).content.decode()


def test_test_push_confirmation_sends_nothing(console, path, google):
    page = console.get(path).content.decode()
    assert "Send a test push to “anna” on “Phone of anna”?" in page
    assert sent(google) == []


def test_confirmed_test_push_is_sent(console, path, google):
    response = console.post(path)
    assert response.status_code == 302
    assert "accepted the test push for “Phone of anna”" in message_text(response)
    assert len(sent(google)) == 1


def test_rejected_test_push_shows_reason_and_remedy(console, path, google):
    google.script[TOKEN] = [fcm.PERMISSION_DENIED]
    response = console.post(path)
    assert "PERMISSION_DENIED" in message_text(response)
    assert "Firebase Cloud Messaging API Admin" in message_text(response)
    assert TOKEN not in message_text(response)
    assert PushMessagingConfiguration.objects.get().delivery_error == "PERMISSION_DENIED"


def test_device_without_push_is_reported(console, path, google):
    PushEnrollment.objects.all().delete()
    page = console.get(path).content.decode()
    assert "“anna” cannot receive pushes on “Phone of anna”" in page
    assert "This device is not enrolled for push." in page
    assert 'type="submit"' not in page.partition("console-notice")[2].partition("</form>")[0]
    assert "This device is not enrolled for push." in message_text(console.post(path))
    assert sent(google) == []


def test_version_without_configuration_is_reported(console, path, google):
    ApplicationVersion.objects.update(push_messaging_configuration=None)
    assert "no push messaging configuration" in console.get(path).content.decode()
    assert "no push messaging configuration" in message_text(console.post(path))
    assert sent(google) == []


def test_disabled_version_gets_no_test_push(console, path, google):
    ApplicationVersion.objects.update(status="disabled")
    text = "is disabled. Its devices count as not enrolled and get no pushes."
    assert text in console.get(path).content.decode()
    assert text in message_text(console.post(path))
    assert sent(google) == []


def test_invalid_push_token_is_reported_and_removed(console, path, google):
    google.script[TOKEN] = [fcm.UNREGISTERED]
    response = console.post(path)
    assert "UNREGISTERED" in message_text(response)
    assert "enrol for push again" in message_text(response)
    assert not PushEnrollment.objects.exists()


@pytest.mark.parametrize("method", ["head", "put", "delete", "patch"])
def test_other_http_methods_send_nothing(console, path, google, method):
    assert getattr(console, method)(path).status_code in (200, 405)
    assert sent(google) == []


def test_csrf_failure_sends_nothing(administrator, path, google):
    client = Client(enforce_csrf_checks=True)
    client.force_login(administrator)
    assert client.post(path).status_code == 403
    assert sent(google) == []


@pytest.mark.parametrize("flags", [None, {}, {"is_staff": True}])
def test_test_push_requires_administrator(client, path, google, flags):
    if flags is not None:
        client.force_login(User.objects.create_user("eve", password="x", **flags))
    assert client.post(path)["Location"].startswith("/admin/login/")
    assert sent(google) == []


@pytest.mark.parametrize("number", ["999", "abc", "9" * 40])
def test_unknown_profile_returns_404(console, db, number):
    assert console.post(f"/admin/enrollment/profile/{number}/send-test-push/").status_code == 404


def test_configuration_page_links_latest_devices(console, enroll, version):
    for user in ("a", "b", "c", "d", "e", "f"):
        enroll(user)
    enroll("other", version=factories.ApplicationVersionFactory())
    enroll("silent", push_token="")
    configuration = version.push_messaging_configuration
    page = console.get(f"/admin/push/pushmessagingconfiguration/{configuration.pk}/change/")
    assert [profile["user_id"] for profile in page.context["recent_profiles"]] == ["f", "e", "d", "c", "b"]
    latest = Profile.objects.get(user_id="f")
    assert f'href="/admin/enrollment/profile/{latest.pk}/send-test-push/"' in page.content.decode()
