"""The pages of errors and events match the code."""

import ast
import re

import pytest

from apps.api.exceptions import status_of
from apps.common import errors
from apps.events.types import EVENT_TYPES
from tests.architecture import pages
from tests.architecture.pages import ROOT

ERRORS = ROOT / "docs/errors"
# Errors of the user API that are not exceptions.
OTHER_TOKENS = {"not_all_devices_deleted"}
SECTIONS = ["Likely causes", "What to do", "In the console"]


def api_errors():
    """Return the classes of errors that an API reports."""
    found, remaining = [], [errors.ApiError]
    while remaining:
        found.append(kind := remaining.pop())
        remaining += [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return found


def test_each_error_has_a_page_with_its_number_token_and_status():
    expected = {}
    for kind in api_errors():
        rows = expected.setdefault(f"{kind.code or kind.token}.md", set())
        rows.add((kind.code, f"`{kind.token}`", str(status_of(kind))))
    names = {path.name for path in ERRORS.glob("*.md")} - {"index.md"} - {f"{token}.md" for token in OTHER_TOKENS}
    assert names == set(expected)
    documented = {name: {tuple(row[:3]) for row in pages.rows((ERRORS / name).read_text())[:1]} for name in names}
    assert documented == expected


@pytest.mark.parametrize("page", sorted(ERRORS.glob("*.md")), ids=lambda page: page.stem)
def test_pages_of_errors_have_the_same_sections(page):
    text = page.read_text()
    if page.name == "index.md":
        linked = set(re.findall(r"\]\((\w+)\.md\)", text))
        assert linked == {path.stem for path in ERRORS.glob("*.md")} - {"index"}
    else:
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS


def test_page_of_events_lists_every_type_with_its_facts():
    facts = {str(event_type): event_type.facts for event_type in EVENT_TYPES}
    expected = {
        name: {f"`{fact}`" for fact in kind.__required_keys__} | {f"`{fact}`?" for fact in kind.__optional_keys__}
        for name, kind in facts.items()
    }
    rows = [row for row in pages.rows((ROOT / "docs/events.md").read_text()) if row[0].strip("`") in facts]
    documented = {row[0].strip("`"): set(filter(None, row[1].split(", "))) for row in rows}
    assert len(rows) == len(facts)
    assert documented == expected
    assert all(row[2] for row in rows)


def logged_problems():
    """Return the names of the log lines about warnings and errors."""
    found = set()
    for path in [*(ROOT / "apps").rglob("*.py"), *(ROOT / "config").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            is_log = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") in ("log", "logger")
            is_problem = is_log and node.func.attr in ("warning", "error", "exception", "critical")
            if is_problem or getattr(node.func, "id", "") == "log_error":
                found.add(node.args[0].value)
    return found


def test_troubleshooting_page_explains_every_problem_in_the_log():
    section = pages.section(ROOT / "docs/troubleshooting.md", "## Lines of the log")
    assert set(re.findall(r"^### (\w+)$", section, re.MULTILINE)) == logged_problems()
