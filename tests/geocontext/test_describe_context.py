"""The commands: what a user would read and where it comes from, and whether the source of locations is in order."""

import json
import os
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

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


def test_the_example_from_a_file(location_file):
    found = described("--ip", UTRECHT, "--user-agent", CHROME)
    assert found.pop("location_source").startswith(f"{location_file} (Test-City, built ")
    assert found == {
        "message": EXAMPLE,
        "check": "GEOLOCATION_CHECK_SUCCESS",
        "reason": None,
        "is_used": True,
        "template_language": "en",
        "template": templates.DEFAULT,
    }
    assert EXAMPLE in run("describe_context", "--ip", UTRECHT, "--user-agent", CHROME).out


def test_the_example_from_a_service_whose_key_stays_secret(service):
    arguments = ("--ip", UTRECHT, "--user-agent", CHROME)
    for _time in range(2):
        found = described(*arguments)
        assert found["message"] == EXAMPLE
        assert found["location_source"] == f"HTTP service at {service.url.removeprefix('http://')}"
    assert len(service.received) == 1
    assert KEY not in run("describe_context", *arguments).out


def test_described_context_has_no_free_text_of_the_user_agent(location_file):
    found = described("--ip", UTRECHT, "--user-agent", "Support calling, approve now/1 CFNetwork/978 Darwin/18")
    assert found["message"] == EXAMPLE.replace("Mac 10.14 Chrome 73.0", "iOS ")


def test_a_language_has_its_template(location_file):
    ConfirmationTemplate.objects.create(texts={"nl": "[message] uit [city]"})
    found = described("--ip", UTRECHT, "--language", "nl-BE", "--message", "Inloggen?")
    assert (found["message"], found["template_language"]) == ("Inloggen? uit Utrecht (nl)", "nl")


@pytest.mark.parametrize("value", ["nonsense", "1.2.3", "1.2.3.4/8", "fe80::1%eth0", " ", "a\nb"])
def test_address_that_is_none_is_an_error_in_one_line(location_file, value):
    ran = run("describe_context", "--ip", value)
    shown = value.replace("\n", "�")
    assert (ran.code, ran.out, ran.problems) == (1, "", [f"--ip: “{shown}” is not an IP address."])


def test_what_is_wrong_is_said(location_file):
    assert described("--ip", "10.0.0.1")["reason"] == "The IP address is private or reserved."
    assert described()["check"] == "GEOLOCATION_CHECK_SKIPPED_DATA_MISSING"


def test_without_a_source_the_message_comes_alone(db):
    found = described("--ip", UTRECHT, "--user-agent", CHROME, "--message", "Sign in?")
    assert (found["message"], found["is_used"], found["check"]) == ("Sign in?", False, None)
    assert found["reason"] == "No source of locations is configured."
    assert found["location_source"].startswith("none: ")


def test_with_geolocation_off_it_says_so_and_shows_what_users_really_read(service):
    Features.objects.update_or_create(pk=1, defaults={"geolocation": False})
    arguments = ("--ip", UTRECHT, "--user-agent", CHROME, "--message", "Sign in?")
    found = described(*arguments)
    assert (found["message"], found["is_used"], found["check"]) == ("Sign in?", False, None)
    off = "Geolocation is off (Features): messages are sent without context."
    assert found["reason"] == off
    assert off in run("describe_context", *arguments).out
    assert service.received == []


def finding():
    """Return level, text and remedy of what the check says about geolocation, and the exit code."""
    ran = run("check_configuration", "--json")
    [entry] = [one for one in json.loads(ran.out) if not one["about"].startswith(("stored secrets", "broker"))]
    return entry["level"], entry["text"], entry["remedy"], ran.code


def test_the_check_reads_the_file(location_file):
    level, text, _remedy, code = finding()
    assert (level, code) == ("ok", 0)
    assert text == f"Database type Test-City, built on {timezone.now():%Y-%m-%d}, 0 days ago."

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


def test_the_check_asks_the_service(service, settings):
    assert finding() == ("ok", "The service locates 8.8.8.8 in NL.", "", 0)
    service.script["8.8.8.8"] = [{"status": 403}]
    level, text, remedy, code = finding()
    assert (level, text, code) == ("error", "The geolocation service returned HTTP 403.", 1)
    assert "System, Geolocation" in remedy
    lose_keys(settings)
    assert finding()[:2] == ("error", "The key of the geolocation service cannot be decrypted; enter it again.")


def test_the_check_says_that_nothing_is_set_once_there_is_something_to_say_it_of(db):
    assert json.loads(run("check_configuration", "--json").out) == []
    factories.TypeFactory()
    level, text, _remedy, code = finding()
    assert (level, code) == ("ok", 0)
    assert text.startswith("No source of locations is configured")
