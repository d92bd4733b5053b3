"""What a log line looks like, and what never gets into one: a process logs, and its standard error is read."""

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

log, other = structlog.get_logger("ours"), logging.getLogger("other")
for name in {NAMES}:
    log.info("said", **{{name: "{SECRET}"}}, inner={{name: "{SECRET}", "deeper": [{{name: "{SECRET}"}}]}}, kept="kept")
    with structlog.contextvars.bound_contextvars(**{{name: "{SECRET}"}}):
        other.warning("by another library")

def view(_request):
    log.info("first")
    other.warning("second")
    return {{}}

answer = CallerMiddleware(view)(RequestFactory().get("/"))
log.info("after")
print(answer["X-Request-Id"])
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Return the lines of standard error as data, and the request id that was answered."""
    directory = str(tmp_path_factory.mktemp("logging"))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test", "VAR_DIR": directory}
    program = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()], done.stdout.strip()


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_what_is_named_like_a_secret_or_a_person_gets_through_on_no_way(ran, number):
    said, other = ran[0][2 * number : 2 * number + 2]
    assert SECRET not in json.dumps([said, other])
    assert (said["kept"], said["inner"]["deeper"]) == ("kept", [{NAMES[number]: "[redacted]"}])
    assert (other["event"], other[NAMES[number]]) == ("by another library", "[redacted]")


def test_every_line_of_a_request_carries_its_id_and_a_line_after_it_none(ran):
    (*_lines, first, second, after), request_id = ran
    assert first["request_id"] == second["request_id"] == request_id
    assert "request_id" not in after
    assert {"event", "level", "logger", "timestamp"} <= first.keys()
