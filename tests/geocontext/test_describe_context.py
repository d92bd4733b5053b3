"""Commands about the context: describe_context, and check_configuration for the source of locations."""

import json
import os
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from django.utils.formats import date_format

from apps.geocontext import templates
from apps.geocontext.models import ConfirmationTemplate
from apps.system.models import Features
from tests import factories
from tests.commands.command_runner import lose_keys, run
from tests.fakes.geolocation import KEY
from tests.geocontext import files
from tests.geocontext.files import UTRECHT
from tests.geocontext.test_file import CHROME

pytestmark = pytest.mark.django_db
EXAMPLE = "You are logging into the XYZ portal Device: Mac 10.14 Chrome 73.0, Location: NL, Provincie Utrecht, Utrecht"


def described(*arguments):
    ran = run("describe_context", *arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


def test_example_uses_the_location_database(location_file):
    data = described("--ip", UTRECHT, "--user-agent", CHROME)
    assert data.pop("location_source").startswith(f"{location_file} (Test-City, built ")
    assert data == {
        "message": EXAMPLE,
        "check": "GEOLOCATION_CHECK_SUCCESS",
        "reason": None,
        "is_used": True,
        "template_language": "en",
        "template": templates.DEFAULT,
    }
    assert EXAMPLE in run("describe_context", "--ip", UTRECHT, "--user-agent", CHROME).out


def test_example_uses_the_service_without_showing_its_key(service):
    arguments = ("--ip", UTRECHT, "--user-agent", CHROME)
    for _time in range(2):
        data = described(*arguments)
        assert data["message"] == EXAMPLE
        assert data["location_source"] == f"HTTP service at {service.url.removeprefix('http://')}"
    assert len(service.received) == 1
    assert KEY not in run("describe_context", *arguments).out


def test_described_context_has_no_free_text_of_the_user_agent(location_file):
    data = described("--ip", UTRECHT, "--user-agent", "Support calling, approve now/1 CFNetwork/978 Darwin/18")
    assert data["message"] == EXAMPLE.replace("Mac 10.14 Chrome 73.0", "iOS ")


def test_template_depends_on_the_language(location_file):
    ConfirmationTemplate.objects.create(texts={"nl": "[message] uit [city]"})
    data = described("--ip", UTRECHT, "--language", "nl-BE", "--message", "Inloggen?")
    assert (data["message"], data["template_language"]) == ("Inloggen? uit Utrecht (nl)", "nl")


@pytest.mark.parametrize("value", ["nonsense", "1.2.3", "1.2.3.4/8", "fe80::1%eth0", " ", "a\nb"])
def test_invalid_address_is_an_error_in_one_line(location_file, value):
    ran = run("describe_context", "--ip", value)
    shown = value.replace("\n", "�")
    assert (ran.code, ran.out, ran.problems) == (1, "", [f"--ip: “{shown}” is not an IP address."])


def test_failure_is_reported_with_its_reason(location_file):
    assert described("--ip", "10.0.0.1")["reason"] == "The IP address is private or reserved."
    assert described()["check"] == "GEOLOCATION_CHECK_SKIPPED_DATA_MISSING"


def test_message_without_source_has_no_context(db):
    Features.objects.update_or_create(pk=1, defaults={"geolocation": True})
    data = described("--ip", UTRECHT, "--user-agent", CHROME, "--message", "Sign in?")
    assert (data["message"], data["is_used"], data["check"]) == ("Sign in?", False, None)
    assert data["reason"] == "No source of locations is configured."
    assert data["location_source"].startswith("none: ")


def test_geolocation_off_is_reported_with_the_message_alone(service):
    Features.objects.update_or_create(pk=1, defaults={"geolocation": False})
    arguments = ("--ip", UTRECHT, "--user-agent", CHROME, "--message", "Sign in?")
    data = described(*arguments)
    assert (data["message"], data["is_used"], data["check"]) == ("Sign in?", False, None)
    off = "Geolocation is off (Features): messages are sent without context."
    assert data["reason"] == off
    assert off in run("describe_context", *arguments).out
    assert service.received == []


def finding():
    """Return level, text and remedy of the geolocation check, and the exit code."""
    ran = run("check_configuration", "--json")
    [entry] = [one for one in json.loads(ran.out) if not one["about"].startswith(("stored secrets", "broker"))]
    return entry["level"], entry["text"], entry["remedy"], ran.code


def test_check_opens_the_location_database(location_file):
    level, text, _remedy, code = finding()
    assert (level, code) == ("ok", 0)
    assert text == f"Database type Test-City, built on {date_format(timezone.now(), 'DATE_FORMAT')}, 0 days ago."

    with time_machine.travel(timezone.now() + timedelta(days=31)):
        level, text, remedy, code = finding()
    assert (level, code) == ("warning", 0)
    assert text.endswith("31 days ago.")
    assert "Download a newer database" in remedy

    files.write(location_file, {"country": {"iso_code": "NL"}}, kind="Test-Country")
    assert finding()[0] == "warning"

    os.truncate(location_file, 100)
    level, text, remedy, code = finding()
    assert (level, code) == ("error", 1)
    assert text.startswith("The location database is corrupt")
    assert str(location_file) in remedy


def test_check_calls_the_service(service, settings):
    assert finding() == ("ok", "The service locates 8.8.8.8 in NL.", "", 0)
    service.script["8.8.8.8"] = [{"status": 403}]
    level, text, remedy, code = finding()
    assert (level, text, code) == ("error", "The geolocation service returned HTTP 403.", 1)
    assert "System, Geolocation" in remedy
    lose_keys(settings)
    assert finding()[:2] == ("error", "The key of the geolocation service cannot be decrypted; enter it again.")


def test_check_reports_a_missing_source_only_if_it_is_needed(db):
    Features.objects.update_or_create(pk=1, defaults={"geolocation": True})
    assert json.loads(run("check_configuration", "--json").out) == []
    factories.TypeFactory()
    level, text, _remedy, code = finding()
    assert (level, code) == ("warning", 0)
    assert text.startswith("No source of locations is configured")


def test_new_installation_has_no_geolocation_and_no_warning(db):
    factories.TypeFactory()
    assert not Features.get_solo().geolocation
    assert json.loads(run("check_configuration", "--json").out) == []


def test_source_without_the_feature_is_a_warning(location_file):
    Features.objects.update(geolocation=False)
    factories.TypeFactory()
    level, text, _remedy, code = finding()
    assert (level, code) == ("warning", 0)
    assert text.startswith("To send messages with context, turn on Geolocation under Features.")
