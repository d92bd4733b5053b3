"""Tests of the device library in TypeScript that run in Node: calls, vectors, interruptions, clocks."""

import re

import pytest

from scripts.typescript import PACKAGE

FILES = sorted(path.name for path in (PACKAGE / "test").glob("*.test.ts"))


@pytest.mark.parametrize("file", FILES)
def test_node_tests_succeed(library, file):
    ended = library.run("--test", "--test-reporter=tap", f"test/{file}", capture_output=True, timeout=100)
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    # Without tests, Node succeeds too.
    assert int(re.search(r"^# pass (\d+)$", ended.stdout, re.MULTILINE)[1]) > 0


def test_lockfile_names_no_host():
    lockfile = (PACKAGE / "package-lock.json").read_text()
    assert '"integrity"' in lockfile
    assert '"resolved"' not in lockfile


def test_package_has_one_run_time_dependency():
    content = (PACKAGE / "package.json").read_text()
    assert re.search(r'"dependencies": \{\s*"jose": "[^"]+"\s*\}', content)
