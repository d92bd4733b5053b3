"""Geolocation, confirmation template, and the start page's problems of the location file."""

import json
import os
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from apps.events.models import Event
from apps.geocontext import service_url, services, templates
from apps.geocontext.models import ConfirmationTemplate, Geolocation
from apps.geocontext.services import Location, Origin
from apps.system.models import Features
from tests import factories
from tests.console.conftest import errors
from tests.geocontext import files

PAGE = "/admin/geocontext/geolocation/"
TEMPLATE = "/admin/geocontext/confirmationtemplate/"
SERVICE = {"url": "https://where.example.com/v1", "new_key": "open sesame"}


@pytest.fixture
def service(console):
    assert console.save(PAGE, **SERVICE).status_code == 302
    return Geolocation.objects.get()


def test_service_key_is_encrypted_and_not_shown(console, service, changes):
    assert (service.url, service.key) == (SERVICE["url"], "open sesame")
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM geocontext_geolocation")
        assert "open sesame" not in cursor.fetchone()[0]
    details = changes("ADMIN_CONFIGURATION_UPDATED")
    assert details["changes"] == {"url": ["", SERVICE["url"]]}
    assert details["secrets_changed"] == ["key"]
    paths = [PAGE, f"{PAGE}history/", "/admin/events/event/"]
    paths += [f"/admin/events/event/{event.pk}/change/" for event in Event.objects.all()]
    for path in paths:
        assert "open sesame" not in console.get(path).content.decode()


def test_event_redacts_query_values(console, changes):
    address = "https://geo.example.com/v1?access_key={}&ip={{ip}}&fields&word={}"
    assert console.save(PAGE, url=address.format("TOPSECRET1", 'TOP"SECRET2')).status_code == 302
    shown = "https://geo.example.com/v1?access_key=…&ip={ip}&…&word=…"
    details = changes("ADMIN_CONFIGURATION_UPDATED")
    assert (details["changes"], details["secrets_changed"]) == ({"url": ["", shown]}, ["url"])

    # Different values are still distinguished.
    assert console.save(PAGE, url=address.format("TOPSECRET3", "4")).status_code == 302
    details = changes("ADMIN_CONFIGURATION_UPDATED")
    assert (details["changes"], details["secrets_changed"]) == ({}, ["url"])
    before = Event.objects.count()
    assert console.save(PAGE).status_code == 302
    assert Event.objects.count() == before
    assert "SECRET" not in json.dumps(list(Event.objects.values()), default=str)


def test_event_shows_url_placeholders(console, changes):
    address = "https://geo.example.com/{ip}?access_key={key}"
    assert console.save(PAGE, url=address, new_key="open sesame").status_code == 302
    details = changes("ADMIN_CONFIGURATION_UPDATED")
    assert (details["changes"], details["secrets_changed"]) == ({"url": ["", address]}, ["key"])


def test_empty_key_keeps_stored_key(console, service):
    console.save(PAGE, url="https://other.example.com/")
    assert Geolocation.objects.get().key == "open sesame"
    console.save(PAGE, remove_key="on")
    assert Geolocation.objects.get().key == ""
    assert 'name="remove_key"' not in console.get(PAGE).content.decode()


# Invalid templates with their error messages.
REJECTED = [
    ({"url": "where.example.com"}, "url", "Enter an absolute URL that begins with http:// or https://."),
    ({"url": "ftp://where.example.com/"}, "url", "Enter an absolute URL that begins with http:// or https://."),
    ({"url": "https://where.example.com/a b"}, "url", "Enter an absolute URL that begins with http:// or https://."),
    ({"url": "https://me:word@where.example.com/"}, "url", "user name or a password"),
    ({"url": "https://where.example.com/?ip={ip}#{key}"}, "url", "never sent"),
    ({"url": "https://{key}.example.com/{ip}"}, "url", "path and in the query"),
    ({"url": "https://where.example.com/?from=us"}, "url", "requires the placeholder {ip}"),
    ({"url": "https://where.example.com/?token={key}"}, "url", "requires the placeholder {ip}"),
    ({"url": "https://where.example.com/{ip}"}, "url", "lacks the placeholder {key}"),
    ({"url": "https://where.example.com/{kye}/{ip}"}, "url", "Unknown placeholder {kye}. Did you mean {key}?"),
    ({"url": "https://where.example.com/{key}/{ip}", "new_key": ""}, "new_key", "so a key is required"),
    ({"remove_key": "on"}, "remove_key", "not both"),
]


@pytest.mark.parametrize(("changed", "field", "message"), REJECTED)
def test_invalid_service_url_is_rejected(console, changed, field, message):
    page = console.save(PAGE, **{**SERVICE, **changed})
    found = errors(page)
    assert set(found) == {field}
    assert message in found[field]
    assert "open sesame" not in page.content.decode()
    assert not Geolocation.get_solo().url


@pytest.mark.parametrize(
    ("url", "key", "expected_url"),
    [
        ("https://where.example.com", "k", "https://where.example.com/k/8.8.8.8"),
        (
            "https://where.example.com/v1//",
            "a/b?c#d %é",
            "https://where.example.com/v1/a%2Fb%3Fc%23d%20%25%C3%A9/8.8.8.8",
        ),
        ("https://where.example.com/v1/", "", "https://where.example.com/v1/8.8.8.8"),
        ("https://where.example.com/{ip}?t={key}", "{ip}&x", "https://where.example.com/8.8.8.8?t=%7Bip%7D%26x"),
        ("https://where.example.com/{ip}/json", "", "https://where.example.com/8.8.8.8/json"),
    ],
)
def test_service_url_is_built(console, url, key, expected_url):
    assert console.save(PAGE, url=url, new_key=key).status_code == 302
    row = Geolocation.objects.get()
    assert service_url.build_url(row.url, row.key, "8.8.8.8") == expected_url


def composed(language="en"):
    found = services.compose_with("Sign in?", Origin("8.8.8.8", "", language), Location("NL", "", "Utrecht"))
    return found.text


def test_default_template_is_used_until_saved(console, settings, changes):
    page = console.get(TEMPLATE).content.decode()
    assert templates.DEFAULT in page
    assert templates.KEY in page
    assert "Provincie Utrecht" in page
    assert composed() == "Sign in? Device:  , Location: NL, , Utrecht"

    text = "[message] using [browser] from [city], [countryCode]"
    assert console.save(TEMPLATE, text_en=text).status_code == 302
    assert composed() == "Sign in? using  from Utrecht, NL"
    assert changes("ADMIN_CONFIGURATION_UPDATED")["changes"]["texts"] == [{"en": templates.DEFAULT}, {"en": text}]

    assert console.save(TEMPLATE, text_en="").status_code == 302
    assert composed() == "Sign in? Device:  , Location: NL, , Utrecht"


def test_template_of_language_covers_regions(console):
    ConfirmationTemplate.objects.create(texts={"nl": "[message] uit [city]", "en": "[message] from [city]"})
    assert [composed(language) for language in ("nl", "nl-BE", "NL_be", "fr", "")] == [
        *["Sign in? uit Utrecht"] * 3,
        *["Sign in? from Utrecht"] * 2,
    ]
    # The field is not in this form and stays unchanged.
    console.save(TEMPLATE, text_en="[message], [city]")
    assert ConfirmationTemplate.objects.get().texts == {"nl": "[message] uit [city]", "en": "[message], [city]"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[message] [citty]", "Unknown placeholder [citty]. Did you mean [city]?"),
        ("[message] [Browser]", "Did you mean [browser]?"),
        ("[message] [xyzzy]", "Placeholders: [message], [operatingSystem]"),
        ("from [city]", "The placeholder [message] is required"),
        ("[message]" + "x" * 1000, "at most 1000 characters"),
    ],
)
def test_invalid_template_is_rejected(console, text, message):
    page = console.save(TEMPLATE, text_en=text)
    assert message in errors(page)["text_en"]
    assert ConfirmationTemplate.get_solo().texts == {"en": templates.DEFAULT}


@pytest.fixture
def location_file(tmp_path, settings, db):
    path = files.write(tmp_path / "city.mmdb")
    settings.GEOCONTEXT_DATABASE = str(path)
    Features.objects.update_or_create(pk=1, defaults={"geolocation": True})
    return path


def problems(console):
    return [(str(item["title"]), str(item["description"])) for item in console.get("/admin/").context["problems"]]


def test_pages_say_that_geolocation_is_off_on_a_new_installation(console):
    for path in (PAGE, TEMPLATE):
        assert "Geolocation is off, so messages have no context." in console.get(path).content.decode()
    console.save("/admin/system/features/", geolocation="on")
    for path in (PAGE, TEMPLATE):
        assert "Geolocation is off" not in console.get(path).content.decode()


def test_start_page_reports_a_source_that_is_not_used(console, service):
    assert problems(console) == []
    factories.TypeFactory()
    [(title, _text)] = problems(console)
    assert title == "Geolocation is off, although a source of locations is configured: messages have no context"
    assert title in console.get(PAGE).content.decode()
    console.save("/admin/system/features/", geolocation="on")
    assert problems(console) == []


def test_start_page_reports_missing_source_if_messages_exist(console, settings):
    settings.SMS_GATEWAY = "memory"
    console.save("/admin/system/features/", geolocation="on")
    factories.TypeFactory(method="sms")
    assert problems(console) == []
    factories.TypeFactory()
    [problem] = console.get("/admin/").context["problems"]
    assert problem["title"] == "Geolocation is on, but has no source: messages have no context"
    assert problem["description"].startswith("No source of locations is configured: messages are sent without context.")
    assert not problem["is_failure"]
    assert problem["url"] == PAGE
    assert problem["title"] in console.get(PAGE).content.decode()

    Geolocation.objects.update_or_create(defaults={"url": "https://where.example.com/"})
    assert problems(console) == []
    Geolocation.objects.update(url="")
    console.save("/admin/system/features/", geolocation=None)
    assert problems(console) == []


def test_start_page_reports_unusable_location_file(console, location_file):
    assert problems(console) == []
    assert f"{location_file} (Test-City, built " in console.get(PAGE).content.decode()

    os.truncate(location_file, 100)
    [(title, text)] = problems(console)
    assert title == "Messages have no context: the location database cannot be used"
    assert text.startswith("The location database is corrupt (InvalidDatabaseError). Rename a City database ")
    assert str(location_file) in text
    page = console.get(PAGE).content.decode()
    assert 'role="alert"' in page
    assert f"{location_file}: The location database is corrupt" in page

    # The file is no longer needed.
    Geolocation.objects.update(url="https://where.example.com/")
    assert problems(console) == []
    Geolocation.objects.update(url="")
    console.save("/admin/system/features/", geolocation=None)
    assert problems(console) == []


def test_start_page_reports_old_location_file(console, administrator, location_file):
    now = timezone.now()
    with time_machine.travel(now + timedelta(days=29)):
        console.force_login(administrator)
        assert problems(console) == []
    with time_machine.travel(now + timedelta(days=31)):
        console.force_login(administrator)
        [(title, _text)] = problems(console)
        assert title.startswith("The location database is from ")
