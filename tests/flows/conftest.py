"""One installation for all flow tests of this process. Its logs are checked after each test."""

import pytest

from tests.fakes import web_push
from tests.flows import installation as installations


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    directory = tmp_path_factory.mktemp("installation")
    with installations.running(directory, **installations.database()) as installation:
        yield installation


@pytest.fixture
def expected_errors():
    """Return texts of errors that a test provokes. Log lines with such a text can contain a traceback."""
    return []


@pytest.fixture
def installation(shared, expected_errors):
    """Return the installation. Its logs are then checked for unexpected tracebacks and for secrets."""
    yield shared
    check_logs(shared.stack, expected_errors)


def check_logs(stack, expected_errors=()):
    secrets = [installations.CLIENT_SECRET, installations.CALLBACK_PASSWORD, "push-token-", "PRIVATE KEY", "Bearer "]
    secrets += [web_push.PATH, "vapid t="]
    for program in stack.programs:
        log = program.new_log_lines()
        tracebacks = [line for line in log.splitlines() if "Traceback" in line]
        unexpected = [line for line in tracebacks if not any(text in line for text in expected_errors)]
        assert not unexpected, f"{program.name}: {log[-6000:]}"
        assert not [secret for secret in secrets if secret in log], f"{program.name} logged a secret: {log[-3000:]}"
