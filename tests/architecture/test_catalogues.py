"""The message catalogues are complete, compiled, and contain the placeholders of the originals."""

import itertools
import re
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import translation

LOCALE = Path(settings.BASE_DIR, "locale")
PHONE_MESSAGES = Path(settings.BASE_DIR, "clients", "web-phone", "src", "messages")
LANGUAGES = sorted(code for code, _name in settings.LANGUAGES if code != "en")
# Placeholders of Python and of message templates, and HTML tags.
PLACEHOLDERS = re.compile(
    r"%\(\w+\)[sd]|%[sd]|\{\w*\}|\[(?:message|operatingSystem|browser|countryCode|region|city)\]|</?\w+>"
)


def catalogue(language):
    with open(LOCALE / language / "LC_MESSAGES" / "django.po", "rb") as file:
        return {(message.context, message.id): message for message in read_po(file, locale=language) if message.id}


def texts(message):
    """Return pairs of an original and its translation, with both plural forms."""
    if not isinstance(message.id, tuple):
        return [(message.id, message.string)]
    # A translation may omit placeholders that the singular omits, usually the number.
    return [(message.id[1], message.string[-1])]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_without_fuzzy_entries(language):
    originals, translated = catalogue("en"), catalogue(language)
    assert set(translated) == set(originals)
    assert [message.id for message in translated.values() if message.fuzzy] == []
    assert [original for message in translated.values() for original, text in texts(message) if not text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_and_tags_match_the_original(language):
    differing = [
        (original, text)
        for message in catalogue(language).values()
        for original, text in texts(message)
        if sorted(PLACEHOLDERS.findall(original)) != sorted(PLACEHOLDERS.findall(text))
    ]
    assert differing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalogue_is_current(language):
    with open(LOCALE / language / "LC_MESSAGES" / "django.mo", "rb") as file:
        compiled = GNUTranslations(file)
    for (context, original), message in catalogue(language).items():
        if isinstance(original, tuple):
            assert compiled.ngettext(*original, 5) == message.string[-1]
        elif context:
            assert compiled.pgettext(context, original) == message.string
        else:
            assert compiled.gettext(original) == message.string


@pytest.mark.parametrize("language", LANGUAGES)
def test_error_is_in_the_requested_language_with_unchanged_codes(client, db, language):
    path = "/oauth/api/v4/authenticate/user"
    english, other = (client.post(path, headers={"Accept-Language": code}) for code in ("en", language))
    assert english.status_code == other.status_code == 401
    assert english.json()["error"] == other.json()["error"] == "invalid_client"
    assert english.json()["error_description"] != other.json()["error_description"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_a_name_in_the_menu(language):
    assert translation.get_language_info(language)["name_local"]


def table(heading):
    """Return the rows of a table in the page for translators."""
    lines = iter((LOCALE / "README.md").read_text(encoding="utf-8").splitlines())
    assert any(line.startswith(heading) for line in lines)
    rows = [line for line in itertools.takewhile(lambda line: line.startswith("|"), lines) if "---" not in line]
    return [[cell.strip().strip("`").replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def phone_messages(language):
    """Return the messages of the web phone by their names."""
    source = (PHONE_MESSAGES / f"{language}.ts").read_text(encoding="utf-8")
    return dict(re.findall(r'^  (\w+):\s+"(.*)",$', source, re.MULTILINE))


@pytest.mark.parametrize("language", LANGUAGES)
def test_terms_have_one_translation(language):
    column = ("nl", "de", "fr").index(language)
    terms = {english.lower(): others[column].lower() for english, *others in table("| English")}
    translated = [texts(message) for (context, _id), message in catalogue(language).items() if not context]
    pairs = [pair for message in translated for pair in message]
    pairs += [(english, phone_messages(language)[name]) for name, english in phone_messages("en").items()]
    differing = [pair for pair in pairs if terms.get(pair[0].lower(), pair[1].lower()) != pair[1].lower()]
    assert len(terms) > 30
    assert differing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_have_no_unused_words(language):
    unused = [word for code, word, _used in table("| Language") if code == language]
    translated = [text for message in catalogue(language).values() for _original, text in texts(message)]
    translated += phone_messages(language).values()
    assert unused
    assert [text for text in translated for word in unused if re.search(word, text)] == []
