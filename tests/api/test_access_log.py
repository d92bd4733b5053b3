"""Access log: a line for each request, without user ids, and none for successful probes."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines(settings, caplog):
    """Return a function that sends GET requests and returns the lines of the access log."""

    def send(*paths, access_log=True):
        settings.ACCESS_LOG = access_log
        client = Client()
        with caplog.at_level("INFO"):
            for path in paths:
                client.get(path)
        return [record.msg for record in caplog.records if record.name == "apps.api.access_log"]

    return send


def test_line_has_the_pattern_of_the_path_instead_of_the_user_id(lines):
    [line] = lines("/oauth/api/v4/users/user-of-the-path/devices?secret=query")
    assert (line["event"], line["method"], line["status"]) == ("request_completed", "GET", 401)
    assert line["endpoint"] == "/oauth/api/v4/users/<str:user_id>/devices"
    assert line["client_ip"] == "127.0.0.1"
    assert line["request_id"]
    assert line["milliseconds"] > 0
    assert "user-of-the-path" not in str(line)
    assert "query" not in str(line)


def test_successful_probes_have_no_line(lines, settings):
    assert lines("/healthz", "/readyz", "/metrics") == []
    settings.METRICS_ALLOWED = []
    assert [line["status"] for line in lines("/metrics")] == [403]


def test_access_log_can_be_switched_off(lines):
    assert lines("/unknown", access_log=False) == []
