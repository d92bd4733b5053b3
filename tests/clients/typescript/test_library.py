"""Tests of the device library in TypeScript that run in Node: calls, vectors, interruptions, clocks."""

import gzip
import json
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


def test_bundle_is_small(library, tmp_path):
    """The README names the size."""
    entry, bundle = tmp_path / "entry.js", tmp_path / "bundle.js"
    modules = [PACKAGE / "dist" / name for name in ("index.js", "browser.js")]
    entry.write_text("".join(f"export * from {str(module)!r};\n" for module in modules))
    options = ("--bundle", "--minify", "--format=esm", "--target=es2022", "--log-level=error", f"--outfile={bundle}")
    assert library.run("node_modules/esbuild/bin/esbuild", str(entry), *options).returncode == 0
    assert 10_000 < len(gzip.compress(bundle.read_bytes())) < 22_000
    assert "about 20 KB" in (PACKAGE / "README.md").read_text()


def test_package_contains_the_library_only(library):
    ended = library.run(library.NPM, "pack", "--dry-run", "--json", "--ignore-scripts", capture_output=True)
    [content] = json.loads(ended.stdout)
    names = {file["path"] for file in content["files"]}
    assert {"package.json", "README.md", "dist/index.js", "dist/index.d.ts"} <= names
    assert all(re.fullmatch(r"package\.json|README\.md|dist/[\w-]+\.(d\.ts|js)", name) for name in names)


def test_core_uses_no_module_of_node_or_browser(library):
    """Hermes and browsers have neither `node:` modules nor, in the core, the globals of a page."""
    for path in (PACKAGE / "dist").glob("*.js"):
        imports = re.findall(r'from "([^"]+)"', path.read_text())
        assert all(name == "jose" or name.startswith("./") for name in imports), path.name
