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
from apps.configuration.environment import parse_variable
from apps.configuration.paths import redact_key
from apps.configuration.problems import InvalidValue, did_you_mean, invalid_value

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# The rows that a name may refer to, by key: those of the database and those of the file.
RowLookup = Callable[[type[Model]], Mapping[tuple[str, ...], Model]]
# A line about changes is for reading.
MAX_DISPLAY_CHARACTERS = 60


class Member:
    """One member of an item.

    `field` is the model's, `also` names fields that change along with it, `instead_of` names a member that says the
    same in another way.
    """

    expected: "StrPromise"
    secret = False
    exported = True

    def __init__(
        self, name: str, *, field: str = "", dependent_fields: tuple[str, ...] = (), alternative_to: str = ""
    ) -> None:
        self.name = name
        self.field = field or name
        self.fields = [self.field, *dependent_fields]
        self.alternative_to = alternative_to

    def is_required(self, model: type[Model]) -> bool:
        """Say whether a new row needs it."""
        field = self.model_field(model)
        return not (field.blank or field.has_default())

    def model_field(self, model: type[Model]) -> "Field[Any, Any]":
        field: Field[Any, Any] = model._meta.get_field(self.field)  # type: ignore[assignment]
        return field

    def read(self, value: object, row: Model, lookup: RowLookup) -> Any:
        """Return what the row is to keep; Misread when the type is wrong or the model's field refuses the value."""
        return self.validate(self.parse(value), row)

    def parse(self, value: object) -> Any:
        """Return the value if it has the right type; Misread otherwise."""
        raise NotImplementedError

    def validate(self, value: Any, row: Model, subpath: str = "") -> Any:
        try:
            return self.model_field(type(row)).clean(value, row)
        except ValidationError as error:
            raise invalid_value(error, subpath) from None

    def type_error(self) -> InvalidValue:
        return InvalidValue(("", str(self.expected)))

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
        if self._has_value(row, values[self.field]):
            return False
        for name, value in values.items():
            setattr(row, name, value)
        return True

    def _has_value(self, row: Model, value: Any) -> bool:
        try:
            return bool(getattr(row, self.field) == value)
        except CannotDecrypt:
            return False

    def is_exported(self, row: Model) -> bool:
        return self.exported

    def export(self, row: Model) -> Any:
        return getattr(row, self.field)

    def display(self, row: Model) -> str:
        """Return the value as a line about a change may show it; most kinds show only that they changed."""
        return ""


class Boolean(Member):
    expected = gettext_lazy("Must be true or false.")

    def parse(self, value: object) -> bool:
        value = parse_variable(value)
        if not isinstance(value, bool):
            raise self.type_error()
        return value

    def display(self, row: Model) -> str:
        return "true" if self.current(row) else "false"


class Integer(Member):
    expected = gettext_lazy("Must be a whole number.")

    def parse(self, value: object) -> int:
        value = parse_variable(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.type_error()
        return value

    def display(self, row: Model) -> str:
        return str(self.current(row))


def parse_text(value: object, subpath: str = "") -> str:
    """Return text that every database can store; Misread otherwise."""
    if isinstance(value, int | float):
        raise InvalidValue((subpath, _("Must be text; put it between quotation marks.")))
    if not isinstance(value, str):
        raise InvalidValue((subpath, _("Must be text.")))
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidValue((subpath, _("Holds a character that cannot be stored.")))
    return str(value)


class Text(Member):
    def parse(self, value: object) -> str:
        return parse_text(value)

    def display(self, row: Model) -> str:
        """Return it in quotation marks, unless it is secret or long, or an address with more than host and path.

        Of such an address, user name or query may be somebody's credentials.
        """
        if self.secret:
            return ""
        value = str(self.current(row))
        is_displayable = len(value) <= MAX_DISPLAY_CHARACTERS and redact_key(value) == value
        return json.dumps(value, ensure_ascii=False) if is_displayable else ""


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

    def validate(self, value: str, row: Model, subpath: str = "") -> str:
        values = [str(choice) for choice, _label in self.model_field(type(row)).flatchoices]
        if value not in values:
            raise InvalidValue((subpath, _("Choose from: %(values)s.") % {"values": ", ".join(values)}))
        return value

    def export(self, row: Model) -> str:
        return str(super().export(row))

    def display(self, row: Model) -> str:
        return str(self.current(row))


class TextList(Member):
    """A list of texts. The field's validators take lists, so each entry is judged alone as well, to find its place."""

    expected = gettext_lazy("Must be a list.")

    def parse(self, value: object) -> list[object]:
        value = parse_variable(value)
        if not isinstance(value, list):
            raise self.type_error()
        return value

    def validate(self, value: list[object], row: Model, subpath: str = "") -> list[str]:
        def validate_entry(number: int, entry: object) -> str:
            validated: list[str] = Member.validate(self, [parse_text(entry, f"[{number}]")], row, f"[{number}]")
            return validated[0]

        entries: list[str] = super().validate(read_entries(value, validate_entry), row)
        return entries


def read_entries(entries: list[Any], read: Callable[[int, Any], Any]) -> list[Any]:
    """Read every entry of a list; one Misread holds the problems of them all."""
    values, problems = [], list[tuple[str, str]]()
    for number, entry in enumerate(entries):
        try:
            values.append(read(number, entry))
        except InvalidValue as error:
            problems += error.problems
    if problems:
        raise InvalidValue(*problems)
    return values


class Reference(Member):
    """The name of a row of another section, or null."""

    def __init__(self, name: str, *, model: type[Model]) -> None:
        super().__init__(name)
        self.model = model

    def read(self, value: object, row: Model, lookup: RowLookup) -> Model | None:
        if parse_variable(value) is None:
            return None
        name, rows = parse_text(value), lookup(self.model)
        if (name,) not in rows:
            noun = str(self.model._meta.verbose_name)
            raise InvalidValue(
                (
                    "",
                    _("There is no %(noun)s “%(name)s”.") % {"noun": noun, "name": name}
                    + did_you_mean(name, [key[0] for key in rows]),
                )
            )
        return rows[name,]

    def export(self, row: Model) -> str | None:
        target = self.current(row)
        return str(target.name) if target else None

    def display(self, row: Model) -> str:
        return self.export(row) or "null"
