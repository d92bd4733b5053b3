"""What the pages name exists: links, tests, files, commands, targets, settings, events; every command shown is run."""

import ast
import re
from functools import cache

import pytest
from django.core.management import get_commands
from django.urls import resolve

from apps.api.exceptions import status_of
from apps.common import errors
from apps.events.types import EVENT_TYPES
from config.worker import QUEUES
from tests.architecture import pages
from tests.architecture.pages import PAGES, ROOT
from tests.architecture.test_settings import variables_read

LINK = re.compile(r"\]\(([^)\s]+)\)")
TEST = re.compile(r"\b(tests/[\w/]+\.py)(?:::(\w+))?")
PATH = re.compile(r"(?:\.ci|[a-z_]+)(?:/[\w.*-]+)+/?")
COMMAND = re.compile(r"\bmanage\.py ([a-z_]+)")
TARGET = re.compile(r"\bmake ([a-z][a-z-]+)")
CALL = re.compile(r"`(GET|POST|PUT|DELETE) (/[^`?\s]+)`")
UUID_TEXT = "1a5c6d6e-0000-4000-8000-000000000000"
CONSTANT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
MARK = re.compile(r"<!-- (?:executed by (tests/[\w/]+\.py)(?:: \w+)?|not executed: .+) -->\n```(?:sh|python)\n")
# What other systems call so.
FOREIGN = {
    "CUSTOM_AUTHENTICATOR", "FINGER_PRINT", "NOT_FOUND", "PERMISSION_DENIED", "PUSH_WITH_PIN", "QUOTA_EXCEEDED",
    "POSTGRES_PASSWORD", "RAW_URI", "SENDER_ID_MISMATCH", "TCP_USER_TIMEOUT", "THIRD_PARTY_AUTH_ERROR",
}  # fmt: skip
every_page = pytest.mark.parametrize("page", PAGES, ids=pages.name)


@every_page
def test_every_link_leads_somewhere(page):
    for target in LINK.findall(pages.prose(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _hash, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        assert not anchor or anchor in pages.anchors(there), target


def test_every_page_is_in_the_readmes_table():
    linked = set(LINK.findall((ROOT / "README.md").read_text()))
    assert {pages.name(page) for page in PAGES if page.parent == ROOT / "docs"} <= linked


@cache
def functions_of(path):
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@every_page
def test_every_test_that_is_named_exists(page):
    for path, function in TEST.findall(page.read_text()):
        assert (ROOT / path).is_file(), path
        assert not function or function in functions_of(path), f"{path}::{function}"


@every_page
def test_every_file_that_is_named_exists(page):
    tops = {entry.name for entry in ROOT.iterdir() if entry.is_dir()} - {"var"}
    apps = {entry.name for entry in (ROOT / "apps").iterdir() if entry.is_dir()}
    for word in pages.quoted(page):
        if not PATH.fullmatch(word):
            continue
        first = word.partition("/")[0]
        base = ROOT if first in tops else ROOT / "apps" if first in apps else None
        assert base is None or list(base.glob(word.rstrip("/"))), word


@every_page
def test_every_command_and_target_that_is_named_exists(page):
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    in_code = "\n".join([*pages.quoted(page), *(block for _kind, block in pages.FENCE.findall(text))])
    assert set(COMMAND.findall(text)) <= set(get_commands())
    assert set(TARGET.findall(in_code)) <= targets


def test_the_table_of_commands_has_every_command():
    table = pages.section(ROOT / "docs/configuration.md", "## Commands for support staff")
    documented = {re.match(r"`([a-z_]+)", row[0])[1] for row in pages.rows(table)}
    ours = {name for name, app in get_commands().items() if app.startswith(("apps.", "config"))}
    # Shown elsewhere: in a section of its own, or run by make.
    assert documented == ours - {"export_configuration", "import_configuration", "serve", "worker", "demo_setup"}


@every_page
def test_every_setting_and_event_that_is_named_exists(page):
    if page.name == "CHANGELOG.md":
        pytest.skip("it tells of what there was")
    known = variables_read() | set(EVENT_TYPES) | FOREIGN | {"DJANGO_SETTINGS_MODULE"}
    words = {word for word in pages.quoted(page) if CONSTANT.fullmatch(word)}
    # A value may come from the file that NAME_FILE names.
    assert not {word for word in words if word not in known and word.removesuffix("_FILE") not in known}


@every_page
def test_every_command_that_is_shown_is_run_or_says_why_not(page):
    text = page.read_text()
    shown = [match.start() for match in re.finditer(r"^```(?:sh|python)\n", text, re.MULTILINE)]
    marks = {match.end(): match[1] for match in MARK.finditer(text)}
    ends = {text.index("\n", start) + 1 for start in shown}
    assert ends == set(marks)
    for test in filter(None, marks.values()):
        assert page.name in (ROOT / test).read_text(), test


def test_every_queue_has_its_name_in_operations():
    assert set(QUEUES) <= set(pages.quoted(ROOT / "docs/operations.md"))


@every_page
def test_every_path_of_the_apis_that_is_named_exists(page):
    for method, path in CALL.findall(page.read_text()):
        if "..." not in path:
            view = resolve(re.sub(r"\{\w+\}", UUID_TEXT, path)).func
            assert hasattr(getattr(view, "view_class", None) or PlainView, method.lower()), f"{method} {path}"


class PlainView:
    """Stands for a view that is a function, as those of health and metrics are."""

    get = None


@pytest.mark.parametrize("name", ["docs/portal-api.md", "docs/migrating.md"])
def test_a_table_of_errors_has_every_number_with_its_status(name):
    text = (ROOT / name).read_text()
    told = {}
    for codes, statuses, *_rest in (row for row in pages.rows(text) if re.fullmatch(r"\d{4}(, \d{4})*", row[0])):
        numbers, found = codes.split(", "), statuses.split(", ")
        if statuses:
            told |= dict(zip(numbers, found * (len(numbers) // len(found)), strict=True))
    raised = {kind.code: str(status_of(kind)) for kind in errors.ApiError.__subclasses__() if kind.code}
    # Codes from 9000 on are told to devices.
    assert told == {code: status for code, status in raised.items() if code < "9000"}


def test_the_page_about_migrating_names_every_variable_that_is_as_before():
    as_before = {name for name in variables_read() if name.startswith("TOKEN_SERVER_")}
    words = pages.quoted(ROOT / "docs/migrating.md")
    families = tuple(word.removesuffix("...") for word in words if word.endswith("_PROXY_..."))
    assert as_before
    assert not {name for name in as_before if name not in words and not name.startswith(families)}
