"""Production refuses to start without its keys, and says in one line which variable is missing or wrong."""

import base64
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
