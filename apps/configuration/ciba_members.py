"""Members of the CIBA settings of an API client."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy

from apps.common.jose import public_keys
from apps.common.jose.public_keys import InvalidKeySet
from apps.configuration.environment import parse_variable
from apps.configuration.members import Member, Reference, RowLookup, read_entries
from apps.configuration.problems import InvalidValue, invalid_value


class KeySet(Member):
    """Public keys as a JWK Set: an object, or its JSON text. An empty object: no keys."""

    expected = gettext_lazy("Must be a JWK Set: an object with the member keys, or its JSON text.")

    def parse(self, value: object) -> dict[str, Any]:
        try:
            value = json.loads(value) if isinstance(value, str) and value else value or {}
        except (ValueError, RecursionError):
            raise self.type_error() from None
        if not isinstance(value, dict):
            raise self.type_error()
        return value

    def validate(self, value: dict[str, Any], row: Model, subpath: str = "") -> dict[str, Any]:
        try:
            if value:
                public_keys.parse(value)
        except InvalidKeySet as error:
            raise InvalidValue((subpath, str(error))) from None
        return value


class ReferenceList(Member):
    """List of names of rows of another section. The references are stored when both rows are."""

    expected = gettext_lazy("Must be a list.")

    def __init__(self, name: str, *, model: type[Model], require: Callable[[Any], None]) -> None:
        super().__init__(name)
        self.model = model
        self.require = require
        # The row itself has no column for the references.
        self.fields = []

    def is_required(self, model: type[Model]) -> bool:
        return False

    def read(self, value: object, row: Model, lookup: RowLookup) -> list[Model]:
        value = parse_variable(value)
        if not isinstance(value, list):
            raise self.type_error()
        reference = Reference(self.name, model=self.model)

        def read_entry(number: int, entry: object) -> Model:
            try:
                target = reference.read(entry, row, lookup)
                if target is None:
                    raise self.type_error()
                self.require(target)
            except InvalidValue as error:
                raise InvalidValue(*((f"[{number}]{below}", text) for below, text in error.problems)) from None
            except ValidationError as error:
                raise invalid_value(error, f"[{number}]") from None
            return target

        return read_entries(value, read_entry)

    def current(self, row: Model) -> Sequence[Model]:
        planned: Sequence[Model] | None = row.__dict__.get(self._planned)
        if planned is not None:
            return planned
        return [] if row._state.adding else list(getattr(row, self.field).all())

    def assign(self, row: Model, value: list[Model]) -> bool:
        if self._names(value) == self._names(self.current(row)):
            return False
        row.__dict__[self._planned] = value
        return True

    def store(self, row: Model) -> None:
        """Store the references of a row that was read from the file."""
        if self._planned in row.__dict__:
            getattr(row, self.field).set(row.__dict__[self._planned])

    def export(self, row: Model) -> list[str]:
        return self._names(self.current(row))

    def display(self, row: Model) -> str:
        return f"[{', '.join(self.export(row))}]"

    @property
    def _planned(self) -> str:
        return f"_planned_{self.field}"

    @staticmethod
    def _names(rows: Sequence[Any]) -> list[str]:
        return sorted(str(row.name) for row in rows)
