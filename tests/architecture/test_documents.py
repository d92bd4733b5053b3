"""Links, tests, files, commands, targets, settings and events on the pages exist, and shown commands are executed."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
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
# Names of other systems.
EXTERNAL_NAMES = {
    "CUSTOM_AUTHENTICATOR", "FINGER_PRINT", "NOT_FOUND", "PERMISSION_DENIED", "PUSH_WITH_PIN", "QUOTA_EXCEEDED",
    "PASSPHRASE_FILE",
    "POSTGRES_PASSWORD", "PUSH_WITH_CUSTOM_AUTHENTICATOR", "PUSH_WITH_FINGERPRINT", "RAW_URI", "SENDER_ID_MISMATCH",
    "SIGNING_SECRET", "TCP_USER_TIMEOUT", "THIRD_PARTY_AUTH_ERROR", "WEBHOOK_ID", "WEBHOOK_SIGNATURE",
    "WEBHOOK_TIMESTAMP",
    # Of the examples of agents.
    "COUNTERSIGN_URL", "COUNTERSIGN_CLIENT_ID", "COUNTERSIGN_CLIENT_SECRET", "OWNER_USER_ID", "RECEIPTS",
}  # fmt: skip
every_page = pytest.mark.parametrize("page", PAGES, ids=pages.name)


@every_page
def test_every_link_has_a_target(page):
    for target in LINK.findall(pages.prose(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _hash, anchor = target.partition("#")
        target_path = (page.parent / path).resolve() if path else page
        assert target_path.exists(), target
        assert target_path.is_relative_to(ROOT), target
        assert not anchor or anchor in pages.anchors(target_path), target


def test_readme_links_every_page():
    linked = set(LINK.findall((ROOT / "README.md").read_text()))
    expected = {pages.name(page) for page in PAGES if page.is_relative_to(ROOT / "docs")}
    # The index of such a directory lists its pages.
    in_directories = tuple(f"docs/{name}/" for name in ("console", "errors", "portal-api"))
    assert {name for name in expected if not name.startswith(in_directories)} <= linked


def test_navigation_of_the_site_lists_every_page():
    def listed(entry):
        values = entry.values() if isinstance(entry, dict) else entry
        return [entry] if isinstance(entry, str) else [page for value in values for page in listed(value)]

    in_navigation = listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    names = [pages.name(page) for page in PAGES if page.name != "README.md" or page.parent != ROOT]
    on_site = {name.removeprefix("docs/") if name.startswith("docs/") else f"project/{name}" for name in names}
    # A README is no index page of the site.
    on_site = {re.sub(r"(project/.+)/README\.md", r"\1.md", name) for name in on_site}
    assert sorted(in_navigation) == sorted(on_site)


@cache
def functions_of(path):
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@every_page
def test_named_tests_exist(page):
    for path, function in TEST.findall(page.read_text()):
        assert (ROOT / path).is_file(), path
        assert not function or function in functions_of(path), f"{path}::{function}"


@every_page
def test_named_files_exist(page):
    tops = {entry.name for entry in ROOT.iterdir() if entry.is_dir()} - {"var"}
    apps = {entry.name for entry in (ROOT / "apps").iterdir() if entry.is_dir()}
    for word in pages.quoted(page):
        if not PATH.fullmatch(word):
            continue
        first = word.partition("/")[0]
        base = ROOT if first in tops else ROOT / "apps" if first in apps else None
        assert base is None or list(base.glob(word.rstrip("/"))), word


@every_page
def test_named_commands_and_targets_exist(page):
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    in_code = "\n".join([*pages.quoted(page), *(block for _kind, block in pages.FENCE.findall(text))])
    assert set(COMMAND.findall(text)) <= set(get_commands())
    assert set(TARGET.findall(in_code)) <= targets


def test_table_of_commands_is_complete():
    table = pages.section(ROOT / "docs/configuration.md", "## Commands for support staff")
    documented = {re.match(r"`([a-z_]+)", row[0])[1] for row in pages.rows(table)}
    ours = {name for name, app in get_commands().items() if app.startswith(("apps.", "config"))}
    # These are documented in other sections or run by make.
    assert documented == ours - {"export_configuration", "import_configuration", "serve", "worker", "demo_setup"}


@every_page
def test_named_settings_and_events_exist(page):
    if page.name == "CHANGELOG.md":
        pytest.skip("it contains former names")
    if page.parent.name == "mobile":
        pytest.skip("it contains names of the platforms")
    known = variables_read() | set(EVENT_TYPES) | EXTERNAL_NAMES | {"DJANGO_SETTINGS_MODULE"}
    names = {word for word in pages.quoted(page) if CONSTANT.fullmatch(word)}
    # NAME_FILE is valid for every variable.
    assert not {name for name in names if name not in known and name.removesuffix("_FILE") not in known}


@every_page
def test_shown_commands_are_executed_or_have_a_reason(page):
    text = page.read_text()
    starts = [match.start() for match in re.finditer(r"^```(?:sh|python)\n", text, re.MULTILINE)]
    marks = {match.end(): match[1] for match in MARK.finditer(text)}
    ends = {text.index("\n", start) + 1 for start in starts}
    assert ends == set(marks)
    for test in filter(None, marks.values()):
        assert page.name in (ROOT / test).read_text(), test


@every_page
def test_endpoints_have_names_instead_of_numbers(page):
    assert not re.findall(r"\bE[1-9]\b", page.read_text())


def test_each_picture_of_the_console_is_on_a_page():
    pictures = {path.name for path in (ROOT / "docs/console").glob("*.png")}
    shown = {Path(target).name for page in PAGES for target in LINK.findall(page.read_text())}
    assert pictures
    assert not pictures - shown


def test_monitoring_page_names_every_queue():
    assert set(QUEUES) <= set(pages.quoted(ROOT / "docs/deployment/monitoring.md"))


@every_page
def test_named_api_paths_exist(page):
    for method, path in CALL.findall(page.read_text()):
        if "..." not in path:
            view = resolve(re.sub(r"\{\w+\}", UUID_TEXT, path)).func
            assert hasattr(getattr(view, "view_class", None) or PlainView, method.lower()), f"{method} {path}"


class PlainView:
    """Placeholder for function views, such as those of health and metrics."""

    get = None


@pytest.mark.parametrize("name", ["docs/portal-api.md", "docs/migrating.md"])
def test_table_of_errors_contains_every_code_with_its_status(name):
    text = (ROOT / name).read_text()
    documented = {}
    for codes, statuses, *_rest in (row for row in pages.rows(text) if re.fullmatch(r"\d{4}(, \d{4})*", row[0])):
        numbers, status_list = codes.split(", "), statuses.split(", ")
        if statuses:
            documented |= dict(zip(numbers, status_list * (len(numbers) // len(status_list)), strict=True))
    raised = {kind.code: str(status_of(kind)) for kind in errors.ApiError.__subclasses__() if kind.code}
    # Codes from 9000 on are for devices.
    assert documented == {code: status for code, status in raised.items() if code < "9000"}


def test_migration_page_names_every_kept_variable():
    kept_variables = {name for name in variables_read() if name.startswith("TOKEN_SERVER_")}
    quoted = pages.quoted(ROOT / "docs/migrating.md")
    families = tuple(word.removesuffix("...") for word in quoted if word.endswith("_PROXY_..."))
    assert kept_variables
    assert not {name for name in kept_variables if name not in quoted and not name.startswith(families)}
