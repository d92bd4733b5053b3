"""Commands use the language of the terminal, and all their texts are in the catalogues."""

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.urls import get_resolver
from django.utils import translation
from django.utils.html import escape

from apps.common import errors as api_errors
from apps.demo.phone import NAME
from apps.demo.portal import SHOP
from apps.events.models import Event
from tests.commands.command_runner import run, set_standard_input
from tests.commands.test_process import manage  # noqa: F401 - a fixture
from tests.console.test_translations import CLOSE, OPEN, brackets, untranslated_text  # noqa: F401 - a fixture

VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
OURS = sorted(name for name, app in get_commands().items() if str(app).startswith(("apps.", "config")))
NOT_OURS = {action.dest for action in BaseCommand().create_parser("manage.py", "any")._actions}

ENGLISH = "No transaction has the id “7”."
DUTCH = "Er is geen transactie met de ID “7”."
GERMAN = "Keine Transaktion hat die ID „7“."


@pytest.fixture
def terminal(manage, monkeypatch):  # noqa: F811
    """Return a function that runs a command in a terminal whose language depends only on the given variables."""

    def typed(*arguments, **variables):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        # The output can contain characters of all languages, independent of the locale.
        monkeypatch.setenv("PYTHONUTF8", "1")
        return manage(*arguments, encoding="utf-8")

    return typed


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ENGLISH),
        ({"LANG": "nl_NL.UTF-8"}, DUTCH),
        ({"LANG": "nl"}, DUTCH),
        ({"LANG": "nl_BE@euro"}, DUTCH),
        ({"LANG": "nl_NL.UTF-8", "LC_MESSAGES": "de_AT.UTF-8"}, GERMAN),
        ({"LANG": "nl_NL.UTF-8", "LC_MESSAGES": "nl_NL.UTF-8", "LC_ALL": "C"}, ENGLISH),
        ({"LANG": "nl_NL.UTF-8", "LC_ALL": ""}, DUTCH),
        ({"LANG": "nl_NL.UTF-8", "LANGUAGE": "xx:de"}, GERMAN),
        ({"LANG": "nl_NL.UTF-8", "LANGUAGE": "en_GB:nl"}, ENGLISH),
        ({"LANG": "nl_NL.UTF-8", "LANGUAGE": "xx"}, ENGLISH),
        ({"LANG": "POSIX"}, ENGLISH),
        ({"LANG": "C.UTF-8"}, ENGLISH),
        ({"LANG": "sv_SE.UTF-8"}, ENGLISH),
        ({"LANG": "../nl:;\x7f"}, ENGLISH),
    ],
)
def test_error_is_in_the_language_of_the_terminal(db, monkeypatch, capsys, variables, expected):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    command = load_command_class(get_commands()["show_transaction"], "show_transaction")
    with pytest.raises(SystemExit) as ended:
        command.run_from_argv(["manage.py", "show_transaction", "7", "--skip-checks"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"CommandError: {expected}\n"


def test_error_of_a_process_is_in_the_language_of_its_terminal(terminal):
    completed = terminal("show_transaction", "7", LANG="nl_NL.UTF-8")
    assert (completed.returncode, completed.stdout, completed.stderr) == (1, "", f"CommandError: {DUTCH}\n")
    completed = terminal("show_transaction", "7", LANGUAGE="xx:de")
    assert (completed.returncode, completed.stdout, completed.stderr) == (1, "", f"CommandError: {GERMAN}\n")
    completed = terminal("show_transaction", "7", LC_ALL="C", LANG="nl_NL.UTF-8")
    assert (completed.returncode, completed.stdout, completed.stderr) == (1, "", f"CommandError: {ENGLISH}\n")


@pytest.mark.parametrize("typed", [("serve", "--help"), ("help", "serve")])
def test_help_is_in_the_language_of_the_terminal(terminal, typed):
    output = terminal(*typed, LANG="nl_NL.UTF-8")
    assert (output.returncode, output.stderr) == (0, "")
    description = "Beantwoord HTTP-verzoeken op PORT met WEB_WORKERS processen tot de opdracht wordt gestopt."
    assert description in " ".join(output.stdout.split())
    assert "adres om op te luisteren (standaard: HOST)" in output.stdout
    assert output.stdout.startswith("usage: manage.py serve")
    english = terminal(*typed, LC_ALL="C")
    assert "Serve HTTP on PORT with WEB_WORKERS processes until stopped." in english.stdout


def test_help_is_english_if_the_terminal_lacks_the_characters(terminal):
    output = terminal("serve", "--help", LANG="fr_FR", PYTHONIOENCODING="iso-8859-1")
    assert (output.returncode, output.stderr) == (0, "")
    assert "Serve HTTP on PORT" in output.stdout


@pytest.mark.django_db
def test_stored_texts_are_english_in_every_terminal(monkeypatch):
    def imported(language, is_on):
        set_standard_input(monkeypatch, f"features: {{mobile_authentication: {is_on}}}\n".encode())
        with translation.override(language):
            ran = run("import_configuration", "-")
        assert ran.code == 0
        events = Event.objects.filter(event_type="ADMIN_CONFIGURATION_IMPORTED")
        return ran.lines, events.latest("occurred").details["lines"]

    output, stored = imported("nl", "false")
    assert output == ["features: gewijzigd (mobile_authentication true → false)"]
    assert stored == ["features: changed mobile_authentication true → false"]
    output, stored = imported("en", "true")
    assert output == stored == ["features: changed mobile_authentication false → true"]


@pytest.mark.parametrize("name", OURS)
def test_every_text_of_a_command_is_translated(brackets, name):  # noqa: F811
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    texts = [parser.description, *(action.help for action in parser._actions if action.dest not in NOT_OURS)]
    assert [text for text in texts if not (text or "").startswith(OPEN) or not text.endswith(CLOSE)] == []


@pytest.mark.parametrize("language", ["nl", "de", "fr"])
@pytest.mark.parametrize("name", OURS)
def test_help_can_be_shown_in_every_language(name, language):
    with translation.override(language):
        output = load_command_class(get_commands()[name], name).create_parser("manage.py", name).format_help()
    assert "%(" not in output


def test_all_texts_of_the_demo_page_are_in_the_catalogues(client, brackets):  # noqa: F811
    page = client.get("/demo/").content.decode()
    assert OPEN in page
    for name in (SHOP, escape(NAME)):
        page = page.replace(name, "")
    assert untranslated_text(page) == []


def test_every_error_of_the_apis_is_translated(brackets):  # noqa: F811
    # The views are imported, because they define more errors.
    assert get_resolver().url_patterns
    errors, messages = [api_errors.ApiError], []
    while errors:
        error = errors.pop()
        errors += error.__subclasses__()
        # Errors of OAuth are in English (RFC 6749, 5.2).
        if error.__module__.startswith(("apps.", "config.")) and error.__module__ != "apps.ciba.errors":
            messages.append(error)
    assert len(messages) > 40
    assert [error.__name__ for error in messages if not str(error.text).startswith(OPEN)] == []
