"""The tables of docs/user-api.md list every member of a device. Its commands run in `tests/flows`."""

import re

from tests.demo.running import ROOT
from tests.users.test_list import V3, V4

PAGE = "docs/user-api.md"


def test_document_lists_every_member_of_both_versions():
    rows = re.findall(r"^\| (?:`(\w+)`)? ?\| (?:`(\w+)`)? ?\|", (ROOT / PAGE).read_text(), re.MULTILINE)
    assert [new for new, _old in rows] == V4
    assert [version_3 for _new, version_3 in rows if version_3] == V3
