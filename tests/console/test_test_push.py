"""“Send test push”: asks first, sends by POST only, and says what the push service said."""

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
    with fcm.Fcm() as stand_in:
        yield stand_in


@pytest.fixture
def version(db, google):
    told = google.describe()
    configuration = factories.PushMessagingConfigurationFactory(
        name="google",
        project_id=told["service_account"]["project_id"],
        service_account=json.dumps(told["service_account"]),
        endpoint=told["endpoint"],
    )
    return factories.ApplicationVersionFactory(push_messaging_configuration=configuration)


@pytest.fixture
def path(device):
    return f"/admin/enrollment/profile/{Profile.objects.get().pk}/send-test-push/"


def sent(google):
    return [record for record in google.received if record["key"] == TOKEN]


def said(answer):
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_the_profiles_page_offers_it(console, path):
    assert f'href="{path}"' in console.get(path.replace("send-test-push", "change")).content.decode()


def test_the_question_names_user_and_device_and_sends_nothing(console, path, google):
    page = console.get(path).content.decode()
    assert "Send a test push to “anna” on “Phone of anna”?" in page
    assert sent(google) == []


def test_a_confirmed_test_push_is_sent(console, path, google):
    answer = console.post(path)
    assert answer.status_code == 302
    assert "accepted the test push for “Phone of anna”" in said(answer)
    assert len(sent(google)) == 1


def test_a_refusal_is_told_with_its_reason_and_what_to_do(console, path, google):
    google.script[TOKEN] = [fcm.PERMISSION_DENIED]
    answer = console.post(path)
    assert "PERMISSION_DENIED" in said(answer)
    assert "Firebase Cloud Messaging API Admin" in said(answer)
    assert TOKEN not in said(answer)
    assert PushMessagingConfiguration.objects.get().delivery_error == "PERMISSION_DENIED"


def test_a_device_without_push_is_told_of_before_and_after(console, path, google):
    PushEnrollment.objects.all().delete()
    page = console.get(path).content.decode()
    assert "“anna” cannot receive pushes on “Phone of anna”" in page
    assert "This device is not enrolled for push." in page
    assert 'type="submit"' not in page.partition("console-notice")[2].partition("</form>")[0]
    assert "This device is not enrolled for push." in said(console.post(path))
    assert sent(google) == []


def test_a_version_without_a_configuration_is_told_of(console, path, google):
    ApplicationVersion.objects.update(push_messaging_configuration=None)
    assert "no push messaging configuration" in console.get(path).content.decode()
    assert "no push messaging configuration" in said(console.post(path))
    assert sent(google) == []


def test_a_disabled_version_is_told_of_and_gets_no_push(console, path, google):
    ApplicationVersion.objects.update(status="disabled")
    text = "is disabled. Its devices count as not enrolled and get no pushes."
    assert text in console.get(path).content.decode()
    assert text in said(console.post(path))
    assert sent(google) == []


def test_a_dead_token_is_told_and_the_page_then_says_that_push_is_off(console, path, google):
    google.script[TOKEN] = [fcm.UNREGISTERED]
    answer = console.post(path)
    assert "UNREGISTERED" in said(answer)
    assert "enrol for push again" in said(answer)
    assert not PushEnrollment.objects.exists()


@pytest.mark.parametrize("method", ["head", "put", "delete", "patch"])
def test_other_methods_send_nothing(console, path, google, method):
    assert getattr(console, method)(path).status_code in (200, 405)
    assert sent(google) == []


def test_a_form_without_its_token_sends_nothing(administrator, path, google):
    client = Client(enforce_csrf_checks=True)
    client.force_login(administrator)
    assert client.post(path).status_code == 403
    assert sent(google) == []


@pytest.mark.parametrize("flags", [None, {}, {"is_staff": True}])
def test_who_is_no_administrator_sends_nothing(client, path, google, flags):
    if flags is not None:
        client.force_login(User.objects.create_user("eve", password="x", **flags))
    assert client.post(path)["Location"].startswith("/admin/login/")
    assert sent(google) == []


@pytest.mark.parametrize("number", ["999", "abc", "9" * 40])
def test_an_unknown_profile_is_not_found(console, db, number):
    assert console.post(f"/admin/enrollment/profile/{number}/send-test-push/").status_code == 404


def test_a_configurations_page_links_to_the_devices_enrolled_last(console, enroll, version):
    for user in ("a", "b", "c", "d", "e", "f"):
        enroll(user)
    enroll("other", version=factories.ApplicationVersionFactory())
    enroll("silent", push_token="")
    configuration = version.push_messaging_configuration
    page = console.get(f"/admin/push/pushmessagingconfiguration/{configuration.pk}/change/")
    assert [profile["user_id"] for profile in page.context["recent_profiles"]] == ["f", "e", "d", "c", "b"]
    latest = Profile.objects.get(user_id="f")
    assert f'href="/admin/enrollment/profile/{latest.pk}/send-test-push/"' in page.content.decode()
