"""Choosing a text by language."""


def pick(texts: dict[str, str], language: str) -> str:
    """Return the text for `language`, else for its base (`nl` for `nl-BE`), else the English one, else nothing."""
    wanted = language.replace("_", "-").lower()
    by_code = {code.replace("_", "-").lower(): text for code, text in texts.items()}
    for code in (wanted, wanted.split("-")[0], "en"):
        if by_code.get(code):
            return by_code[code]
    return ""
