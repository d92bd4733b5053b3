"""The portal library in TypeScript: its tests in Node, its scenarios at a running server, and its package."""

import json
import os
import re

import pytest

from tests.clients.portal.site import phone_number
from tests.clients.portal.typescript import PACKAGE

FILES = sorted(path.name for path in (PACKAGE.path / "test").glob("*.test.ts"))


def succeeded(ended):
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    # Without tests, Node succeeds too.
    assert int(re.search(r"^# pass (\d+)$", ended.stdout, re.MULTILINE)[1]) > 0


@pytest.mark.parametrize("file", FILES)
def test_node_tests_succeed(typescript_library, file):
    succeeded(PACKAGE.run("--test", "--test-reporter=tap", f"test/{file}", capture_output=True))


@pytest.mark.processes
def test_scenarios_succeed_at_a_server(typescript_library, portal_site, site_json):
    site = json.dumps({**site_json, "phoneNumbers": [phone_number()]})
    ended = PACKAGE.run(
        *("--test", "--test-reporter=tap", "test/server/scenarios.test.ts"),
        env={**os.environ, "COUNTERSIGN_TEST_SITE": site},
        capture_output=True,
        timeout=100,
    )
    succeeded(ended)


def test_package_has_no_dependency_and_names_no_host():
    package = json.loads((PACKAGE.path / "package.json").read_text())
    lockfile = (PACKAGE.path / "package-lock.json").read_text()
    assert "dependencies" not in package
    assert '"integrity"' in lockfile
    assert '"resolved"' not in lockfile


def test_package_contains_the_library_only(typescript_library):
    ended = PACKAGE.run(PACKAGE.npm, "pack", "--dry-run", "--json", "--ignore-scripts", capture_output=True)
    [content] = json.loads(ended.stdout)
    names = {file["path"] for file in content["files"]}
    assert {"package.json", "README.md", "dist/index.js", "dist/testing.d.ts"} <= names
    assert all(re.fullmatch(r"package\.json|README\.md|dist/[\w-]+\.(d\.ts|js)", name) for name in names)


def test_library_imports_only_its_own_modules(typescript_library):
    for path in (PACKAGE.path / "dist").glob("*.js"):
        imports = re.findall(r'from "([^"]+)"', path.read_text())
        assert all(name.startswith("./") for name in imports), path.name
