"""Statements that are compiled once per process, for the few queries that every login runs.

The ORM builds the SQL of a query each time it runs. This took 43 % of the CPU time of the web processes. A statement of
this module is built by the ORM on first use; later uses only bind its parameters. All other queries use the ORM.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from inspect import signature
from itertools import chain
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import BooleanField, Expression, Func, Subquery, Value
from django.db.models.query import ModelIterable
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

M = TypeVar("M", bound=models.Model)
Values = Mapping[str, Any]


class Parameter(Expression):
    """Placeholder of a value that is bound when the statement runs. `field` converts the value of a column."""

    def __init__(self, name: str, field: "models.Field[Any, Any] | None" = None) -> None:
        super().__init__(output_field=field)
        self.name, self.target = name, field

    def as_sql(self, _compiler: SQLCompiler, _connection: Any) -> tuple[str, list[Any]]:
        return "%s", [self]

    def bind(self, values: Values) -> Any:
        value = values[self.name]
        return self.target.get_db_prep_save(value, connection) if self.target else _adapt(value)


def _adapt(value: Any) -> Any:
    """Return a value in the type of the database driver. PostgreSQL's driver has all of these types."""
    if connection.vendor == "postgresql":
        return value
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, list | tuple | set):
        return json.dumps([_adapt(item) for item in value])
    return value


class ArrayOf(Subquery):
    """Values of a query as an array (PostgreSQL only). It is evaluated once for a statement."""

    template = "ARRAY(%(subquery)s)"


class AnyOf(Func):
    """Condition that a column has one of the values of a list parameter. One statement serves all lengths."""

    output_field = BooleanField()
    template = "%(expressions)s)"
    arg_joiner = " = ANY("

    def __init__(self, column: str, values: "Parameter | ArrayOf | list[Any]") -> None:
        super().__init__(models.F(column), Value(_adapt(values)) if isinstance(values, list) else values)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **context: Any) -> Any:
        joiner, template = " IN (SELECT value FROM json_each(", "%(expressions)s))"
        return self.as_sql(compiler, connection, template=template, arg_joiner=joiner, **context)


@dataclass(frozen=True)
class Statement:
    """SQL with its values, in which parameters are not yet bound."""

    sql: str
    values: tuple[Any, ...]

    def bind(self, values: Values) -> "Statement":
        bound = [value.bind(values) if isinstance(value, Parameter) else value for value in self.values]
        return Statement(self.sql, tuple(bound))


class Select(Generic[M]):
    """SELECT of model instances. `build` returns its queryset; each argument of `build` is a parameter."""

    def __init__(self, build: "Callable[..., models.QuerySet[M, Any]]") -> None:
        self.build = build

    @cached_property
    def _compiled(self) -> tuple[Any, Statement]:
        queryset = self.build(*[Parameter(name) for name in signature(self.build).parameters])
        compiler: Any = queryset.query.get_compiler(connection=connection)
        sql, values = compiler.as_sql()
        converters = compiler.get_converters([column[0] for column in compiler.select])
        compiler.get_converters = lambda _columns: converters
        return compiler, Statement(sql, tuple(values))

    def all(self, **values: Any) -> list[M]:
        """Return all instances. `values` are the arguments of `build`."""
        queryset: Any = _CompiledQuerySet(self._bind(values))
        return list(ModelIterable(queryset))

    def tuples(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a `values_list` queryset."""
        return [tuple(row) for row in self._bind(values).results_iter()]

    def _bind(self, values: Values) -> Any:
        template, statement = self._compiled
        compiler: Any = copy(template)
        compiler.connection = connection
        bound = statement.bind(values)
        compiler.as_sql = lambda *_args, **_kwargs: (bound.sql, bound.values)
        return compiler

    def first(self, **values: Any) -> M | None:
        """Return the first instance, or None."""
        rows = self.all(**values)
        return rows[0] if rows else None


class _CompiledQuerySet:
    """The parts of a queryset from which Django makes instances, with a compiler that has its SQL."""

    _known_related_objects: Mapping[Any, Any] = {}

    def __init__(self, compiler: SQLCompiler) -> None:
        self.db = connection.alias
        self.query = self
        self._compiler = compiler

    def get_compiler(self, **_kwargs: Any) -> SQLCompiler:
        return self._compiler


class Update:
    """UPDATE of the rows that `build` selects. Each argument of `build` is a parameter.

    `expressions` are set in addition to the changes of a call.
    """

    def __init__(self, build: "Callable[..., models.QuerySet[Any, Any]]", **expressions: Any) -> None:
        self.build, self.expressions = build, expressions
        self._compiled: dict[tuple[str, ...], Statement] = {}

    def run(self, changes: Values, **values: Any) -> int:
        """Set `changes` by field name, and return the number of updated rows. `values` are the arguments of `build`."""
        statement = self.bind(changes, **values)
        return _execute(statement.sql, statement.values)

    def run_returning(self, column: str, changes: Values, **values: Any) -> Any:
        """Update at most one row as `run`. Return the new value of a column, or None if no row was updated."""
        statement = self.bind(changes, **values)
        with connection.cursor() as cursor:
            cursor.execute(f'{statement.sql} RETURNING "{column}"', statement.values)
            row = cursor.fetchone()
        return row[0] if row else None

    def bind(self, changes: Values, **values: Any) -> Statement:
        """Return the statement that sets `changes` by field name. `values` are the arguments of `build`."""
        names = tuple(changes)
        if names not in self._compiled:
            self._compiled[names] = self._compile(names)
        return self._compiled[names].bind({**values, **{f"new {name}": value for name, value in changes.items()}})

    def _compile(self, names: tuple[str, ...]) -> Statement:
        queryset = self.build(*[Parameter(name) for name in signature(self.build).parameters])
        query: Any = queryset.query.chain(UpdateQuery)
        fields = {name: queryset.model._meta.get_field(name) for name in names}
        changes = {name: Parameter(f"new {name}", field) for name, field in fields.items()}
        query.add_update_values({**changes, **self.expressions})
        sql, values = query.get_compiler(connection=connection).as_sql()
        return Statement(sql, tuple(values))


@lru_cache
def columns(model: type[models.Model]) -> "tuple[models.Field[Any, Any], ...]":
    """Return the columns that an INSERT sets: all except an automatic primary key."""
    return tuple(field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField))


@lru_cache
def insert_into(model: type[models.Model]) -> str:
    names = ", ".join(f'"{field.column}"' for field in columns(model))
    return f'INSERT INTO "{model._meta.db_table}" ({names})'


def insert_values(row: models.Model) -> list[Any]:
    """Return the values of a new row in the order of `columns`."""
    return [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in columns(type(row))]


def insert(*rows: models.Model) -> None:
    """Insert new rows of any models: all or none. One statement on PostgreSQL.

    The primary keys of rows with an automatic key are not set.
    """
    if connection.vendor == "postgresql" or len(rows) == 1:
        _execute(_inserts(tuple(type(row) for row in rows)), chain.from_iterable(map(insert_values, rows)))
        return
    with _atomic():
        for row in rows:
            insert(row)


@lru_cache
def _inserts(models_of_rows: tuple[type[models.Model], ...]) -> str:
    *first, last = [f"{insert_into(model)} VALUES ({_placeholders(model)})" for model in models_of_rows]
    ctes = ", ".join(f"row_{number} AS ({sql})" for number, sql in enumerate(first))
    return f"WITH {ctes} {last}" if ctes else last


def _placeholders(model: type[models.Model]) -> str:
    return ", ".join(["%s"] * len(columns(model)))


def update_and_insert(guard: Statement, rows: Sequence[models.Model], *updates: Statement) -> bool:
    """Run `guard`, an update of at most one row. If it changes a row, run `updates` and insert `rows`.

    Return True if it changed a row. All of it is one statement on PostgreSQL, and one database transaction elsewhere.
    """
    if connection.vendor == "postgresql":
        sql = _guarded(guard.sql, tuple(update.sql for update in updates), tuple(type(row) for row in rows))
        values = chain(guard.values, *(update.values for update in updates), *map(insert_values, rows))
        with connection.cursor() as cursor:
            cursor.execute(sql, list(values))
            return bool(cursor.fetchone()[0])
    with _atomic():
        if not _execute(guard.sql, guard.values):
            return False
        for update in updates:
            _execute(update.sql, update.values)
        for row in rows:
            insert(row)
    return True


@lru_cache(maxsize=256)
def _guarded(guard: str, updates: tuple[str, ...], models_of_rows: tuple[type[models.Model], ...]) -> str:
    changed = "EXISTS (SELECT FROM changed)"
    parts = [f"changed AS ({guard} RETURNING 1)"]
    parts += [f"update_{number} AS ({sql} AND {changed})" for number, sql in enumerate(updates)]
    parts += [
        f"row_{number} AS ({insert_into(model)} SELECT {_placeholders(model)} WHERE {changed})"
        for number, model in enumerate(models_of_rows)
    ]
    # Only names of the models are part of the text.
    return f"WITH {', '.join(parts)} SELECT count(*) FROM changed"  # noqa: S608


def _execute(sql: str, values: "Iterator[Any] | Sequence[Any]") -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values))
        return int(cursor.rowcount)


def _atomic() -> Any:
    """Open a database transaction if none is open."""
    return nullcontext() if connection.in_atomic_block else transaction.atomic()
