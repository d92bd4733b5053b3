"""Kinds of members: how a file's value is read, kept on a row and exported.

The rules for values are the models' own, so that the console and the file agree. What is added here is strict types:
a reader that turns numbers into text would take `version: 1.10` for "1.1".
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Field, Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.encryption import CannotDecrypt
from apps.configuration.environment import structured
from apps.configuration.paths import shown
from apps.configuration.problems import Misread, misread, nearest_of

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# The rows that a name may refer to, by key: those of the database and those of the file.
Known = Callable[[type[Model]], Mapping[tuple[str, ...], Model]]
# A line about changes is for reading.
MAX_SHOWN_CHARACTERS = 60


class Member:
    """One member of an item.

    `field` is the model's, `also` names fields that change along with it, `instead_of` names a member that says the
    same in another way.
    """

    expected: "StrPromise"
    secret = False
    exported = True

    def __init__(self, name: str, *, field: str = "", also: tuple[str, ...] = (), instead_of: str = "") -> None:
        self.name = name
        self.field = field or name
        self.fields = [self.field, *also]
        self.instead_of = instead_of

    def is_required(self, model: type[Model]) -> bool:
        """Say whether a new row needs it."""
        field = self.model_field(model)
        return not (field.blank or field.has_default())

    def model_field(self, model: type[Model]) -> "Field[Any, Any]":
        field: Field[Any, Any] = model._meta.get_field(self.field)  # type: ignore[assignment]
        return field

    def read(self, value: object, row: Model, known: Known) -> Any:
        """Return what the row is to keep; Misread when the type is wrong or the model's field refuses the value."""
        return self.judge(self.typed(value), row)

    def typed(self, value: object) -> Any:
        """Return the value if it has the right type; Misread otherwise."""
        raise NotImplementedError

    def judge(self, value: Any, row: Model, place: str = "") -> Any:
        try:
            return self.model_field(type(row)).clean(value, row)
        except ValidationError as error:
            raise misread(error, place) from None

    def wrong_type(self) -> Misread:
        return Misread(("", str(self.expected)))

    def current(self, row: Model) -> Any:
        return getattr(row, self.field)

    def assign(self, row: Model, value: Any) -> bool:
        """Put the value on the row; False when it was there already."""
        if self.current(row) == value:
            return False
        setattr(row, self.field, value)
        return True

    def clear(self, row: Model) -> bool:
        """Put the defaults back, also in place of what no live key opens; False when they were there already."""
        values = {name: row._meta.get_field(name).get_default() for name in self.fields}  # type: ignore[union-attr]
        if self._holds(row, values[self.field]):
            return False
        for name, value in values.items():
            setattr(row, name, value)
        return True

    def _holds(self, row: Model, value: Any) -> bool:
        try:
            return bool(getattr(row, self.field) == value)
        except CannotDecrypt:
            return False

    def is_exported(self, row: Model) -> bool:
        return self.exported

    def export(self, row: Model) -> Any:
        return getattr(row, self.field)

    def shown(self, row: Model) -> str:
        """Return the value as a line about a change may show it; most kinds show only that they changed."""
        return ""


class Boolean(Member):
    expected = gettext_lazy("Must be true or false.")

    def typed(self, value: object) -> bool:
        value = structured(value)
        if not isinstance(value, bool):
            raise self.wrong_type()
        return value

    def shown(self, row: Model) -> str:
        return "true" if self.current(row) else "false"


class Integer(Member):
    expected = gettext_lazy("Must be a whole number.")

    def typed(self, value: object) -> int:
        value = structured(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong_type()
        return value

    def shown(self, row: Model) -> str:
        return str(self.current(row))


def text(value: object, place: str = "") -> str:
    """Return text that every database can store; Misread otherwise."""
    if isinstance(value, int | float):
        raise Misread((place, _("Must be text; put it between quotation marks.")))
    if not isinstance(value, str):
        raise Misread((place, _("Must be text.")))
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise Misread((place, _("Holds a character that cannot be stored.")))
    return str(value)


class Text(Member):
    def typed(self, value: object) -> str:
        return text(value)

    def shown(self, row: Model) -> str:
        """Return it in quotation marks, unless it is secret or long, or an address with more than host and path.

        Of such an address, user name or query may be somebody's credentials.
        """
        if self.secret:
            return ""
        value = str(self.current(row))
        is_shown = len(value) <= MAX_SHOWN_CHARACTERS and shown(value) == value
        return json.dumps(value, ensure_ascii=False) if is_shown else ""


class SecretText(Text):
    """Text that is encrypted at rest; one that no live key opens counts as changed, so that an import mends it."""

    secret = True

    def current(self, row: Model) -> Any:
        try:
            return getattr(row, self.field)
        except CannotDecrypt:
            return None


class Choice(Text):
    """One of the values that the model's field allows."""

    def judge(self, value: str, row: Model, place: str = "") -> str:
        values = [str(choice) for choice, _label in self.model_field(type(row)).flatchoices]
        if value not in values:
            raise Misread((place, _("Choose from: %(values)s.") % {"values": ", ".join(values)}))
        return value

    def export(self, row: Model) -> str:
        return str(super().export(row))

    def shown(self, row: Model) -> str:
        return str(self.current(row))


class Texts(Member):
    """A list of texts. The field's validators take lists, so each entry is judged alone as well, to find its place."""

    expected = gettext_lazy("Must be a list.")

    def typed(self, value: object) -> list[object]:
        value = structured(value)
        if not isinstance(value, list):
            raise self.wrong_type()
        return value

    def judge(self, value: list[object], row: Model, place: str = "") -> list[str]:
        def one(number: int, entry: object) -> str:
            found: list[str] = Member.judge(self, [text(entry, f"[{number}]")], row, f"[{number}]")
            return found[0]

        entries: list[str] = super().judge(collect(value, one), row)
        return entries


def collect(entries: list[Any], read: Callable[[int, Any], Any]) -> list[Any]:
    """Read every entry of a list; one Misread holds the problems of them all."""
    found, problems = [], list[tuple[str, str]]()
    for number, entry in enumerate(entries):
        try:
            found.append(read(number, entry))
        except Misread as error:
            problems += error.problems
    if problems:
        raise Misread(*problems)
    return found


class Reference(Member):
    """The name of a row of another section, or null."""

    def __init__(self, name: str, *, model: type[Model]) -> None:
        super().__init__(name)
        self.model = model

    def read(self, value: object, row: Model, known: Known) -> Model | None:
        if structured(value) is None:
            return None
        name, rows = text(value), known(self.model)
        if (name,) not in rows:
            noun = str(self.model._meta.verbose_name)
            raise Misread(
                (
                    "",
                    _("There is no %(noun)s “%(name)s”.") % {"noun": noun, "name": name}
                    + nearest_of(name, [key[0] for key in rows]),
                )
            )
        return rows[name,]

    def export(self, row: Model) -> str | None:
        referred = self.current(row)
        return str(referred.name) if referred else None

    def shown(self, row: Model) -> str:
        return self.export(row) or "null"
