"""The texts of a transaction."""

import unicodedata

from django.conf import settings
from django.utils.translation import gettext as _

from apps.common import languages
from apps.common.exceptions import InvalidParameter, MessageTooLong
from apps.transactions.types import Method, MobileAuthenticationType

# Unicode categories: control, and format (which holds the bidirectional overrides).
INVISIBLE = {"Cc", "Cf"}
KEPT = {"\n", "\t", "\u200d", "\u200c"}  # line breaks; joiners, without which scripts and emoji fall apart


def clean(text: str) -> str:
    """Take out what could make a text look like another one on a screen."""
    return "".join(
        character for character in text if character in KEPT or unicodedata.category(character) not in INVISIBLE
    )


def of_request(given: str, mobile_type: MobileAuthenticationType, language: str) -> str:
    """Return the message of a request: the given one, else the type's default for the language or for English.

    Only an OTP type may do without. A message for SMS is counted before its code is filled in.
    """
    message = clean(given) or default(mobile_type, language)
    if not message and mobile_type.method != Method.OTP:
        raise InvalidParameter(
            _("The parameter message is missing, and the type has no default message for the language.")
        )
    if len(message) > settings.MESSAGE_MAX_LENGTH:
        raise MessageTooLong
    return message


def missing(name: str) -> str:
    return _("The parameter %(name)s is missing.") % {"name": name}


def default(mobile_type: MobileAuthenticationType, language: str) -> str:
    """Return the type's default message for a language, else the English one, else nothing."""
    return languages.pick(mobile_type.default_messages, language)
