"""The targets of production install nothing: `make install` prepares a release."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)


def make(project, target):
    # `make test` passes its own options on to the programs that it starts.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", target], cwd=project, env=environment, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.fixture
def project(tmp_path):
    """Return a copy of the files that the targets read, without packages."""
    for name in ("Makefile", "scripts/setup.sh", "requirements/production.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("target", ["migrate", "serve", "worker"])
def test_production_target_without_packages_names_make_install(project, target):
    process = make(project, target)
    assert process.returncode == 2
    assert process.stderr.splitlines()[0] == "Not installed: the packages of this release. Run `make install`."
    assert not (project / ".venv").exists()


def test_production_target_of_an_older_release_names_make_install(project):
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    digest = subprocess.check_output("cksum <requirements/production.txt", shell=True, cwd=project, text=True)
    (project / ".venv" / ".installed-production").write_text(f"{digest.strip()} {project.resolve()}\n")
    assert make(project, "worker").stdout.splitlines()[-1] == "manage.py worker"
    with (project / "requirements" / "production.txt").open("a") as requirements:
        requirements.write("# another release\n")
    assert "Run `make install`." in make(project, "worker").stderr
