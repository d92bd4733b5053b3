"""Choosing a text by language, and what languages are called."""

from django.utils.translation import get_language_info


def pick(texts: dict[str, str], language: str) -> str:
    """Return the text for `language`, else for its base (`nl` for `nl-BE`), else the English one, else nothing."""
    wanted = language.replace("_", "-").lower()
    by_code = {code.replace("_", "-").lower(): text for code, text in texts.items()}
    for code in (wanted, wanted.split("-")[0], "en"):
        if by_code.get(code):
            return by_code[code]
    return ""


def name(code: str) -> str:
    """Return a language's name in the reader's own language, or the code when nobody knows it."""
    try:
        return str(get_language_info(code.replace("_", "-").lower())["name_translated"])
    except KeyError:
        return code
