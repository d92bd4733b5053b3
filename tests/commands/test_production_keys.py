"""Production does not start without strong keys, and prints one line that names the variable."""

import base64
import json
import os
import secrets
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.settings import keys as checked


def in_base64(key):
    return base64.urlsafe_b64encode(key).decode()


KEY, SECRET_KEY = in_base64(secrets.token_bytes(32)), secrets.token_urlsafe(50)
URL = "https://auth.example.com"
UNSET = ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "PUBLIC_URL")


@pytest.mark.parametrize("command", ["serve", "worker", "migrate"])
@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"FIELD_ENCRYPTION_KEYS": KEY}, "the environment variable SECRET_KEY is not set"),
        ({"SECRET_KEY": ""}, "the environment variable SECRET_KEY is not set"),
        ({"SECRET_KEY": SECRET_KEY}, "the environment variable FIELD_ENCRYPTION_KEYS is not set"),
        ({"SECRET_KEY": SECRET_KEY, "FIELD_ENCRYPTION_KEYS": f"{KEY},short"}, "FIELD_ENCRYPTION_KEYS: key 2 is not"),
        ({"SECRET_KEY": SECRET_KEY, "FIELD_ENCRYPTION_KEYS": KEY}, "the environment variable PUBLIC_URL is not set"),
    ],
)
def test_production_does_not_start_without_keys_and_public_url(tmp_path, command, keys, line):
    others = {name: value for name, value in os.environ.items() if name not in UNSET}
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


WEAK_SECRET_KEYS = {
    "short": SECRET_KEY[:49],
    "few different characters": "abcd" * 20,
    "Django's own of a new project": "django-insecure-" + SECRET_KEY,
}
WEAK_ENCRYPTION_KEYS = {
    "zeros": bytes(32),
    "one byte": b"\xe4" * 32,
    "a repeated pattern": secrets.token_bytes(16) * 2,
    "numbers in order": bytes(range(200, 232)),
    "every third number, backwards": bytes(range(150, 54, -3)),
    "a passphrase": b"correct horse battery staple 4711",
    "hexadecimal digits": secrets.token_hex(16).encode(),
}


@pytest.mark.parametrize(
    "weak_key",
    [
        *({"SECRET_KEY": WEAK_SECRET_KEYS[kind]} for kind in WEAK_SECRET_KEYS),
        {"SECRET_KEY_FALLBACKS": f"{SECRET_KEY},changeme"},
        {"FIELD_ENCRYPTION_KEYS": f"{KEY},{in_base64(WEAK_ENCRYPTION_KEYS['a passphrase'][:32])}"},
    ],
    ids=[*WEAK_SECRET_KEYS, "a weak fallback", "an older encryption key"],
)
def test_production_rejects_weak_keys_with_one_line(tmp_path, weak_key):
    completed = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env={
            **os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.production", "VAR_DIR": str(tmp_path),
            "SECRET_KEY": SECRET_KEY, "FIELD_ENCRYPTION_KEYS": KEY, "PUBLIC_URL": URL, **weak_key,
        },
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    [name] = weak_key
    assert completed.returncode == 1
    assert completed.stderr.startswith(f"Configuration error: {name}")
    assert "is too easy to guess" in completed.stderr
    assert completed.stderr.count("\n") == 1
    assert weak_key[name] not in completed.stderr


@pytest.mark.parametrize("kind", WEAK_ENCRYPTION_KEYS)
def test_encryption_key_that_is_a_pattern_or_text_is_rejected(kind):
    with pytest.raises(ImproperlyConfigured, match="key 1 is too easy to guess"):
        checked.require_strong_encryption_keys([WEAK_ENCRYPTION_KEYS[kind][:32]])


def test_random_keys_are_never_rejected():
    checked.require_strong_encryption_keys([secrets.token_bytes(32) for _number in range(10_000)])
    for make in (secrets.token_urlsafe, secrets.token_hex):
        for _number in range(1000):
            checked.require_strong_secret_key("SECRET_KEY", make(50))


def configured(tmp_path, **settings):
    """Return the production settings with the given variables, from a process that prints them as JSON."""
    others = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    names = "SECRET_KEY, ALLOWED_HOSTS, WEB_WORKERS"
    code = f"from config.settings.production import {names}; import json; print(json.dumps([{names}]))"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**others, "VAR_DIR": str(tmp_path), "FIELD_ENCRYPTION_KEYS": KEY, "PUBLIC_URL": URL, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_variable_can_be_read_from_a_file(tmp_path):
    for name, value in {
        "SECRET_KEY": f"{SECRET_KEY} from a file\n",
        "ALLOWED_HOSTS": "a.example,b.example\r\n",
        "WEB_WORKERS": "3\n",
    }.items():
        (tmp_path / name).write_bytes(value.encode())
    files = {f"{name}_FILE": str(tmp_path / name) for name in ("SECRET_KEY", "ALLOWED_HOSTS", "WEB_WORKERS")}
    run = configured(tmp_path, SECRET_KEY=f"{SECRET_KEY} from the variable", **files)
    assert json.loads(run.stdout) == [f"{SECRET_KEY} from a file", ["a.example", "b.example"], 3]
    run = configured(tmp_path, SECRET_KEY=f"{SECRET_KEY} from the variable", SECRET_KEY_FILE="")
    assert json.loads(run.stdout)[0] == f"{SECRET_KEY} from the variable"


def test_unreadable_file_of_a_variable_is_one_line(tmp_path):
    missing = tmp_path / "missing"
    run = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.production", "SECRET_KEY_FILE": str(missing)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    line = "Configuration error: the file of SECRET_KEY_FILE cannot be read: No such file or directory\n"
    assert (run.returncode, run.stderr) == (1, line)
