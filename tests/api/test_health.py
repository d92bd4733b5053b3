"""/healthz says that the process serves; /readyz whether it can work, and if not, what is missing."""

import re
import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
from django.db import OperationalError, connection
from django.db.migrations import executor

from apps.outbox import broker
from tests.ports import free_port

pytestmark = pytest.mark.django_db
OK = {"status": "ok", "database": "ok", "migrations": "ok", "broker": "ok"}


class Loading(StreamRequestHandler):
    """A Redis that listens and refuses."""

    def handle(self):
        while self.rfile.readline():
            self.wfile.write(b"-LOADING Redis is loading the dataset in memory\r\n")


def ready(client):
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


def test_all_is_ready_with_the_servers_that_there_are(client):
    assert ready(client) == (200, OK)


def test_a_migration_that_was_not_applied_is_told(client):
    last = "SELECT max(name) FROM django_migrations WHERE app = 'events'"
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM django_migrations WHERE app = 'events' AND name = ({last})")
    assert ready(client) == (503, {**OK, "status": "unavailable", "migrations": "missing"})
    assert client.get("/healthz").status_code == 200


def test_a_database_that_is_away_is_told(client, monkeypatch):
    def away(_connection):
        raise OperationalError("away, with a secret in it")

    monkeypatch.setattr(executor, "MigrationLoader", away)
    state = {**OK, "status": "unavailable", "database": "unreachable", "migrations": "unknown"}
    assert ready(client) == (503, state)
    assert client.get("/healthz").status_code == 200


def broker_up(client):
    [value] = re.findall(r"^countersign_broker_up (\S+)$", client.get("/metrics").content.decode(), re.MULTILINE)
    return float(value)


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_unavailable_broker_is_named_but_costs_no_readiness(client, settings, scheme):
    assert broker_up(client) == 1
    settings.BROKER_URL = f"{scheme}://127.0.0.1:{free_port()}/0"
    assert ready(client) == (200, {**OK, "broker": "unreachable"})
    assert broker_up(client) == 0


def test_probe_does_not_wait_for_a_hanging_broker(client, monkeypatch):
    hanging = threading.Event()
    monkeypatch.setattr(broker, "answers", lambda: hanging.wait(10) or True)
    try:
        assert ready(client) == (200, {**OK, "broker": "unreachable"})
        assert not hanging.is_set()
    finally:
        hanging.set()


def test_a_redis_that_listens_and_refuses_is_told(client, settings):
    with ThreadingTCPServer(("127.0.0.1", 0), Loading) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        settings.BROKER_URL = f"redis://127.0.0.1:{server.server_address[1]}/0"
        try:
            assert ready(client) == (200, {**OK, "broker": "unreachable"})
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_whoever_asks_by_an_address_is_answered_whatever_hosts_are_allowed(client, settings, path):
    settings.ALLOWED_HOSTS = ["auth.example.com"]
    assert client.get(path, headers={"Host": "127.0.0.1:8000"}).status_code == 200
    assert client.get(path, headers={"Host": "not a host"}).status_code == 200


@pytest.mark.parametrize("path", ["/admin/login/", "/oauth/api/schema/", "/healthz/", "/device/v1/healthz"])
def test_anything_else_is_refused_at_a_host_that_is_not_allowed(client, settings, path):
    settings.ALLOWED_HOSTS = ["auth.example.com"]
    assert client.get(path, headers={"Host": "127.0.0.1:8000"}).status_code == 400
    assert client.get(path, headers={"Host": "auth.example.com"}).status_code != 400
