"""What keeps pushes from being sent is said where people look."""

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


def test_a_failing_configuration_is_named_on_the_start_page_with_a_link(console, failing):
    assert titles(console) == ["Pushes through “google” are refused"]
    page = console.get("/admin/").content.decode()
    assert f'href="{change_path(failing)}"' in page
    assert "PERMISSION_DENIED" in page


def test_its_page_says_what_the_push_service_said_and_what_to_do(console, failing):
    page = console.get(change_path(failing)).content.decode()
    assert "PERMISSION_DENIED" in page
    assert "Firebase Cloud Messaging API Admin" in page
    assert f"{failing.delivery_error_at:%H:%M:%S}" in page


def test_a_reason_that_nobody_knows_gets_advice_too(console, failing):
    PushMessagingConfiguration.objects.update(delivery_error="<b>Whatever</b>")
    page = console.get(change_path(failing)).content.decode()
    assert "&lt;b&gt;Whatever&lt;/b&gt;" in page
    assert "upload a new credential" in page


def test_its_row_in_the_list_says_it(console, failing):
    factories.PushMessagingConfigurationFactory(name="other")
    page = console.get(LIST).content.decode()
    assert page.count(f"Refused since {failing.delivery_error_at:%-d %b %Y, %H:%M:%S}: PERMISSION_DENIED") == 1


def test_a_working_configuration_has_no_problem(console):
    configuration = factories.PushMessagingConfigurationFactory()
    assert titles(console) == []
    assert 'role="alert"' not in console.get(change_path(configuration)).content.decode()


@pytest.mark.parametrize(
    ("days", "words", "failure"),
    [(-1, "expired on", True), (0, "expires on", False), (29, "expires on", False), (30, None, None)],
)
def test_a_certificate_is_told_of_thirty_days_before_it_expires(console, days, words, failure):
    row = certificate(days)
    problems = console.get("/admin/").context["problems"]
    if words is None:
        assert problems == []
        return
    [problem] = problems
    assert words in str(problem["title"])
    assert problem["is_failure"] is failure
    assert words in console.get(change_path(row)).content.decode()


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [("", True), ("https://fcm.googleapis.com/fcm/send", True), ("https://gateway.example.com/fcm/send", False)],
)
def test_the_legacy_api_is_a_problem_at_google_only(console, endpoint, told):
    row = legacy(endpoint)
    assert bool(titles(console)) is told
    assert ("Legacy API was shut down" in console.get(LIST).content.decode()) is told
    assert ('role="alert"' in console.get(change_path(row)).content.decode()) is told


def test_nothing_is_a_problem_while_mobile_authentication_is_off(console, failing):
    console.save("/admin/system/features/", mobile_authentication=None)
    assert titles(console) == []


def test_changing_a_configuration_clears_its_fault_and_renaming_it_does_not(console, failing):
    assert console.save(change_path(failing), name="renamed").status_code == 302
    assert PushMessagingConfiguration.objects.get().delivery_error == "PERMISSION_DENIED"
    assert console.save(change_path(failing), endpoint="https://gateway.example.com/send").status_code == 302
    row = PushMessagingConfiguration.objects.get()
    assert (row.delivery_error, row.delivery_error_at) == ("", None)
