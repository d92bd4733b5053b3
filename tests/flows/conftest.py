"""One installation for all flow tests of this process; its logs are looked through after each test."""

import pytest

from tests.flows import installation as installations


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    directory = tmp_path_factory.mktemp("installation")
    with installations.running(directory, **installations.database()) as installation:
        yield installation


@pytest.fixture
def tolerated():
    """Words of faults that a test provokes: log lines with one of them may hold a traceback."""
    return []


@pytest.fixture
def installation(shared, tolerated):
    """The installation; afterwards no log may hold a traceback that the test does not expect, or a secret."""
    yield shared
    check_logs(shared.stack, tolerated)


def check_logs(stack, tolerated=()):
    secrets = [installations.CLIENT_SECRET, installations.CALLBACK_PASSWORD, "push-token-", "PRIVATE KEY", "Bearer "]
    for program in stack.programs:
        news = program.news()
        bad = [
            line for line in news.splitlines() if "Traceback" in line and not any(word in line for word in tolerated)
        ]
        assert not bad, f"{program.name}: {news[-6000:]}"
        assert not [secret for secret in secrets if secret in news], f"{program.name} tells a secret: {news[-3000:]}"
