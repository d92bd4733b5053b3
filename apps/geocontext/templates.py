"""The text of a secure message with its context: placeholders in square brackets, one text a language."""

import re
from difflib import get_close_matches

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.common import languages

KEY = "mobileAuthentication.confirmation.template"
DEFAULT = "[message] Device: [operatingSystem] [browser], Location: [countryCode], [region], [city]"
MAX_CHARACTERS = 1000
# In the order in which they are told, each with the value that examples show.
EXAMPLE = {
    "message": "You are logging into the XYZ portal",
    "operatingSystem": "Mac 10.14",
    "browser": "Chrome 73.0",
    "countryCode": "NL",
    "region": "Provincie Utrecht",
    "city": "Utrecht",
}
PLACEHOLDER = re.compile(r"\[(" + "|".join(EXAMPLE) + r")\]")
# Whatever else stands in brackets and could be meant as a placeholder.
BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def validate(text: str) -> None:
    """Refuse a text with an unknown placeholder, or without the message that it is about."""
    if len(text) > MAX_CHARACTERS:
        raise ValidationError(_("A template has at most %(limit)d characters."), params={"limit": MAX_CHARACTERS})
    problems = [_unknown(name) for name in dict.fromkeys(BRACKETS.findall(text)) if name not in EXAMPLE]
    if "[message]" not in text:
        problems.append(_("The placeholder [message] is missing: users would not see what they approve."))
    if problems:
        raise ValidationError(problems)


def _unknown(name: str) -> str:
    lower = {known.lower(): known for known in EXAMPLE}
    nearest = get_close_matches(name.strip().lower(), lower, n=1, cutoff=0.5)
    if nearest:
        values = {"name": name, "nearest": lower[nearest[0]]}
        return _("There is no placeholder [%(name)s]. Did you mean [%(nearest)s]?") % values
    known = ", ".join(f"[{known}]" for known in EXAMPLE)
    return _("There is no placeholder [%(name)s]. Known are: %(known)s.") % {"name": name, "known": known}


def choose(texts: dict[str, str], language: str) -> tuple[str, str]:
    """Return the language of the template for `language`, and its text: `nl` for `nl-BE`, else the English one."""
    known = {"en": DEFAULT, **{code: text for code, text in texts.items() if text}}
    code = languages.pick({code: code for code in known}, language)
    return code, known[code]


def fill(template: str, values: dict[str, str]) -> str:
    """Put values in place of placeholders, in one pass: what stands in a value is never a placeholder itself."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], ""), template)
