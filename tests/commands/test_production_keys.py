"""Production refuses to start without its keys, and says in one line which variable is missing or wrong."""

import base64
import json
import os
import subprocess
import sys

import pytest

KEY = base64.urlsafe_b64encode(bytes(32)).decode()


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"FIELD_ENCRYPTION_KEYS": KEY}, "the environment variable SECRET_KEY is not set"),
        ({"SECRET_KEY": ""}, "the environment variable SECRET_KEY is not set"),
        ({"SECRET_KEY": "x" * 50}, "the environment variable FIELD_ENCRYPTION_KEYS is not set"),
        ({"SECRET_KEY": "x" * 50, "FIELD_ENCRYPTION_KEYS": f"{KEY},short"}, "FIELD_ENCRYPTION_KEYS: key 2 is not"),
    ],
)
def test_production_does_not_start_without_its_keys(tmp_path, command, keys, line):
    others = {name: value for name, value in os.environ.items() if name not in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS")}
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings.production", "VAR_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "manage.py", command],
        env={**others, **settings, **keys},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("Configuration error: ")
    assert line in run.stderr
    assert run.stderr.count("\n") == 1


def configured(tmp_path, **settings):
    """Say in JSON what production would use, with these variables."""
    others = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    names = "SECRET_KEY, ALLOWED_HOSTS, WEB_WORKERS"
    code = f"from config.settings.production import {names}; import json; print(json.dumps([{names}]))"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**others, "VAR_DIR": str(tmp_path), "FIELD_ENCRYPTION_KEYS": KEY, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_variable_can_come_from_a_file(tmp_path):
    for name, value in {
        "SECRET_KEY": "from a file\n",
        "ALLOWED_HOSTS": "a.example,b.example\r\n",
        "WEB_WORKERS": "3\n",
    }.items():
        (tmp_path / name).write_bytes(value.encode())
    files = {f"{name}_FILE": str(tmp_path / name) for name in ("SECRET_KEY", "ALLOWED_HOSTS", "WEB_WORKERS")}
    run = configured(tmp_path, SECRET_KEY="from the variable", **files)
    assert json.loads(run.stdout) == ["from a file", ["a.example", "b.example"], 3]
    run = configured(tmp_path, SECRET_KEY="from the variable", SECRET_KEY_FILE="")
    assert json.loads(run.stdout)[0] == "from the variable"


def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path):
    missing = tmp_path / "missing"
    run = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.production", "SECRET_KEY_FILE": str(missing)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    line = "Configuration error: the file that SECRET_KEY_FILE names cannot be read: No such file or directory\n"
    assert (run.returncode, run.stderr) == (1, line)
