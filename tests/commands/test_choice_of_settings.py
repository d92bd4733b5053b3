"""manage.py uses production settings if a production variable is set, else local settings, and prints its choice."""

import base64
import os
import secrets
import subprocess
import sys

import pytest

LOCAL = "Settings: config.settings.local (SECRET_KEY, FIELD_ENCRYPTION_KEYS, DATABASE_URL are not set).\n"


def show_settings(tmp_path, **variables):
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANGUAGE") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "diffsettings"],
        env={**inherited, "VAR_DIR": str(tmp_path), **variables},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "encryption_keys"
    path.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS_FILE": str(path),
        "PUBLIC_URL": "https://auth.example.com",
    }


@pytest.mark.parametrize("variables", [{}, {"DATABASE_URL": "", "SECRET_KEY_FILE": ""}])
def test_manage_uses_local_settings_without_variables_of_production(tmp_path, variables):
    completed = show_settings(tmp_path, **variables)
    assert (completed.returncode, completed.stderr) == (0, LOCAL)
    assert "SETTINGS_MODULE = 'config.settings.local'" in completed.stdout
    assert "Settings:" not in completed.stdout


@pytest.mark.parametrize("omitted", ["", "SECRET_KEY"])
def test_manage_uses_production_settings_if_one_variable_is_set(tmp_path, keys, omitted):
    present = {name: value for name, value in keys.items() if name != omitted}
    completed = show_settings(tmp_path, **present)
    if omitted:
        line = "Settings: config.settings.production (FIELD_ENCRYPTION_KEYS_FILE is set).\n"
        assert completed.stderr.startswith(f"{line}Configuration error: the environment variable SECRET_KEY is not set")
    else:
        assert completed.stderr == "Settings: config.settings.production (SECRET_KEY is set).\n"
        assert "SETTINGS_MODULE = 'config.settings.production'" in completed.stdout


def test_manage_leaves_the_choice_to_django_settings_module(tmp_path, keys):
    completed = show_settings(tmp_path, DJANGO_SETTINGS_MODULE="config.settings.local", **keys)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert "SETTINGS_MODULE = 'config.settings.local'" in completed.stdout


def test_local_settings_generate_no_keys_for_a_database_of_its_own(tmp_path):
    refused = show_settings(
        tmp_path, DJANGO_SETTINGS_MODULE="config.settings.local", DATABASE_URL=f"sqlite:///{tmp_path}/own.sqlite3"
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Configuration error: the environment variable SECRET_KEY is not set")
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "keys.json").exists()
