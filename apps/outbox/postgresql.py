"""Claims and results of attempts on PostgreSQL: one statement each, for any number of deliveries.

Statements of the ORM would take three round trips for a claim and five for a result.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connection, models

from apps.common import statements
from apps.outbox.models import Attempt, Delivery, attempt_model

if TYPE_CHECKING:
    from apps.outbox.claims import AttemptResult

D = TypeVar("D", bound=Delivery)

CLAIM = """
WITH selected AS (
    SELECT id FROM "{table}" WHERE {selection} AND due_at <= %s AND (claim IS NULL OR leased_until <= %s) {limit}
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE "{table}" AS delivery SET claim = %s, leased_until = %s, attempts_made = attempts_made + 1
    FROM selected WHERE delivery.id = selected.id RETURNING delivery.*
), attempted AS (
    INSERT INTO "{attempt}" (delivery_id, number, started_at, outcome, reason{extra_columns})
    SELECT id, attempts_made, %s, '', ''{extra_defaults} FROM claimed RETURNING id, delivery_id
)
SELECT {columns}, attempted.id
FROM claimed JOIN attempted ON attempted.delivery_id = claimed.id ORDER BY claimed.due_at
"""

RECORD = """
WITH result AS (
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::varchar[], %s::timestamptz[], {types}) AS result(
        id, claim, state, due_at, {columns}
    )
), recorded AS (
    UPDATE "{table}" AS delivery SET
        claim = NULL, leased_until = NULL, state = result.state, due_at = coalesce(result.due_at, delivery.due_at),
        ended_at = CASE WHEN result.due_at IS NULL THEN %s::timestamptz END
    FROM result WHERE delivery.id = result.id AND delivery.claim = result.claim AND delivery.state = 'due'
    RETURNING delivery.id
), completed AS (
    UPDATE "{attempt}" AS attempt SET {changes}
    FROM result JOIN recorded ON recorded.id = result.id WHERE attempt.id = result.attempt_id
){events}
SELECT id FROM recorded
"""
EVENTS = """, event AS (
    {insert} SELECT {columns} FROM unnest(%s::uuid[], {types}) AS event(delivery_id, {columns})
    JOIN recorded ON recorded.id = event.delivery_id ORDER BY occurred
)"""


def claim(queue: type[D], ids: Collection[uuid.UUID], now: datetime, leased_until: datetime) -> list[D]:
    """Claim rows, store their attempts, and return the rows with `attempt`."""
    # With state = 'due', PostgreSQL reads all due rows instead while it expects few of them: most rows are done.
    sql = _claim_sql(queue, "id = ANY(%s) AND state NOT IN ('done', 'failed')", "")
    return _claim(queue, sql, [list(ids), now, now, uuid.uuid4(), leased_until, now], now)


def claim_first(queue: type[D], limit: int, since: datetime, now: datetime, leased_until: datetime) -> list[D]:
    """Claim the first rows that are due since a time."""
    sql = _claim_sql(queue, "state = 'due' AND due_at >= %s", "ORDER BY due_at LIMIT %s")
    return _claim(queue, sql, [since, now, now, limit, uuid.uuid4(), leased_until, now], now)


def _claim(queue: type[D], sql: str, values: list[Any], now: datetime) -> list[D]:
    names = [field.attname for field in queue._meta.concrete_fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        claimed = cursor.fetchall()
    rows = []
    for *columns, attempt_id in claimed:
        row = queue.from_db(connection.alias, names, _from_db(queue, columns))
        row.attempt = attempt_model(queue)(pk=attempt_id, delivery=row, number=row.attempts_made, started_at=now)
        rows.append(row)
    return rows


def _from_db(queue: type[Delivery], columns: Sequence[Any]) -> list[Any]:
    """Convert the values of columns that need it, like the ORM. Only the encrypted origin of a lookup does."""
    fields: Any = queue._meta.concrete_fields
    return [
        field.from_db_value(value, None, connection) if hasattr(field, "from_db_value") else value
        for field, value in zip(fields, columns, strict=True)
    ]


@lru_cache
def _claim_sql(queue: type[Delivery], selection: str, limit: str) -> str:
    extra = [field.column for field in _own_fields(attempt_model(queue))]
    return CLAIM.format(
        columns=", ".join(f'claimed."{field.column}"' for field in queue._meta.concrete_fields),
        selection=selection,
        limit=limit,
        table=queue._meta.db_table,
        attempt=attempt_model(queue)._meta.db_table,
        extra_columns="".join(f", {column}" for column in extra),
        extra_defaults=", ''" * len(extra),
    )


def _own_fields(attempts: type[Attempt]) -> "list[models.Field[Any, Any]]":
    """Return the text fields of a queue's attempt model that other queues do not have."""
    common = {field.name for field in Attempt._meta.fields} | {"id", "delivery"}
    return [field for field in attempts._meta.concrete_fields if field.name not in common]


def record(results: "Sequence[AttemptResult]", now: datetime) -> set[uuid.UUID]:
    """Record results whose claim is valid, complete their attempts, and insert their events. Return their ids."""
    queue = type(results[0].row)
    events = [(result.row.pk, result.event) for result in results if result.event]
    values: list[Any] = [
        [result.row.pk for result in results],
        [result.row.claim for result in results],
        [str(result.state) for result in results],
        [result.due_at for result in results],
        *_transposed([_attempt_values(result.row.attempt) for result in results]),
        now,
    ]
    if events:
        values += [[pk for pk, _event in events], *_transposed([statements.insert_values(row) for _pk, row in events])]
    with connection.cursor() as cursor:
        cursor.execute(_record_sql(queue, type(events[0][1]) if events else None), values)
        return {pk for (pk,) in cursor.fetchall()}


def _attempt_values(attempt: Attempt) -> list[Any]:
    return [attempt.pk, *(getattr(attempt, field.attname) for field in _result_fields(type(attempt)))]


@lru_cache
def _result_fields(attempts: type[Attempt]) -> "list[models.Field[Any, Any]]":
    names = ("outcome", "reason", "status", "duration_ms")
    return [*(field for field in attempts._meta.concrete_fields if field.name in names), *_own_fields(attempts)]


def _transposed(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


@lru_cache
def _record_sql(queue: type[Delivery], event: type[models.Model] | None) -> str:
    attempts: type[Attempt] = attempt_model(queue)
    fields = _result_fields(attempts)
    return RECORD.format(
        table=queue._meta.db_table,
        attempt=attempts._meta.db_table,
        types=", ".join(["%s::bigint[]", *map(_array, fields)]),
        columns=", ".join(["attempt_id", *(field.column for field in fields)]),
        changes=", ".join(f"{field.column} = result.{field.column}" for field in fields),
        events=_events_sql(event) if event else "",
    )


def _events_sql(event: type[models.Model]) -> str:
    fields = statements.columns(event)
    return EVENTS.format(
        insert=statements.insert_into(event),
        columns=", ".join(f'"{field.column}"' for field in fields),
        types=", ".join(map(_array, fields)),
    )


def _array(field: "models.Field[Any, Any]") -> str:
    """Return a parameter that is an array of the type of a column. Its length is not limited: the column checks it."""
    return f"%s::{(field.db_type(connection) or '').partition('(')[0]}[]"
