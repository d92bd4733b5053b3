"""Commands import only the libraries that they use, so that they start fast."""

import base64
import os
import secrets
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Libraries and own modules, each imported only by what uses it. Packages in INSTALLED_APPS are listed by a submodule.
EXPENSIVE = {
    *("celery", "drf_spectacular.openapi", "google.auth", "jwt", "kombu", "maxminddb", "phonenumber_field"),
    *("phonenumbers", "pycurl", "redis", "requests", "rest_framework.views", "segno", "twilio", "ua_parser"),
    *("unfold.admin", "urllib3", "uvicorn", "yaml"),
    *("apps.enrollment.console.admin", "config.celery", "config.urls"),
}


RUN_COMMAND = """
import runpy, sys
try:
    runpy.run_path("manage.py", run_name="__main__")
finally:
    print(*sys.modules, sep="\\n")
"""


def imported_modules(*arguments, **variables):
    """Run a command and return the names of the modules that its process imported."""
    completed = subprocess.run(
        [sys.executable, "-c", RUN_COMMAND, *arguments],
        cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return set(completed.stdout.splitlines())


@pytest.fixture
def variables(tmp_path):
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "VAR_DIR": str(tmp_path),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "BROKER_URL": "redis://127.0.0.1:9/0",
        "PUBLIC_URL": "https://auth.example.com",
    }


@pytest.mark.parametrize("settings_module", ["production", "local"])
def test_command_imports_no_library_that_it_does_not_use(variables, settings_module):
    variables["DJANGO_SETTINGS_MODULE"] = f"config.settings.{settings_module}"
    modules = imported_modules("list_devices", "--help", **variables)
    assert "apps.enrollment.management.commands.list_devices" in modules
    assert not EXPENSIVE & modules


def test_worker_imports_neither_the_console_nor_the_views(variables):
    modules = imported_modules("worker", "--help", **variables)
    assert "config.worker" in modules
    assert not {"unfold.admin", "rest_framework.views", "config.urls", "celery"} & modules


def test_expensive_libraries_are_installed():
    """A renamed or removed module would never be found by the other test."""
    for name in EXPENSIVE:
        import_module(name)
