"""The commands of documents without a separate test work unchanged with one demo."""

import json

import pytest

from config.settings.keys import encryption_keys
from tests.demo.running import Run
from tests.flows import documents

pytestmark = pytest.mark.processes

MARK = "tests/demo/test_documents.py"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("demo"))
    try:
        run.wait_until_ready()
        yield run
    finally:
        run.kill()


@pytest.fixture
def lines_of(demo, tmp_path):
    """Return a function that runs the commands of a page and returns what they print."""
    project = documents.linked_project(tmp_path / "project")
    return lambda page: documents.execute(documents.shell_blocks(page, MARK), demo, tmp_path, project).splitlines()


def test_quick_start_ends_with_an_authentication_by_pin(lines_of):
    lines = lines_of("docs/quick-start.md")
    approved = lines.index("Sign in as Eva, from the quick start: authenticated")
    result = json.loads(lines[approved + 1][: lines[approved + 1].rindex("}") + 1])
    assert result["is_authenticated"] is True
    assert result["used_authentication_attempts"] == 1
    timeline = "\n".join(lines[approved + 1 :])
    assert result["transaction_id"] in timeline
    assert "push_with_pin" in timeline


def test_configuration_page_creates_keys_and_export_is_idempotent(lines_of):
    secret_key, encryption_key, *imported = lines_of("docs/configuration.md")
    assert len(secret_key) >= 50
    assert len(encryption_keys(f"{encryption_key},{encryption_key}")) == 2
    assert imported == ["Nothing to change.", "Nothing to change."]


def test_push_page_checks_a_valid_configuration(lines_of):
    assert lines_of("docs/push.md")[-1].startswith("No errors")


def test_context_page_describes_the_context_and_its_source(lines_of):
    output = "\n".join(lines_of("docs/context.md"))
    assert "Geolocation is off (Features)" in output
