"""The README's commands work as they stand."""

import json

import pytest

from tests.demo.running import Run
from tests.flows import documents

pytestmark = pytest.mark.processes


def test_the_path_in_six_commands(tmp_path):
    run = Run(tmp_path)
    try:
        run.wait_until_ready()
        output = documents.execute(documents.block("README.md", "tests/flows/test_readme.py"), run, tmp_path)
    finally:
        run.kill()
    approved, result = output.strip().splitlines()
    assert approved == "Sign in as Eva: authenticated"
    assert json.loads(result)["is_authenticated"] is True
