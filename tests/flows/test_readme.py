"""The commands of the README work without changes."""

import json

import pytest

from tests.demo.running import Run
from tests.flows import documents

pytestmark = pytest.mark.processes


def test_commands_of_the_readme_work(tmp_path):
    run = Run(tmp_path)
    try:
        run.wait_until_ready()
        output = documents.execute(documents.shell_blocks("README.md", "tests/flows/test_readme.py"), run, tmp_path)
    finally:
        run.kill()
    approved, result = output.strip().splitlines()
    assert approved == "Sign in as Eva: authenticated"
    assert json.loads(result)["is_authenticated"] is True
