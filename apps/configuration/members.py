"""Types of members: how the value of a file is read, stored on a row and exported.

The models validate the values, so that the console and the file follow the same rules. Members add strict types: a
reader that converts numbers to text would read `version: 1.10` as "1.1".
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Field, Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.encryption import CannotDecrypt
from apps.common.input_text import is_storable, is_unicode
from apps.configuration.environment import parse_variable
from apps.configuration.paths import redact_key
from apps.configuration.problems import InvalidValue, did_you_mean, invalid_value

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# Returns the rows of a model by key: the rows of the database and of the file.
RowLookup = Callable[[type[Model]], Mapping[tuple[str, ...], Model]]
# Longer values would make a line about changes hard to read.
MAX_DISPLAY_CHARACTERS = 60


class Member:
    """Member of an item.

    `field` is the name of the model field. `dependent_fields` change together with it. `alternative_to` names the
    member that this member can replace.
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
        """Return True if a new row requires this member."""
        field = self.model_field(model)
        return not (field.blank or field.has_default())

    def model_field(self, model: type[Model]) -> "Field[Any, Any]":
        field: Field[Any, Any] = model._meta.get_field(self.field)  # type: ignore[assignment]
        return field

    def read(self, value: object, row: Model, lookup: RowLookup) -> Any:
        """Return the value to store. Raises InvalidValue if the type or the model field does not accept the value."""
        return self.validate(self.parse(value), row)

    def parse(self, value: object) -> Any:
        """Return the value. Raises InvalidValue if it has another type."""
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
        """Set the value on the row. Return True if it changed."""
        if self.current(row) == value:
            return False
        setattr(row, self.field, value)
        return True

    def clear(self, row: Model) -> bool:
        """Restore the defaults, also of values that cannot be decrypted. Return True if the row changed."""
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

    def store(self, row: Model) -> None:
        """Store what has no column in the row. Called after the rows of the file are saved."""

    def is_exported(self, row: Model) -> bool:
        return self.exported

    def export(self, row: Model) -> Any:
        return getattr(row, self.field)

    def display(self, row: Model) -> str:
        """Return the value for a line about a change, or an empty string: the line then names the member only."""
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
    expected = gettext_lazy("Must be an integer.")

    def parse(self, value: object) -> int:
        value = parse_variable(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.type_error()
        return value

    def display(self, row: Model) -> str:
        return str(self.current(row))


def parse_text(value: object, subpath: str = "") -> str:
    """Return text that every database can store. Raises InvalidValue if it is another type."""
    if isinstance(value, int | float):
        raise InvalidValue((subpath, _("Must be text. Put it in quotation marks.")))
    if not isinstance(value, str):
        raise InvalidValue((subpath, _("Must be text.")))
    if not is_storable(value) or not is_unicode(value):
        raise InvalidValue((subpath, _("Contains a character that cannot be stored.")))
    return str(value)


class Text(Member):
    def parse(self, value: object) -> str:
        return parse_text(value)

    def display(self, row: Model) -> str:
        """Return the value in quotation marks, or an empty string if it is secret, long or a URL with credentials.

        The user name and the query of a URL can contain credentials.
        """
        if self.secret:
            return ""
        value = str(self.current(row))
        is_displayable = len(value) <= MAX_DISPLAY_CHARACTERS and redact_key(value) == value
        return json.dumps(value, ensure_ascii=False) if is_displayable else ""


class SecretText(Text):
    """Text that is encrypted at rest. A value that cannot be decrypted counts as changed, so an import replaces it."""

    secret = True

    def current(self, row: Model) -> Any:
        try:
            return getattr(row, self.field)
        except CannotDecrypt:
            return None


class Choice(Text):
    """One of the choices of the model field."""

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
    """List of texts. Each entry is also validated alone, so that a problem names the entry."""

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
    """Read every entry of a list. Raises one InvalidValue with the problems of all entries."""
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
    """Name of a row of another section, or null. `attribute` is the key of that section."""

    def __init__(self, name: str, *, model: type[Model], attribute: str = "name") -> None:
        super().__init__(name)
        self.model = model
        self.attribute = attribute

    def read(self, value: object, row: Model, lookup: RowLookup) -> Model | None:
        if parse_variable(value) is None:
            self.validate(None, row)
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

    def current(self, row: Model) -> Any:
        # A new row has no target of a required reference.
        return getattr(row, self.field, None)

    def export(self, row: Model) -> str | None:
        target = self.current(row)
        return str(getattr(target, self.attribute)) if target else None

    def display(self, row: Model) -> str:
        return self.export(row) or "null"
