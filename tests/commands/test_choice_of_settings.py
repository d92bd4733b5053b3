"""manage.py takes production's settings where something of a production is set, else the local ones, and says which."""

import base64
import os
import secrets
import subprocess
import sys

import pytest

LOCAL = "Settings: config.settings.local (SECRET_KEY, FIELD_ENCRYPTION_KEYS, DATABASE_URL are not set).\n"


def show_settings(tmp_path, **variables):
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANGUAGE") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "diffsettings"],
        env={**kept, "VAR_DIR": str(tmp_path), **variables},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "encryption_keys"
    path.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return {"SECRET_KEY": secrets.token_urlsafe(50), "FIELD_ENCRYPTION_KEYS_FILE": str(path)}


@pytest.mark.parametrize("variables", [{}, {"DATABASE_URL": "", "SECRET_KEY_FILE": ""}])
def test_manage_uses_local_settings_without_variables_of_production(tmp_path, variables):
    shown = show_settings(tmp_path, **variables)
    assert (shown.returncode, shown.stderr) == (0, LOCAL)
    assert "SETTINGS_MODULE = 'config.settings.local'" in shown.stdout
    assert "Settings:" not in shown.stdout


@pytest.mark.parametrize("left_out", ["", "SECRET_KEY"])
def test_manage_uses_production_settings_if_one_variable_is_set(tmp_path, keys, left_out):
    given = {name: value for name, value in keys.items() if name != left_out}
    shown = show_settings(tmp_path, **given)
    if left_out:
        line = "Settings: config.settings.production (FIELD_ENCRYPTION_KEYS_FILE is set).\n"
        assert shown.stderr.startswith(f"{line}Configuration error: the environment variable SECRET_KEY is not set")
    else:
        assert shown.stderr == "Settings: config.settings.production (SECRET_KEY is set).\n"
        assert "SETTINGS_MODULE = 'config.settings.production'" in shown.stdout


def test_manage_leaves_the_choice_to_django_settings_module(tmp_path, keys):
    shown = show_settings(tmp_path, DJANGO_SETTINGS_MODULE="config.settings.local", **keys)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "SETTINGS_MODULE = 'config.settings.local'" in shown.stdout


def test_local_settings_generate_no_keys_for_a_database_of_its_own(tmp_path):
    refused = show_settings(
        tmp_path, DJANGO_SETTINGS_MODULE="config.settings.local", DATABASE_URL=f"sqlite:///{tmp_path}/own.sqlite3"
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Configuration error: the environment variable SECRET_KEY is not set")
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "keys.json").exists()
