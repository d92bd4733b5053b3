"""The texts of a transaction."""

import unicodedata

from django.conf import settings
from django.utils.translation import gettext as _

from apps.common import languages
from apps.common.exceptions import InvalidParameter, MessageTooLong
from apps.transactions.models import MobileAuthenticationType

# Unicode categories: control, and format (which holds the bidirectional overrides).
INVISIBLE = {"Cc", "Cf"}
KEPT = {"\n", "\t", "\u200d", "\u200c"}  # line breaks; joiners, without which scripts and emoji fall apart


def clean(text: str) -> str:
    """Take out what could make a text look like another one on a screen."""
    return "".join(
        character for character in text if character in KEPT or unicodedata.category(character) not in INVISIBLE
    )


def public_message(given: str, mobile_type: MobileAuthenticationType, language: str) -> str:
    """Return the message to show: the given one, else the type's default for the language or for English."""
    message = clean(given) or languages.pick(mobile_type.default_messages, language)
    if not message:
        raise InvalidParameter(
            _("The parameter message is missing, and the type has no default message for the language.")
        )
    if len(message) > settings.MESSAGE_MAX_LENGTH:
        raise MessageTooLong
    return message
