"""Choosing a text by language, and what languages are called."""

from django.conf import settings
from django.utils.translation import get_language_info


def pick(texts: dict[str, str], language: str) -> str:
    """Return the text for `language`, else for its base (`nl` for `nl-BE`), else the English one, else nothing."""
    wanted = _plain(language)
    by_code = {_plain(code): text for code, text in texts.items()}
    for code in (wanted, wanted.split("-")[0], "en"):
        if by_code.get(code):
            return by_code[code]
    return ""


def display_name(code: str) -> str:
    """Return a language's name in the reader's own language, or the code when nobody knows it."""
    try:
        return str(get_language_info(_plain(code))["name_translated"])
    except KeyError:
        return code


def is_known(code: str) -> bool:
    """Return whether the settings name the language, or Django knows it (a region that it does not know is fine)."""
    if _plain(code) in map(_plain, settings.SUPPORTED_LOCALES):
        return True
    try:
        get_language_info(_plain(code))
    except KeyError:
        return False
    return True


def _plain(code: str) -> str:
    return code.replace("_", "-").lower()
