"""Sections of the configuration file about the request context."""

import json

import pytest

from apps.events.models import Event
from apps.geocontext import templates
from apps.geocontext.models import ConfirmationTemplate, Geolocation
from apps.system.models import Features
from tests.commands.command_runner import run

pytestmark = pytest.mark.django_db
FILE = """
features: {geolocation: true}
geolocation: {url: "https://where.example.com/{ip}?key={key}", key: {env: WHERE_KEY}}
confirmation_templates:
  en: "[message] from [city]"
  nl: "[message] uit [city]"
"""


def exported(*options):
    return json.loads(run("export_configuration", "--format", "json", *options).out)


def test_sections_are_imported_idempotently_and_exported(import_text, monkeypatch):
    assert exported()["confirmation_templates"] == {"en": templates.DEFAULT}
    assert exported()["geolocation"] == {"url": ""}
    monkeypatch.setenv("WHERE_KEY", "open sesame")
    assert import_text(FILE).lines == [
        "features: changed geolocation false → true",
        "geolocation: changed url, key",
        "confirmation_templates: changed en, nl",
    ]
    assert import_text(FILE).lines == ["Nothing to change."]
    assert Features.get_solo().geolocation
    service = Geolocation.objects.get()
    assert (service.url, service.key) == ("https://where.example.com/{ip}?key={key}", "open sesame")

    without, with_them = exported(), exported("--with-secrets")
    assert without["geolocation"] == {"url": "https://where.example.com/{ip}?key={key}"}
    assert with_them["geolocation"]["key"] == "open sesame"
    assert without["confirmation_templates"] == {"en": "[message] from [city]", "nl": "[message] uit [city]"}
    assert import_text(json.dumps(with_them)).lines == ["Nothing to change."]


def test_omitted_language_is_kept_and_empty_text_removes_a_language(import_text):
    import_text('confirmation_templates: {nl: "[message]!", de: "[message]?"}')
    assert import_text('confirmation_templates: {de: ""}').lines == ["confirmation_templates: changed de"]
    assert ConfirmationTemplate.objects.get().texts == {"en": templates.DEFAULT, "nl": "[message]!"}
    import_text('confirmation_templates: {en: "[message] [city]"}')
    import_text('confirmation_templates: {en: ""}')
    assert ConfirmationTemplate.objects.get().texts["en"] == templates.DEFAULT


def test_lines_and_events_contain_no_query_of_a_url(import_text):
    address = "https://geo.example.com/v1?access_key=TOPSECRET123&ip={ip}"
    assert import_text(json.dumps({"geolocation": {"url": address}})).lines == ["geolocation: changed url"]
    assert Geolocation.objects.get().url == address
    event_text = json.dumps(list(Event.objects.values()), default=str)
    assert "geolocation: changed url" in event_text
    assert "TOPSECRET" not in event_text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("features: {geolocation: yes}", "features.geolocation: Must be true or false."),
        ("geolocation: {url: where}", "geolocation.url: Enter an absolute URL that begins with http:// or https://."),
        ('geolocation: {url: "http://x/?a=b"}', "geolocation.url: A URL with a query requires the placeholder {ip}"),
        (
            'geolocation: {url: "http://x/{ip}/{key}"}',
            "geolocation.key: The URL has the placeholder {key}, so a key is required",
        ),
        ("geolocation: {adress: x}", "geolocation.adress: Unknown."),
        ("geolocation: {key: 1}", "geolocation.key: Must be text"),
        ("geolocation: [1]", "geolocation: Must be a mapping."),
        ("confirmation_templates: text", "confirmation_templates: Must be a mapping of language codes to texts."),
        ("confirmation_templates: {en: 1}", "confirmation_templates.en: Must be text"),
        (
            "confirmation_templates: {'not a code': '[message]'}",
            "confirmation_templates.not a code: Not a language code",
        ),
        (
            'confirmation_templates: {nl: "[message] [citty]"}',
            "confirmation_templates.nl: Unknown placeholder [citty]. Did you mean [city]?",
        ),
        ('confirmation_templates: {nl: "hello"}', "confirmation_templates.nl: The placeholder [message] is required"),
        ("confirmation_templates: {nl: {env: NOT_SET}}", "confirmation_templates.nl: The environment variable NOT_SET"),
    ],
)
def test_invalid_value_is_one_line_and_changes_nothing(import_text, text, problem):
    rejected = import_text(f"{text}\ngeneral: {{sms_sender_id: Shop}}")
    assert (rejected.code, len(rejected.problems)) == (1, 1)
    assert rejected.problems[0].startswith(problem)
    assert exported()["general"]["sms_sender_id"] == ""
    assert exported()["confirmation_templates"] == {"en": templates.DEFAULT}
    assert exported()["geolocation"] == {"url": ""}
