"""The curl lines of docs/user-api.md work as they stand, and answer what the page says."""

import json
import re

import pytest

from tests.demo.running import ROOT, Run
from tests.flows import documents
from tests.flows.test_portal_api_document import answers
from tests.users.test_list import V3, V4

pytestmark = pytest.mark.processes

PAGE = "docs/user-api.md"


def shown():
    """Return the answer that the page shows."""
    return json.loads(re.search(r"```json\n(.*?)```", (ROOT / PAGE).read_text(), re.DOTALL)[1])


def test_every_curl_line_answers_what_the_page_says(tmp_path):
    run = Run(tmp_path)
    try:
        run.wait_until_ready()
        found, _rest = answers(documents.execute(documents.block(PAGE, "tests/users/test_document.py"), run, tmp_path))
    finally:
        run.kill()
    listed, old, nothing = found
    [device], [example] = listed["devices"], shown()["devices"]
    assert list(device) == list(example) == V4
    varying = {"id", "createdAt", "lastLogin"}
    assert [device[name] for name in V4 if name not in varying] == [example[name] for name in V4 if name not in varying]
    [without_push] = old["devices"]
    assert list(without_push) == V3
    assert (without_push["id"], without_push["push_authentication_enabled"]) == (device["id"], False)
    assert nothing == {"error": "No devices found"}


def test_the_page_names_every_member_of_both_versions():
    rows = re.findall(r"^\| (?:`(\w+)`)? ?\| (?:`(\w+)`)? ?\|", (ROOT / PAGE).read_text(), re.MULTILINE)
    assert [new for new, _old in rows] == V4
    assert [old for _new, old in rows if old] == V3
