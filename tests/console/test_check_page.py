"""Page “Check configuration”."""

import re

import pytest

from apps.configuration import checks
from apps.configuration.console import pages
from apps.events.models import Event
from tests import factories
from tests.console.test_roles import sign_in_as

PATH = "/admin/check-configuration/"


def lines(page):
    return [(line["level"], line["finding"].about) for line in page.context["lines"]]


def heading(page):
    return " ".join(re.search(r'id="findings-heading">(.*?)</h2>', page.content.decode(), re.DOTALL)[1].split())


@pytest.fixture
def sms_type(db, settings):
    settings.BROKER_URL = ""
    settings.SMS_GATEWAY = "twilio"
    settings.SMS_GATEWAY_TWILIO_ACCOUNT_SID = ""
    return factories.TypeFactory(name="text", method="sms")


def test_check_page_get_runs_no_check(console, sms_type):
    page = console.get(PATH)
    assert "lines" not in page.context
    assert "Check the configuration?" in page.content.decode()


def test_check_shows_errors_and_remedies(console, sms_type):
    page = console.post(PATH)
    assert page.status_code == 200
    assert ("error", "SMS gateway “twilio”") in lines(page)
    assert re.fullmatch(r"\d+ errors", heading(page))
    content = page.content.decode()
    assert "TWILIO_ACCOUNT_SID is not set. Text messages cannot be sent." in content
    assert "Set it, or configure another gateway" in content
    assert "Check again?" in content


def test_check_shows_successes(console, sms_type, settings):
    settings.SMS_GATEWAY = "memory"
    page = console.post(PATH)
    assert lines(page) == [("ok", "SMS gateway “memory”")]
    assert heading(page) == "No errors"


def test_check_reports_empty_configuration(console):
    page = console.post(PATH)
    assert (lines(page), heading(page)) == ([], "Nothing is configured yet")


def test_check_stops_after_time_limit(console, sms_type, settings, monkeypatch):
    settings.SMS_GATEWAY = "memory"
    monkeypatch.setattr(pages, "TIME_LIMIT_SECONDS", 0)
    monkeypatch.setattr(checks, "CHECKS", [*checks.CHECKS, checks.sms.check])
    page = console.post(PATH)
    assert len(lines(page)) == 1
    assert "is incomplete" in page.content.decode()


def test_check_requires_permission(db, sms_type):
    before = Event.objects.count()
    operator, helpdesk = sign_in_as("operator", "olaf"), sign_in_as("helpdesk", "hedda")
    assert lines(operator.post(PATH))
    for response in (helpdesk.get(PATH), helpdesk.post(PATH)):
        assert response.status_code == 403
        assert not response.context or "lines" not in response.context
    assert Event.objects.count() == before
