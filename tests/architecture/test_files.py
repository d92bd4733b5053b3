"""What every file keeps to: no path of the machine it was written on, no file too long to read."""

import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
# A directory of a developer's machine; `(?<!...)` leaves out paths that only end like one.
MACHINE_PATHS = re.compile(r"(?<![\w.*}-])/(?:" + "|".join(["work", "root", r"home/\w+", r"Users/\w+"]) + r")(?:/|\b)")
MAX_LINES = 400


def tracked():
    """Return the files under version control, or every file when there is no version control here."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a checkout: nobody can tell which files belong to the project")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=30).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def lines(path):
    try:
        return path.read_text().splitlines()
    except UnicodeDecodeError:
        return []


def test_no_file_names_a_directory_of_the_machine_it_was_written_on():
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        for number, line in enumerate(lines(path), start=1)
        if MACHINE_PATHS.search(line)
    ]
    assert not found


def test_no_module_is_too_long_to_read():
    modules = [path for path in tracked() if path.suffix == ".py" and "migrations" not in path.parts]
    assert modules
    assert not [str(path.relative_to(ROOT)) for path in modules if len(lines(path)) > MAX_LINES]
