"""Members that hold texts by language code."""

from collections.abc import Mapping
from typing import cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common import languages
from apps.configuration.environment import structured
from apps.configuration.members import Known, Member, collect, text
from apps.configuration.problems import Misread, misread
from apps.geocontext import templates
from apps.geocontext.models import ConfirmationTemplate
from apps.transactions.request import messages
from apps.transactions.request.parameters import LANGUAGE


class TextByLanguage(Member):
    """Texts by language code, each within the limit for messages."""

    expected = gettext_lazy("Must be a mapping of language codes to texts.")

    def typed(self, value: object) -> dict[str, str]:
        value = structured(value)
        if not isinstance(value, dict):
            raise self.wrong_type()
        return dict(collect(list(value.items()), lambda _number, entry: self._text(*entry)))

    def _text(self, language: object, value: object) -> tuple[str, str]:
        place = f".{language}"
        if not isinstance(language, str) or not LANGUAGE.fullmatch(language):
            raise Misread((place, _("This is not a language code.")))
        if not languages.is_known(language):
            hint = _("No language is known by this code. If it is meant, name it in %(variable)s.")
            raise Misread((place, hint % {"variable": "TOKEN_SERVER_ADMIN_GENERAL_SUPPORTED_LOCALES"}))
        found = text(value, place)
        self.judge_text(found, place)
        return language, found

    def judge_text(self, found: str, place: str) -> None:
        limit = settings.MESSAGE_MAX_LENGTH
        if len(messages.clean(found)) > limit:
            raise Misread((place, _("A message has at most %(limit)d characters.") % {"limit": limit}))

    def export(self, row: Model) -> dict[str, str]:
        texts: Mapping[str, str] = getattr(row, self.field)
        return dict(sorted(texts.items()))


class ConfirmationTexts(TextByLanguage):
    """The templates of secure messages; languages that are left out stay, an empty text removes its language."""

    def judge_text(self, found: str, place: str) -> None:
        try:
            if found.strip():
                templates.validate(found)
        except ValidationError as error:
            raise misread(error, place) from None

    def read(self, value: object, row: Model, known: Known) -> dict[str, str]:
        return cast(ConfirmationTemplate, row).with_texts(self.typed(value))

    def changed(self, row: Model, texts: dict[str, str]) -> list[str]:
        """Return the languages whose texts would be others."""
        current = self.current(row)
        return sorted(code for code in {*current, *texts} if current.get(code) != texts.get(code))
