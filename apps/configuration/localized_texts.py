"""Members that contain texts by language code."""

from collections.abc import Mapping
from typing import cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common import languages
from apps.configuration.environment import parse_variable
from apps.configuration.members import Member, RowLookup, parse_text, read_entries
from apps.configuration.problems import InvalidValue, invalid_value
from apps.geocontext import templates
from apps.geocontext.models import ConfirmationTemplate
from apps.transactions.request import messages
from apps.transactions.request.parameters import LANGUAGE


class LocalizedText(Member):
    """Texts by language code. Each text is limited to the maximum length of a message."""

    expected = gettext_lazy("Must be a mapping of language codes to texts.")

    def parse(self, value: object) -> dict[str, str]:
        value = parse_variable(value)
        if not isinstance(value, dict):
            raise self.type_error()
        return dict(read_entries(list(value.items()), lambda _number, entry: self._read_entry(*entry)))

    def _read_entry(self, language: object, value: object) -> tuple[str, str]:
        subpath = f".{language}"
        if not isinstance(language, str) or not LANGUAGE.fullmatch(language):
            raise InvalidValue((subpath, _("Not a language code.")))
        if not languages.is_known(language):
            hint = _("Unknown language code. To allow it, add it to %(variable)s.")
            raise InvalidValue((subpath, hint % {"variable": "TOKEN_SERVER_ADMIN_GENERAL_SUPPORTED_LOCALES"}))
        text = parse_text(value, subpath)
        self.validate_text(text, subpath)
        return language, text

    def validate_text(self, text: str, subpath: str) -> None:
        limit = settings.MESSAGE_MAX_LENGTH
        if len(messages.clean(text)) > limit:
            raise InvalidValue((subpath, _("A message must have at most %(limit)d characters.") % {"limit": limit}))

    def export(self, row: Model) -> dict[str, str]:
        texts: Mapping[str, str] = getattr(row, self.field)
        return dict(sorted(texts.items()))


class ConfirmationTexts(LocalizedText):
    """Templates of secure messages. Omitted languages are kept; an empty text removes its language."""

    def validate_text(self, text: str, subpath: str) -> None:
        try:
            if text.strip():
                templates.validate(text)
        except ValidationError as error:
            raise invalid_value(error, subpath) from None

    def read(self, value: object, row: Model, lookup: RowLookup) -> dict[str, str]:
        return cast(ConfirmationTemplate, row).with_texts(self.parse(value))

    def changed_languages(self, row: Model, texts: dict[str, str]) -> list[str]:
        """Return the languages whose texts would change."""
        current = self.current(row)
        return sorted(code for code in {*current, *texts} if current.get(code) != texts.get(code))
