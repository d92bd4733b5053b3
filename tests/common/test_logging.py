"""Log lines of a process on standard error: their members and the redaction of secrets."""

import json
import os
import subprocess
import sys

import pytest

SECRET = "4711-secret"
NAMES = [
    "client_secret", "secret_key", "password", "new_password1", "token", "push_token", "device_token", "authorization",
    "Authorization", "Cookie", "private_key", "signing_key", "service_account", "server_certificate", "sms_code",
    "enrollment_code", "code", "otp", "nonce", "phone_number", "signing_data", "secure_message", "user_agent", "email",
]  # fmt: skip
PROGRAM = f"""
import json, logging
import django
django.setup()
import structlog
from django.test import RequestFactory
from apps.common.caller import CallerMiddleware

log, library_log = structlog.get_logger("app"), logging.getLogger("library")
for name in {NAMES}:
    inner = {{name: "{SECRET}", "deeper": [{{name: "{SECRET}"}}]}}
    log.info("app line", **{{name: "{SECRET}"}}, inner=inner, kept="kept")
    with structlog.contextvars.bound_contextvars(**{{name: "{SECRET}"}}):
        library_log.warning("library line")

def view(_request):
    log.info("first")
    library_log.warning("second")
    return {{}}

response = CallerMiddleware(view)(RequestFactory().get("/"))
log.info("after")
print(response["X-Request-Id"])
"""


@pytest.fixture(scope="module")
def process_output(tmp_path_factory):
    """Return the parsed log lines, and the request id of the response."""
    directory = str(tmp_path_factory.mktemp("logging"))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test", "VAR_DIR": directory}
    program = [sys.executable, "-c", PROGRAM]
    result = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in result.stderr.splitlines()], result.stdout.strip()


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_secret_and_personal_values_are_redacted(process_output, number):
    app_line, library_line = process_output[0][2 * number : 2 * number + 2]
    assert SECRET not in json.dumps([app_line, library_line])
    assert (app_line["kept"], app_line["inner"]["deeper"]) == ("kept", [{NAMES[number]: "[redacted]"}])
    assert (library_line["event"], library_line[NAMES[number]]) == ("library line", "[redacted]")


def test_log_lines_of_a_request_contain_its_id(process_output):
    (*_lines, first, second, after), request_id = process_output
    assert first["request_id"] == second["request_id"] == request_id
    assert "request_id" not in after
    assert {"event", "level", "logger", "timestamp"} <= first.keys()
