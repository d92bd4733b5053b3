"""Selection of texts by language, and names of languages."""

from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import get_language_info


def pick(texts: dict[str, str], language: str) -> str:
    """Return the text for `language`, for its base language (`nl` for `nl-BE`) or for English, else an empty string."""
    requested = _normalize(language)
    by_code = {_normalize(code): text for code, text in texts.items()}
    for code in (requested, requested.split("-")[0], "en"):
        if by_code.get(code):
            return by_code[code]
    return ""


def display_name(code: str) -> str:
    """Return the name of a language in that language, or its code if Django does not know it."""
    try:
        language = get_language_info(_normalize(code))
    except KeyError:
        return code
    name = capfirst(str(language["name_local"]))
    # Django knows the base language only: the code names the region.
    return name if language["code"] == _normalize(code) else f"{name} ({code})"


def is_known(code: str) -> bool:
    """Return True if the language is in SUPPORTED_LOCALES or known to Django. Unknown regions are accepted."""
    if _normalize(code) in map(_normalize, settings.SUPPORTED_LOCALES):
        return True
    try:
        get_language_info(_normalize(code))
    except KeyError:
        return False
    return True


def _normalize(code: str) -> str:
    return code.replace("_", "-").lower()
