"""Processes exit if FIELD_ENCRYPTION_KEYS do not decrypt the key check value of the database."""

import base64
import json
import os
import secrets
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from apps.applications.models import ApiClient
from apps.system.models import KeyCheck
from tests import factories
from tests.commands.command_runner import run
from tests.demo.running import Run
from tests.ports import free_port

WRONG_KEYS = "FIELD_ENCRYPTION_KEYS are not the keys of this database"
ANOTHER, OLD, NEW = b"a" * 32, b"o" * 32, b"n" * 32
MIGRATE = """
import django
django.setup()
from django.core.management import call_command
from django.db import connection
call_command("migrate", verbosity=0)
call_command("expire_transactions")
"""


def environment(directory, **variables):
    """Return the environment of a production process, with new keys and SQLite under `directory`."""
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANGUAGE") if name in os.environ}
    return {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "VAR_DIR": str(directory),
        "PORT": str(free_port()),
        "PUBLIC_URL": "https://auth.example.com",
        **variables,
    }


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Return the VAR_DIR of an installation with a migrated and used database."""
    path = tmp_path_factory.mktemp("installation")
    subprocess.run([sys.executable, "-c", MIGRATE], env=environment(path), timeout=110, check=True)
    return path


@pytest.mark.parametrize("command", [["serve", "--host", "127.0.0.1"], ["worker"]], ids=["serve", "worker"])
def test_wrong_encryption_keys_stop_a_process_with_one_line(directory, command):
    completed = subprocess.run(
        [sys.executable, "manage.py", *command], env=environment(directory),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr.startswith(f"Configuration error: {WRONG_KEYS}: ")
    assert completed.stderr.count("\n") == 1


def test_wrong_encryption_keys_stop_make_run_with_one_line(directory):
    # `make run` generates new keys, because the directory contains none.
    code, output, errors = Run(directory).end()
    assert (code, output) == (1, "")
    assert errors.startswith(f"Configuration error: {WRONG_KEYS}: ")
    assert errors.count("\n") == 1


@pytest.fixture
def with_keys(db, settings):
    """Return a function that runs a command with the given keys."""

    def run_with_keys(*keys, command=("list_transactions", "--json")):
        settings.FIELD_ENCRYPTION_KEYS = list(keys)
        result = run(*command)
        assert result.code == 0, result.err
        return result.out

    return run_with_keys


def test_wrong_encryption_keys_stop_a_celery_worker(with_keys, settings, monkeypatch):
    with_keys(OLD)
    settings.FIELD_ENCRYPTION_KEYS, settings.BROKER_URL = [ANOTHER], "redis://127.0.0.1:9/0"
    # The connection has the transaction of this test.
    monkeypatch.setattr(connection, "close", lambda: None)
    with pytest.raises(ImproperlyConfigured, match=WRONG_KEYS):
        run("worker")


def test_wrong_encryption_keys_stop_a_command(with_keys, settings):
    with_keys(OLD)
    settings.FIELD_ENCRYPTION_KEYS = [ANOTHER]
    with pytest.raises(ImproperlyConfigured, match=WRONG_KEYS):
        run("create_api_client", "--name", "Portal", "--api", "end_user", "--json")
    assert not ApiClient.objects.exists()


def test_key_check_value_follows_a_key_rotation(with_keys):
    for keys in ([OLD], [OLD, NEW], [NEW, OLD]):
        with_keys(*keys)
    with pytest.raises(ImproperlyConfigured, match=WRONG_KEYS):
        with_keys(NEW)
    rotated = json.loads(with_keys(NEW, OLD, command=("rotate_encryption_keys", "--json")))
    reencrypted = {column["column"]: column["reencrypted"] for column in rotated["columns"]}
    assert reencrypted["system_keycheck.value"] == 1
    with_keys(NEW)
    with pytest.raises(ImproperlyConfigured, match=WRONG_KEYS):
        with_keys(OLD)


def test_restored_backup_needs_the_keys_of_its_time(with_keys):
    with_keys(OLD)
    backup = KeyCheck.objects.values().get()
    with_keys(NEW, OLD, command=("rotate_encryption_keys",))
    KeyCheck.objects.update(**backup)
    with pytest.raises(ImproperlyConfigured, match=WRONG_KEYS):
        with_keys(NEW)
    with_keys(NEW, OLD)


def test_new_keys_can_be_accepted_after_the_loss_of_the_old_keys(with_keys, settings):
    with_keys(OLD)
    endpoint = factories.CallbackEndpointFactory(password="lost")
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    accepted = run("rotate_encryption_keys", "--accept-new-keys")
    assert (accepted.code, len(accepted.problems)) == (1, 1)
    assert "callbacks_callbackendpoint.password" in accepted.err
    with_keys(NEW)
    with pytest.raises(ImproperlyConfigured, match=WRONG_KEYS):
        with_keys(OLD)
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    endpoint.password = "entered again"
    endpoint.save()
    with_keys(NEW, command=("export_configuration", "--with-secrets"))


def test_commands_without_secrets_do_not_need_the_keys(with_keys, settings, tmp_path):
    with_keys(OLD)
    settings.FIELD_ENCRYPTION_KEYS = [ANOTHER]
    assert run("export_configuration", "--schema").code == 0
    for command in (["migrate"], ["check"], ["spectacular", "--file", str(tmp_path / "schema")]):
        call_command(*command, verbosity=0)
    with pytest.raises(ImproperlyConfigured, match=WRONG_KEYS):
        run("export_configuration")
