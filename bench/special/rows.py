"""Due deliveries in bulk, copied with SQL from deliveries that the installation has written.

A copy has all columns of its original, so that this works with every version of the tables.
"""

import time
from typing import Any

from bench import database
from bench.clients import User
from bench.jobs.base import Session

LEAD_SECONDS = 2.0
DUE = """jsonb_build_object(
    'id', gen_random_uuid(), 'state', 'due', 'ended_at', NULL, 'attempts_made', 0, 'claim', NULL,
    'created_at', now() + %(lead)s * interval '1 second', 'due_at', now() + %(lead)s * interval '1 second')"""
# The number makes PostgreSQL build an object, and so an id, for each copy.
PENDING = """jsonb_build_object(
    'number', number, 'id', gen_random_uuid(), 'status', 'pending', 'reason', '', 'ended_at', NULL,
    'created_at', now(), 'expires_at', now() + interval '1 hour')"""
PUSHES = f"""
WITH transactions AS (
    INSERT INTO transactions_transaction
    SELECT copy.* FROM transactions_transaction original, generate_series(1, %(count)s) number,
        LATERAL jsonb_populate_record(NULL::transactions_transaction, to_jsonb(original) || {PENDING}) copy
    WHERE original.id = ANY(%(ids)s::uuid[]) AND number > 0 RETURNING id, user_id
)
INSERT INTO transactions_pushdelivery
SELECT copy.* FROM transactions, transactions_pushdelivery original, transactions_transaction source,
    LATERAL jsonb_populate_record(
        NULL::transactions_pushdelivery,
        to_jsonb(original) || {DUE} || jsonb_build_object('transaction_id', transactions.id)
    ) copy
WHERE source.id = ANY(%(ids)s::uuid[]) AND original.transaction_id = source.id
    AND source.user_id = transactions.user_id
"""
# The rows of callbacks have the name of their batch as the client id, and become due at an even pace.
ORIGIN = "split_part({url}, '/', 1) || '//' || split_part({url}, '/', 3)"
CALLBACKS = f"""
INSERT INTO callbacks_callbackdelivery
SELECT copy.* FROM (SELECT * FROM callbacks_callbackdelivery WHERE state = 'done' LIMIT 1) original,
    generate_series(0, %(count)s - 1) number,
    LATERAL (SELECT (%(urls)s::text[])[number %% cardinality(%(urls)s::text[]) + 1] AS url) target,
    LATERAL (SELECT now() + (%(lead)s + number * %(interval)s) * interval '1 second' AS due_at) time,
    -- The column with the concurrency key is the one that contains the origin of the URL.
    LATERAL (
        SELECT jsonb_object_agg(member.key, {ORIGIN.format(url="target.url")}) AS concurrency_key
        FROM jsonb_each_text(to_jsonb(original)) member WHERE member.value = {ORIGIN.format(url="original.url")}
    ) keys,
    LATERAL jsonb_populate_record(
        NULL::callbacks_callbackdelivery,
        to_jsonb(original) || {DUE} || coalesce(keys.concurrency_key, '{{}}') || jsonb_build_object(
            'transaction_id', gen_random_uuid(), 'client_id', %(batch)s::text, 'url', target.url,
            'created_at', time.due_at, 'due_at', time.due_at
        )
    ) copy
"""


def add_pushes(session: Session, users: list[User], count: int) -> None:
    """Add due pushes of new transactions of the users."""
    ids = [session.portal.start(user) for user in users]
    database.wait_until_delivered(session.connection)
    values = {"ids": ids, "count": count // len(ids), "lead": LEAD_SECONDS}
    session.connection.execute(PUSHES, values)


def add_callbacks(session: Session, batch: str, urls: list[str], count: int, per_second: float = 0) -> None:
    """Add callbacks to the URLs in turn. They are due at the same time, or at an even pace."""
    values: dict[str, Any] = {"batch": batch, "urls": urls, "count": count, "lead": LEAD_SECONDS}
    values["interval"] = 1 / per_second if per_second else 0
    session.connection.execute(CALLBACKS, values)


def drain(session: Session, table: str) -> float:
    """Wait until the added rows of a queue are delivered, and return the seconds that it took."""
    # All rows have the same planned time, so the latest one is that of the last batch.
    query = f"SELECT extract(epoch FROM max(ended_at) - max(created_at)) FROM {table} WHERE state = 'done'"
    time.sleep(LEAD_SECONDS / 2)
    database.wait_until_delivered(session.connection, f"SELECT count(*) FROM {table} WHERE state = 'due'")
    return max(float(database.scalar(session.connection, query)), 0.001)
