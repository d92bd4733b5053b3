"""Files contain no local paths, and modules have a maximum length."""

import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
# Directories of a developer's machine. `(?<!...)` excludes paths that only end like one.
MACHINE_PATHS = re.compile(r"(?<![\w.*}-])/(?:" + "|".join(["work", "root", r"home/\w+", r"Users/\w+"]) + r")(?:/|\b)")
MAX_LINES = 400


def tracked_files():
    """Return the files under version control, or all files without version control."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout, so the files of the project are unknown")
    output = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=30).stdout
    paths = [ROOT / name for name in output.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def lines(path):
    try:
        return path.read_text().splitlines()
    except UnicodeDecodeError:
        return []


def test_no_file_contains_a_local_path():
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked_files()
        for number, line in enumerate(lines(path), start=1)
        if MACHINE_PATHS.search(line)
    ]
    assert not found


def test_modules_have_a_maximum_length():
    modules = [path for path in tracked_files() if path.suffix == ".py" and "migrations" not in path.parts]
    assert modules
    assert not [str(path.relative_to(ROOT)) for path in modules if len(lines(path)) > MAX_LINES]
