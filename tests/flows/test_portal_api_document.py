"""The curl commands of docs/portal-api.md work without changes."""

import json

import pytest

from tests.demo.running import Run
from tests.flows import documents

pytestmark = pytest.mark.processes

MARK = "tests/flows/test_portal_api_document.py"


def parse_output(output):
    """Return the JSON responses that the commands printed, and all other lines."""
    decoder, responses, other_lines = json.JSONDecoder(), [], []
    while output := output.strip():
        if output.startswith("{"):
            response, end = decoder.raw_decode(output)
            responses.append(response)
        else:
            end = output.find("\n") if "\n" in output else len(output)
            other_lines.append(output[:end])
        output = output[end:]
    return responses, other_lines


def test_curl_commands_of_the_document_work(tmp_path):
    run = Run(tmp_path)
    try:
        run.wait_until_ready()
        responses, other_lines = parse_output(
            documents.execute(documents.shell_blocks("docs/portal-api.md", MARK), run, tmp_path)
        )
    finally:
        run.kill()
    of_device, of_application, names, of_user, fallback, pending, rejected, events = responses
    assert set(of_device["enabled"]) == set(of_application["enabled"]) == set(names["enabled"])
    assert {"login-again", "login-sms", "scan"} <= {enabled["type"] for enabled in of_user["enabled"]}
    assert fallback["auth_method"] == "sms"
    assert pending["status"] == "pending"
    assert rejected["error_code"] == "3003"
    assert events["pagination"]["total_elements"] > 5
    assert other_lines[-1] == "Sign in by code: authenticated"
