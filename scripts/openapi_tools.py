"""Linters and client generator for the API description, in Node: the npm packages of scripts/openapi."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import node

PACKAGE = node.Package("openapi", node.of_the_package(), parent=node.ROOT / "scripts")
# Linters reject localhost.
PUBLIC_URL = "https://auth.example.org"


def install() -> None:
    """Install the packages of the lockfile. Raises CalledProcessError if a registry is unreachable."""
    PACKAGE.install()


def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run Node with the installed packages, and return its exit code and captured output."""
    return PACKAGE.run(*arguments, **options)


def write_description(path: Path) -> None:
    """Write the API description as JSON."""
    command = [sys.executable, "manage.py", "spectacular", "--format", "openapi-json", "--file", str(path)]
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings.test", **os.environ, "PUBLIC_URL": PUBLIC_URL}
    subprocess.run(command, cwd=node.ROOT, env=environment, check=True)
