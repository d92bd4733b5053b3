"""The table of CONTRIBUTING.md names files and definitions that exist."""

import ast
from pathlib import Path

import pytest
from django.conf import settings

from tests.architecture import pages

ROOT = Path(settings.BASE_DIR)
ROWS = [row for row in pages.rows((ROOT / "CONTRIBUTING.md").read_text()) if row[0].endswith("?")]


def definitions(path):
    """Return the names of functions, classes, methods and constants in a module."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_table_answers_twenty_questions():
    assert len(ROWS) >= 20


@pytest.mark.parametrize(("path", "name"), [tuple(cell.strip("`") for cell in row[1:3]) for row in ROWS])
def test_named_definition_exists(path, name):
    assert name in definitions(ROOT / path)
