"""Problems of push messaging configurations on the console's pages."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.push.models import PushMessagingConfiguration
from tests import factories

LIST = "/admin/push/pushmessagingconfiguration/"


def change_path(configuration):
    return f"{LIST}{configuration.pk}/change/"


@pytest.fixture
def failing(db):
    return factories.PushMessagingConfigurationFactory(
        name="google", fcm_api_version="http_v1", delivery_error="PERMISSION_DENIED", delivery_error_at=timezone.now()
    )


def certificate(days):
    expires_at = timezone.now() + timedelta(days=days, hours=1)
    return PushMessagingConfiguration.objects.create(
        name="old-apple",
        platform="ios",
        certificate="PEM",
        certificate_expires_at=expires_at,
        apns_environment="production",
    )


def legacy(endpoint):
    return PushMessagingConfiguration.objects.create(
        name="old-google", fcm_api_version="legacy", server_key="AAAA", endpoint=endpoint
    )


def titles(console):
    return [str(problem["title"]) for problem in console.get("/admin/").context["problems"]]


def test_start_page_links_failing_configuration(console, failing):
    assert titles(console) == ["Pushes with “google” are rejected"]
    page = console.get("/admin/").content.decode()
    assert f'href="{change_path(failing)}"' in page
    assert "PERMISSION_DENIED" in page


def test_configuration_page_shows_error_and_remedy(console, failing):
    page = console.get(change_path(failing)).content.decode()
    assert "PERMISSION_DENIED" in page
    assert "Firebase Cloud Messaging API Admin" in page
    assert f"{failing.delivery_error_at:%H:%M:%S}" in page


def test_unknown_reason_has_generic_remedy(console, failing):
    PushMessagingConfiguration.objects.update(delivery_error="<b>Whatever</b>")
    page = console.get(change_path(failing)).content.decode()
    assert "&lt;b&gt;Whatever&lt;/b&gt;" in page
    assert "upload a new credential" in page


def test_list_shows_failing_configuration(console, failing):
    factories.PushMessagingConfigurationFactory(name="other")
    page = console.get(LIST).content.decode()
    assert page.count(f"Rejected since {failing.delivery_error_at:%-d %b %Y, %H:%M:%S}: PERMISSION_DENIED") == 1


def test_working_configuration_has_no_problem(console):
    configuration = factories.PushMessagingConfigurationFactory()
    assert titles(console) == []
    assert 'role="alert"' not in console.get(change_path(configuration)).content.decode()


@pytest.mark.parametrize(
    ("days", "text", "failure"),
    [(-1, "expired on", True), (0, "expires on", False), (29, "expires on", False), (30, None, None)],
)
def test_certificate_expiry_is_reported_30_days_before(console, days, text, failure):
    row = certificate(days)
    problems = console.get("/admin/").context["problems"]
    if text is None:
        assert problems == []
        return
    [problem] = problems
    assert text in str(problem["title"])
    assert problem["is_failure"] is failure
    assert text in console.get(change_path(row)).content.decode()


@pytest.mark.parametrize(
    ("endpoint", "is_problem"),
    [("", True), ("https://fcm.googleapis.com/fcm/send", True), ("https://gateway.example.com/fcm/send", False)],
)
def test_legacy_api_is_a_problem_at_google_only(console, endpoint, is_problem):
    row = legacy(endpoint)
    assert bool(titles(console)) is is_problem
    assert ("Legacy API was shut down" in console.get(LIST).content.decode()) is is_problem
    assert ('role="alert"' in console.get(change_path(row)).content.decode()) is is_problem


def test_problems_are_hidden_while_feature_is_off(console, failing):
    console.save("/admin/system/features/", mobile_authentication=None)
    assert titles(console) == []


def test_credential_change_clears_delivery_error(console, failing):
    assert console.save(change_path(failing), name="renamed").status_code == 302
    assert PushMessagingConfiguration.objects.get().delivery_error == "PERMISSION_DENIED"
    assert console.save(change_path(failing), endpoint="https://gateway.example.com/send").status_code == 302
    row = PushMessagingConfiguration.objects.get()
    assert (row.delivery_error, row.delivery_error_at) == ("", None)
