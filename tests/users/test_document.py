"""The commands of docs/user-api.md return the documented responses."""

import json
import re

import pytest

from tests.demo.running import ROOT, Run
from tests.flows import documents
from tests.flows.test_portal_api_document import parse_output
from tests.users.test_list import V3, V4

pytestmark = pytest.mark.processes

PAGE = "docs/user-api.md"


def documented_response():
    """Return the documented response."""
    return json.loads(re.search(r"```json\n(.*?)```", (ROOT / PAGE).read_text(), re.DOTALL)[1])


def test_documented_commands_return_the_documented_responses(tmp_path):
    run = Run(tmp_path)
    try:
        run.wait_until_ready()
        found, _rest = parse_output(
            documents.execute(documents.shell_blocks(PAGE, "tests/users/test_document.py"), run, tmp_path)
        )
    finally:
        run.kill()
    version_4, version_3, not_found = found
    [device], [example] = version_4["devices"], documented_response()["devices"]
    assert list(device) == list(example) == V4
    varying = {"id", "createdAt", "lastLogin"}
    assert [device[name] for name in V4 if name not in varying] == [example[name] for name in V4 if name not in varying]
    [without_push] = version_3["devices"]
    assert list(without_push) == V3
    assert (without_push["id"], without_push["push_authentication_enabled"]) == (device["id"], False)
    assert not_found == {"error": "No devices found"}


def test_document_lists_every_member_of_both_versions():
    rows = re.findall(r"^\| (?:`(\w+)`)? ?\| (?:`(\w+)`)? ?\|", (ROOT / PAGE).read_text(), re.MULTILINE)
    assert [new for new, _old in rows] == V4
    assert [version_3 for _new, version_3 in rows if version_3] == V3
