"""The table of the conformance page lists the modules that are tested, and a reason for each other module."""

import re

from django.conf import settings

from tests.ciba.conformance import suite, test_flows, test_notifications, test_requests

PAGE = settings.BASE_DIR / "docs" / "ciba-conformance.md"
ROW = re.compile(r"^\| `(fapi-ciba-id1[\w-]*)` \| (passed|not applicable) \| (.*?) ?\|$", re.MULTILINE)
MODULES_OF_THE_PLAN = 66


def test_document_lists_the_tested_modules():
    rows = ROW.findall(PAGE.read_text())
    assert len({name for name, _result, _remark in rows}) == len(rows) == MODULES_OF_THE_PLAN
    assert {name for name, result, _remark in rows if result == "passed"} == suite.covered
    assert all(remark for _name, result, remark in rows if result == "not applicable")
    assert test_flows
    assert test_notifications
    assert test_requests
