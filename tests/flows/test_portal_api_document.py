"""The curl lines of docs/portal-api.md work as they stand."""

import json

import pytest

from tests.demo.running import Run
from tests.flows import documents

pytestmark = pytest.mark.processes

MARK = "tests/flows/test_portal_api_document.py"


def answers(output):
    """Return the JSON answers that the lines printed one behind the other, and the other lines."""
    decoder, found, rest = json.JSONDecoder(), [], []
    while output := output.strip():
        if output.startswith("{"):
            answer, end = decoder.raw_decode(output)
            found.append(answer)
        else:
            end = output.find("\n") if "\n" in output else len(output)
            rest.append(output[:end])
        output = output[end:]
    return found, rest


def test_every_curl_line_answers_what_the_page_says(tmp_path):
    run = Run(tmp_path)
    try:
        run.wait_until_ready()
        found, rest = answers(documents.execute(documents.block("docs/portal-api.md", MARK), run, tmp_path))
    finally:
        run.kill()
    on_device, in_application, names, on_all, fallback, pending, wrong, events = found
    assert set(on_device["enabled"]) == set(in_application["enabled"]) == set(names["enabled"])
    assert {"login-again", "login-sms", "scan"} <= {enabled["type"] for enabled in on_all["enabled"]}
    assert fallback["auth_method"] == "sms"
    assert pending["status"] == "pending"
    assert wrong["error_code"] == "3003"
    assert events["pagination"]["total_elements"] > 5
    assert rest[-1] == "Sign in by code: authenticated"
