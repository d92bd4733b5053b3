"""The page “Check configuration”."""

import re

import pytest

from apps.configuration import checks
from apps.configuration.console import pages
from apps.events.models import Event
from tests import factories
from tests.console.test_roles import browser_of

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


def test_looking_at_the_page_checks_nothing(console, sms_type):
    page = console.get(PATH)
    assert "lines" not in page.context
    assert "Check the configuration?" in page.content.decode()


def test_it_shows_what_is_wrong_and_what_mends_it(console, sms_type):
    page = console.post(PATH)
    assert page.status_code == 200
    assert ("error", "SMS gateway “twilio”") in lines(page)
    assert re.fullmatch(r"\d+ errors", heading(page))
    content = page.content.decode()
    assert "TWILIO_ACCOUNT_SID is not set: no text message can be sent." in content
    assert "Set it, or name another gateway" in content
    assert "Check again?" in content


def test_it_shows_what_is_good(console, sms_type, settings):
    settings.SMS_GATEWAY = "memory"
    page = console.post(PATH)
    assert lines(page) == [("ok", "SMS gateway “memory”")]
    assert heading(page) == "No errors"


def test_an_empty_configuration_is_told_as_such(console):
    page = console.post(PATH)
    assert (lines(page), heading(page)) == ([], "Nothing is configured yet")


def test_other_systems_that_are_slow_do_not_hold_the_page_for_ever(console, sms_type, settings, monkeypatch):
    settings.SMS_GATEWAY = "memory"
    monkeypatch.setattr(pages, "TIME_LIMIT_SECONDS", 0)
    monkeypatch.setattr(checks, "CHECKS", [*checks.CHECKS, checks.sms.check])
    page = console.post(PATH)
    assert len(lines(page)) == 1
    assert "is incomplete" in page.content.decode()


def test_who_may_look_at_the_configuration_may_check_it_and_nobody_else(db, sms_type):
    before = Event.objects.count()
    operator, helpdesk = browser_of("operator", "olaf"), browser_of("helpdesk", "hedda")
    assert lines(operator.post(PATH))
    for answer in (helpdesk.get(PATH), helpdesk.post(PATH)):
        assert answer.status_code == 403
        assert not answer.context or "lines" not in answer.context
    assert Event.objects.count() == before
