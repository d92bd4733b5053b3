"""Templates of secure messages with context: placeholders in square brackets, one template per language."""

import re
from difflib import get_close_matches

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.common import languages

KEY = "mobileAuthentication.confirmation.template"
DEFAULT = "[message] Device: [operatingSystem] [browser], Location: [countryCode], [region], [city]"
MAX_CHARACTERS = 1000
# Placeholders in the order of the help text, each with its example value.
EXAMPLE = {
    "message": "You are logging into the XYZ portal",
    "operatingSystem": "Mac 10.14",
    "browser": "Chrome 73.0",
    "countryCode": "NL",
    "region": "Provincie Utrecht",
    "city": "Utrecht",
}
PLACEHOLDER = re.compile(r"\[(" + "|".join(EXAMPLE) + r")\]")
# Any text in brackets, which is possibly a misspelt placeholder.
BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def validate(template: str) -> None:
    """Validate a template. Raises ValidationError for an unknown placeholder or a missing [message]."""
    if len(template) > MAX_CHARACTERS:
        text = _("A template must have at most %(limit)d characters.")
        raise ValidationError(text, params={"limit": MAX_CHARACTERS})
    problems = [_unknown(name) for name in dict.fromkeys(BRACKETS.findall(template)) if name not in EXAMPLE]
    if "[message]" not in template:
        problems.append(_("The placeholder [message] is required: users must see what they approve."))
    if problems:
        raise ValidationError(problems)


def _unknown(name: str) -> str:
    lower = {known.lower(): known for known in EXAMPLE}
    nearest = get_close_matches(name.strip().lower(), lower, n=1, cutoff=0.5)
    if nearest:
        values = {"name": name, "nearest": lower[nearest[0]]}
        return _("Unknown placeholder [%(name)s]. Did you mean [%(nearest)s]?") % values
    known = ", ".join(f"[{known}]" for known in EXAMPLE)
    return _("Unknown placeholder [%(name)s]. Placeholders: %(known)s.") % {"name": name, "known": known}


def choose(texts: dict[str, str], language: str) -> tuple[str, str]:
    """Return the language and the text of the template for `language`: `nl` for `nl-BE`, or else English."""
    known = {"en": DEFAULT, **{code: text for code, text in texts.items() if text}}
    code = languages.pick({code: code for code in known}, language)
    return code, known[code]


def fill(template: str, values: dict[str, str]) -> str:
    """Replace the placeholders in one pass, so that placeholders inside values are not replaced."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], ""), template)
