"""The command of docs/audit-log.md works, and its output has the documented lines."""

import re

import pytest

from tests.commands.command_runner import run
from tests.flows import documents
from tests.flows.programs import ROOT


@pytest.mark.django_db
def test_command_of_the_document_prints_the_documented_lines():
    [command] = documents.shell_blocks("docs/audit-log.md", "tests/events/test_document.py").strip().splitlines()
    documented = re.search(r"```\n(blocks:.*?)```", (ROOT / "docs/audit-log.md").read_text(), re.DOTALL)[1]
    completed = run(*command.split()[2:])
    assert completed.code == 0
    assert [line.split(":")[0] for line in completed.lines] == [line.split(":")[0] for line in documented.splitlines()]
