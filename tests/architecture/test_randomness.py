"""Secrets use a secure random source. Python's `random` is predictable and may only be used for delays."""

import ast
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
SPREADS_WAITS = "apps/outbox/retries.py"


def imports_random(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import) and any(name.name.split(".")[0] == "random" for name in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "random":
            return True
    return False


def test_random_values_come_from_the_secure_source_of_the_system():
    modules = [path for top in ("apps", "clients", "config") for path in Path(ROOT, top).rglob("*.py")]
    assert {str(path.relative_to(ROOT)) for path in modules if imports_random(path)} == {SPREADS_WAITS}
