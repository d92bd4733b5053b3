"""The pages of errors and events match the code."""

import ast
import re

import pytest

from apps.api.exceptions import status_of
from apps.common import errors
from apps.events.types import EVENT_TYPES
from apps.push import remedies as push_remedies
from apps.sms import remedies
from apps.transactions.console import timeline_documents
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


GETTEXT = ("_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy")
TROUBLESHOOTING = ROOT / "docs/troubleshooting.md"
# Modules whose texts are warnings and their fixes.
WARNINGS = [
    *sorted(set((ROOT / "apps/configuration/checks").glob("*.py")) - {ROOT / "apps/configuration/checks/operation.py"}),
    *(ROOT / "apps" / name for name in ("push/verification.py", "sms/checks.py", "sms/remedies.py")),
    *(ROOT / "apps" / name for name in ("callbacks/remedies.py", "geocontext/database.py", "geocontext/client.py")),
    ROOT / "apps/integrations/realm.py",
    *(ROOT / "apps" / name for name in ("common/database_errors.py", "outbox/broker.py", "system/keys.py")),
    ROOT / "config/management/commands/serve.py",
]
PROBLEMS = [
    ROOT / "apps" / app / "problems.py"
    for app in ("applications", "callbacks", "ciba", "console", "geocontext", "integrations", "push", "transactions")
]
PROBLEMS.append(ROOT / "apps/configuration/checks/operation.py")
# Results of successful checks, and references to other texts.
NO_WARNINGS = re.compile(
    r"^(All settings are|The broker is available|Its host name resolves|The service locates|Database type|Browsers can"
    r"|The (certificate|signing key|service account|VAPID key pair) .* valid|The gateway (is reachable|or its proxy)"
    r"|There are more|Usable keys|Set it, or|Serve HTTP|The realm can be reached|… (was|were) checked|… is reachable)"
)


def texts(path):
    """Return the texts of a module that go through gettext, with an ellipsis for each placeholder."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in GETTEXT:
            found += [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    replaced = (str(text).replace("%(prefix)s", remedies.PREFIX) for text in found if isinstance(text, str))
    return [re.sub(r"%\(\w+\)[sd]", "…", text) for text in replaced]


def test_troubleshooting_page_has_every_warning_with_its_fix():
    page = " ".join(TROUBLESHOOTING.read_text().split())
    sentences = [text for path in WARNINGS for text in texts(path) if text.endswith(".")]
    assert len(sentences) > 50
    assert not [text for text in sentences if text not in page and not NO_WARNINGS.match(text)]


def settings_errors():
    """Return the texts of invalid settings, with an ellipsis for each value and without references to documents."""
    found = []
    for path in (ROOT / "config/settings").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Raise)
                and getattr(getattr(node.exc, "func", None), "id", "") == "ImproperlyConfigured"
            ):
                parts = getattr(node.exc.args[0], "values", [node.exc.args[0]])
                text = "".join(part.value if isinstance(part, ast.Constant) else "…" for part in parts)
                found.append(text.partition("; docs/")[0])
    return found


def test_troubleshooting_page_has_every_error_of_a_setting():
    page = " ".join(TROUBLESHOOTING.read_text().split())
    assert len(settings_errors()) > 15
    assert not [text for text in settings_errors() if text not in page]


def test_troubleshooting_page_has_every_problem_of_the_start_page():
    page = " ".join(TROUBLESHOOTING.read_text().split())
    titles = []
    for path in PROBLEMS:
        for node in ast.walk(ast.parse(path.read_text())):
            is_title = isinstance(node, ast.Assign) and "title" in ast.dump(node.targets[0])
            titles += [text.value for text in ast.walk(node) if is_title and isinstance(text, ast.Constant)]
    titles = [title for title in titles if isinstance(title, str) and " " in title]
    assert len(titles) > 8
    assert not [title for title in titles if re.sub(r"%\(\w+\)[sd]", "…", title) not in page]


def test_table_of_push_reasons_has_every_known_reason():
    table = pages.section(ROOT / "docs/push.md", "## Reasons and remedies")
    reasons = [row[0].replace("`", "") for row in pages.rows(table)]
    patterns = [pattern for pattern, _text in push_remedies.REASON_REMEDIES]
    assert not [pattern for pattern in patterns if not any(re.search(pattern, reason) for reason in reasons)]


def test_documents_of_the_console_exist():
    names = set()
    for path in [*(ROOT / "apps").rglob("*.py")]:
        names |= {f"#{name}" for name in re.findall(r'\btroubleshooting\("([\w-]+)"\)', path.read_text())}
        names |= set(re.findall(r'\berror\("(\w+)"\)', path.read_text()))
        for group in re.findall(r"^    errors = \((.*)\)$", path.read_text(), re.MULTILINE):
            names |= set(re.findall(r'"(\w+)"', group))
    for path in (ROOT / "templates").rglob("*.html"):
        for arguments in re.findall(r"{% documents (.*?) %}", path.read_text()):
            names |= set(re.findall(r'"([^"]+)"', arguments))
    names |= {*timeline_documents.ERRORS.values(), *(f"#{name}" for name in timeline_documents.SECTIONS.values())}
    anchors = {f"#{anchor}" for anchor in pages.anchors(TROUBLESHOOTING)}
    assert len(names) > 12
    assert names <= anchors | {page.stem for page in ERRORS.glob("*.md")}
    sources = "".join(path.read_text() for path in (ROOT / "apps").rglob("*.py"))
    sections = set(re.findall(r'\bsecurity\("([\w-]+)"\)', sources))
    assert sections
    assert sections <= pages.anchors(ROOT / "docs/security.md")
