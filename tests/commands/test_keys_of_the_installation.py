"""No process works on a database whose key check value its FIELD_ENCRYPTION_KEYS do not decrypt."""

import base64
import json
import os
import secrets
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from apps.system.models import KeyCheck
from tests import factories
from tests.commands.command_runner import run
from tests.demo.running import Run
from tests.ports import free_port

REFUSED = "FIELD_ENCRYPTION_KEYS are not the keys of this database"
ANOTHER, OLD, NEW = b"a" * 32, b"o" * 32, b"n" * 32
MIGRATE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("expire_transactions")
"""


def environment(directory, **variables):
    """Return what a process of production needs, with keys of its own and SQLite under `directory`."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANGUAGE") if name in os.environ}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "VAR_DIR": str(directory),
        "PORT": str(free_port()),
        **variables,
    }


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Return the VAR_DIR of an installation, whose database is migrated and has been used."""
    path = tmp_path_factory.mktemp("installation")
    subprocess.run([sys.executable, "-c", MIGRATE], env=environment(path), timeout=110, check=True)
    return path


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        (["serve", "--host", "127.0.0.1"], {}),
        (["worker"], {}),
        (["worker"], {"BROKER_URL": "redis://127.0.0.1:9/0"}),
        (["create_api_client", "--name", "Portal", "--api", "end_user", "--json"], {}),
    ],
    ids=["serve", "embedded worker", "Celery worker", "command"],
)
def test_wrong_encryption_keys_stop_a_process_with_one_line(directory, command, variables):
    refused = subprocess.run(
        [sys.executable, "manage.py", *command], env=environment(directory, **variables),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"Configuration error: {REFUSED}: ")
    assert refused.stderr.count("\n") == 1


def test_wrong_encryption_keys_stop_make_run_with_one_line(directory):
    # It generates keys of its own, because the directory has none.
    code, output, errors = Run(directory).end()
    assert (code, output) == (1, "")
    assert errors.startswith(f"Configuration error: {REFUSED}: ")
    assert errors.count("\n") == 1


@pytest.fixture
def with_keys(db, settings):
    """Return a function that runs a command with the given keys."""

    def ran(*keys, command=("list_transactions", "--json")):
        settings.FIELD_ENCRYPTION_KEYS = list(keys)
        done = run(*command)
        assert done.code == 0, done.err
        return done.out

    return ran


def test_the_key_check_value_follows_a_rotation_of_the_keys(with_keys):
    for keys in ([OLD], [OLD, NEW], [NEW, OLD]):
        with_keys(*keys)
    with pytest.raises(ImproperlyConfigured, match=REFUSED):
        with_keys(NEW)
    rotated = json.loads(with_keys(NEW, OLD, command=("rotate_encryption_keys", "--json")))
    assert next(one["reencrypted"] for one in rotated["columns"] if one["column"] == "system_keycheck.value") == 1
    with_keys(NEW)
    with pytest.raises(ImproperlyConfigured, match=REFUSED):
        with_keys(OLD)


def test_a_restored_backup_needs_the_keys_of_its_time(with_keys):
    with_keys(OLD)
    backup = KeyCheck.objects.values().get()
    with_keys(NEW, OLD, command=("rotate_encryption_keys",))
    KeyCheck.objects.update(**backup)
    with pytest.raises(ImproperlyConfigured, match=REFUSED):
        with_keys(NEW)
    with_keys(NEW, OLD)


def test_new_keys_are_accepted_when_the_keys_of_the_database_are_lost(with_keys, settings):
    with_keys(OLD)
    endpoint = factories.CallbackEndpointFactory(password="lost")
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    accepted = run("rotate_encryption_keys", "--accept-new-keys")
    assert (accepted.code, len(accepted.problems)) == (1, 1)
    assert "callbacks_callbackendpoint.password" in accepted.err
    with_keys(NEW)
    with pytest.raises(ImproperlyConfigured, match=REFUSED):
        with_keys(OLD)
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    endpoint.password = "entered again"
    endpoint.save()
    with_keys(NEW, command=("export_configuration", "--with-secrets"))


def test_commands_without_secrets_do_not_ask_for_the_keys(with_keys, settings, tmp_path):
    with_keys(OLD)
    settings.FIELD_ENCRYPTION_KEYS = [ANOTHER]
    assert run("export_configuration", "--schema").code == 0
    for command in (["migrate"], ["check"], ["spectacular", "--file", str(tmp_path / "schema")]):
        call_command(*command, verbosity=0)
    with pytest.raises(ImproperlyConfigured, match=REFUSED):
        run("export_configuration")
