"""Message of E3: default by language, limit in code points, removed characters."""

import pytest

from tests import factories
from tests.api.calls import error_of


@pytest.fixture
def shown(portal, device):
    """Start a transaction and return the message that the device lists."""

    def run(mobile_type, **fields):
        response = portal.start(mobile_type, device, **fields)
        assert response.status_code == 200, response.json()
        return device.pending()[-1]["message"]

    return run


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (None, "Sign in?"),
        ("en", "Sign in?"),
        ("nl", "Inloggen?"),
        ("NL", "Inloggen?"),
        ("nl-BE", "Inloggen?"),
        ("nl_BE", "Inloggen?"),
        ("de", "Sign in?"),
        ("pt-BR", "Entrar?"),
        ("pt", "Sign in?"),
    ],
)
def test_default_message_falls_back_to_base_language_and_english(shown, language, text):
    mobile_type = factories.TypeFactory(default_messages={"en": "Sign in?", "nl": "Inloggen?", "pt-BR": "Entrar?"})
    assert shown(mobile_type, language_code=language) == text


def test_message_takes_precedence_over_the_default(shown, mobile_type):
    assert shown(mobile_type, message="Pay 5 euros?", language_code="nl") == "Pay 5 euros?"


@pytest.mark.parametrize("language", [None, "nl", "de"])
def test_message_is_missing_without_a_default(portal, device, language):
    mobile_type = factories.TypeFactory(default_messages={"fr": "Connexion ?"})
    response = portal.start(mobile_type, device, language_code=language)
    assert error_of(response) == (400, "1003")
    assert "message" in response.json()["description"]


@pytest.mark.parametrize("character", ["m", "é", "e\u0301", "漢", "😀", "👩\u200d👩\u200d👧"])
def test_limit_counts_code_points(portal, mobile_type, device, character):
    fitting = character * (155 // len(character))
    fitting += "m" * (155 - len(fitting))
    assert len(fitting) == 155
    assert portal.start(mobile_type, device, message=fitting).status_code == 200
    assert error_of(portal.start(mobile_type, device, message=fitting + "m")) == (400, "1005")


def test_limit_can_be_configured(portal, mobile_type, device, settings):
    settings.MESSAGE_MAX_LENGTH = 10
    assert portal.start(mobile_type, device, message="m" * 10).status_code == 200
    assert error_of(portal.start(mobile_type, device, message="m" * 11)) == (400, "1005")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Pay 10\u202e00\u202c euros", "Pay 1000 euros"),
        ("\u2066a\u2067b\u2068c\u2069\u200e\u200f\u061c", "abc"),
        ("\ufeffa\u00adb\u200bc", "abc"),
        ("a\0b\x1b[1mc\x9bd", "ab[1mcd"),
        ("one\r\ntwo", "one\ntwo"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
    ],
)
def test_deceptive_characters_are_removed(portal, mobile_type, device, sent, kept):
    transaction_id = portal.start(mobile_type, device, message=sent, secure_message=sent).json()["transaction_id"]
    assert device.pending()[-1]["message"] == kept
    assert device.fetch(transaction_id)["message"] == kept


@pytest.mark.parametrize(
    "blank",
    ["\u202e\u200b\0", " ", "\n\t \u00a0\u3000\u2028", "\u200d", "\u3164", "\u115f\u1160\uffa0\u2800", "\u034f\ufe0f"],
    ids=ascii,
)
def test_invisible_message_counts_as_absent(portal, device, shown, mobile_type, blank):
    assert shown(mobile_type, message=blank) == "Sign in?"
    response = portal.start(factories.TypeFactory(default_messages={}), device, message=blank)
    assert error_of(response) == (400, "1003")
    transaction_id = portal.start(mobile_type, device, message="Public", secure_message=blank).json()["transaction_id"]
    assert device.fetch(transaction_id)["message"] == "Public"


@pytest.mark.parametrize("text", [".", "é", "\u3164 x", "👍", " 5 ", "\u2713"])
def test_visible_message_is_kept(shown, mobile_type, text):
    assert shown(mobile_type, message=text) == text


def test_secure_message_is_only_in_the_challenge(portal, mobile_type, device):
    response = portal.start(mobile_type, device, message="A payment", secure_message="To DE89 3704")
    (listed,) = device.pending()
    assert listed["message"] == "A payment"
    assert "DE89 3704" not in str(listed)
    assert device.fetch(response.json()["transaction_id"])["message"] == "To DE89 3704"


def test_challenge_contains_the_public_message_by_default(portal, mobile_type, device):
    transaction_id = portal.start(mobile_type, device, message="A payment").json()["transaction_id"]
    assert device.fetch(transaction_id)["message"] == "A payment"
