"""Counters of the PostgreSQL server: statements, commits, written rows and WAL."""

import re
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
# Transaction control, which is counted separately.
CONTROL = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|DEALLOCATE|DISCARD)\b", re.IGNORECASE)
STATEMENTS = """
SELECT s.queryid, min(s.query), sum(s.calls) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() GROUP BY s.queryid
"""
COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
FLUSHES = "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"
TABLES = "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd FROM pg_stat_user_tables"
QUEUES = (
    "transactions_pushdelivery",
    "transactions_smsdelivery",
    "transactions_contextlookup",
    "callbacks_callbackdelivery",
)
DUE = " UNION ALL ".join(f"SELECT count(*) AS due FROM {queue} WHERE state = 'due'" for queue in QUEUES)
DRAIN_SECONDS = 600.0


@dataclass(frozen=True)
class Statements:
    """Calls by statement id, the texts of the statements, and the position in the WAL in bytes."""

    calls: dict[int, int]
    texts: dict[int, str]
    wal: int


@dataclass(frozen=True)
class Tables:
    """Commits, flushes of the WAL to disk, and written rows by table.

    The rows are inserted, updated, deleted, and updated with HOT.
    """

    commits: int
    flushes: int
    rows: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)


def connect(url: str) -> Connection:
    """Connect to a database. The statements of this connection are not counted."""
    connection = psycopg.connect(url, autocommit=True)
    connection.execute("SET pg_stat_statements.track = 'none'")
    return connection


def scalar(connection: Connection, query: str, values: Any = None) -> Any:
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None


def read_statements(connection: Connection) -> Statements:
    rows = connection.execute(STATEMENTS).fetchall()
    wal = scalar(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'")
    return Statements(
        {key: int(calls) for key, _text, calls in rows}, {key: text for key, text, _calls in rows}, int(wal)
    )


def read_tables(connection: Connection) -> Tables:
    """Read the cumulative statistics."""
    rows = connection.execute(TABLES).fetchall()
    commits, flushes = int(scalar(connection, COMMITS)), int(scalar(connection, FLUSHES))
    return Tables(commits, flushes, {name: tuple(numbers) for name, *numbers in rows})


def statement_figures(before: Statements, after: Statements, jobs: int) -> dict[str, float]:
    """Return statements, transaction control statements and WAL kB per job."""
    calls = {key: after.calls[key] - before.calls.get(key, 0) for key in after.calls}
    controlling = sum(count for key, count in calls.items() if CONTROL.match(after.texts[key]))
    return {
        "statements": (sum(calls.values()) - controlling) / jobs,
        "transaction control": controlling / jobs,
        "WAL kB": (after.wal - before.wal) / 1024 / jobs,
    }


def statement_list(before: Statements, after: Statements, jobs: int) -> dict[str, float]:
    """Return the calls per job by statement, most frequent first."""
    calls = {after.texts[key]: (count - before.calls.get(key, 0)) / jobs for key, count in after.calls.items()}
    return {text: round(count, 3) for text, count in sorted(calls.items(), key=lambda item: -item[1]) if count > 0.01}


def totals(before: Tables, after: Tables) -> dict[str, float]:
    """Return the numbers of commits, flushes and written rows between two readings."""
    changes = _changes(before, after).values()
    return {
        "commits": after.commits - before.commits,
        "rows": sum(sum(change[:3]) for change in changes),
        "WAL flushes": after.flushes - before.flushes,
    }


def hot_shares(before: Tables, after: Tables, jobs: int) -> dict[str, float]:
    """Return HOT shares of the updates in percent, in total and of each table with an update per two jobs."""
    changes = {name: change for name, change in _changes(before, after).items() if change[1] >= jobs / 2}
    shares = {f"HOT % {name}": 100 * change[3] / change[1] for name, change in changes.items()}
    updates, hot = (sum(change[place] for change in changes.values()) for place in (1, 3))
    return {**({"HOT %": 100 * hot / updates} if updates else {}), **shares}


def _changes(before: Tables, after: Tables) -> dict[str, list[int]]:
    return {
        name: [new - old for new, old in zip(numbers, before.rows.get(name, (0, 0, 0, 0)), strict=True)]
        for name, numbers in after.rows.items()
    }


def wait_until_delivered(connection: Connection, query: str = f"SELECT sum(due) FROM ({DUE}) AS queues") -> None:
    """Wait until no delivery is due. Raises TimeoutError."""
    end = time.monotonic() + DRAIN_SECONDS
    while scalar(connection, query):
        if time.monotonic() > end:
            raise TimeoutError(f"the worker did not deliver everything within {DRAIN_SECONDS:.0f} s")
        time.sleep(0.05)


def give_up(connection: Connection) -> None:
    """End all due deliveries, so that those of a failed measurement do not delay the next one."""
    for queue in QUEUES:
        connection.execute(f"UPDATE {queue} SET state = 'failed', ended_at = now(), claim = NULL WHERE state = 'due'")


def end_pending(connection: Connection) -> None:
    """End all pending transactions, so that each measurement starts with the same state."""
    connection.execute(
        "UPDATE transactions_transaction SET status = 'expired', ended_at = now() WHERE status = 'pending'"
    )
