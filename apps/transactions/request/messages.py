"""Messages of a transaction: defaults, validation, and removal of invisible characters."""

import unicodedata

from django.conf import settings
from django.utils.translation import gettext as _

from apps.common import errors, languages
from apps.transactions.types import Method, MobileAuthenticationType

# Unicode categories: control, and format (which holds the bidirectional overrides).
INVISIBLE = {"Cc", "Cf"}
ALLOWED_INVISIBLE = {"\n", "\t", "\u200d", "\u200c"}  # line breaks; joiners, without which scripts and emoji fall apart
# Bidirectional classes: embeddings, overrides and isolates. All of them are format characters.
BIDIRECTIONAL_OVERRIDES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
# Unicode categories without a visible glyph: the above, separators, surrogates and combining marks.
BLANK = {*INVISIBLE, "Zs", "Zl", "Zp", "Cs", "Mn"}
# Letters and a symbol without visible strokes: the Hangul fillers and the empty Braille pattern.
FILLERS = {"\u115f", "\u1160", "\u3164", "\uffa0", "\u2800"}


def clean(text: str) -> str:
    """Remove characters that can disguise a message on a screen. A message without visible characters becomes empty."""
    cleaned = [
        character
        for character in text
        if character in ALLOWED_INVISIBLE or unicodedata.category(character) not in INVISIBLE
    ]
    return "".join(cleaned) if any(map(_is_visible, cleaned)) else ""


def _is_visible(character: str) -> bool:
    return character not in FILLERS and unicodedata.category(character) not in BLANK


def has_bidirectional_override(text: str) -> bool:
    """Return True if a character changes the order in which the text is displayed."""
    return any(unicodedata.bidirectional(character) in BIDIRECTIONAL_OVERRIDES for character in text)


def from_request(message_parameter: str, mobile_type: MobileAuthenticationType, language: str) -> str:
    """Return the message of a request, else the default message of the type for the language or for English.

    Only an OTP type can have no message. The length of an SMS is checked before the code is inserted.
    """
    message = clean(message_parameter) or default_message(mobile_type, language)
    if not message and mobile_type.method != Method.OTP:
        raise errors.InvalidParameter(
            _("The parameter message is missing, and the type has no default message for the language.")
        )
    if len(message) > settings.MESSAGE_MAX_LENGTH:
        raise errors.MessageTooLong
    return message


def missing_text(name: str) -> str:
    return _("The parameter %(name)s is missing.") % {"name": name}


def default_message(mobile_type: MobileAuthenticationType, language: str) -> str:
    """Return the default message of the type for a language, else the English one, else an empty string."""
    return languages.pick(mobile_type.default_messages, language)
