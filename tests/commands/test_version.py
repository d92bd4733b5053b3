"""The version number has one source: apps.VERSION."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from apps import VERSION

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("arguments", [["version"], ["version", "--json"], ["--version"]])
def test_version_of_the_server_is_printed_without_keys_or_database(tmp_path, arguments):
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings.local", "VAR_DIR": str(tmp_path), "LANGUAGE": "en"}
    completed = subprocess.run(
        [sys.executable, "manage.py", *arguments], env=environment, capture_output=True, text=True, check=True
    )
    assert completed.stderr == ""
    expected = {"version": VERSION} if "--json" in arguments else VERSION
    assert (json.loads(completed.stdout) if "--json" in arguments else completed.stdout.strip()) == expected
    assert not (tmp_path / "countersign.sqlite3").exists()


def test_project_file_and_changelog_have_the_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "apps.VERSION"}
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", VERSION]


@pytest.mark.django_db
def test_probe_api_description_and_console_have_the_version(client, admin_client):
    assert client.get("/healthz").json() == {"status": "ok", "version": VERSION}
    assert client.get("/oauth/api/schema/?format=json").json()["info"]["version"] == VERSION
    assert f"Countersign {VERSION}" in admin_client.get("/admin/").content.decode()
    assert VERSION not in client.get("/admin/login/").content.decode()
