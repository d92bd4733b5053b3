"""Liveness probe /healthz and readiness probe /readyz."""

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
    """Redis that accepts connections and rejects commands."""

    def handle(self):
        while self.rfile.readline():
            self.wfile.write(b"-LOADING Redis is loading the dataset in memory\r\n")


def ready(client):
    response = client.get("/readyz")
    return response.status_code, response.json()


def test_readiness_with_all_servers_available(client):
    assert ready(client) == (200, OK)


def test_missing_migration_is_reported(client):
    last = "SELECT max(name) FROM django_migrations WHERE app = 'events'"
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM django_migrations WHERE app = 'events' AND name = ({last})")
    assert ready(client) == (503, {**OK, "status": "unavailable", "migrations": "missing"})
    assert client.get("/healthz").status_code == 200


def test_unavailable_database_is_reported(client, monkeypatch):
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
def test_unavailable_broker_is_reported_without_losing_readiness(client, settings, scheme):
    assert broker_up(client) == 1
    settings.BROKER_URL = f"{scheme}://127.0.0.1:{free_port()}/0"
    assert ready(client) == (200, {**OK, "broker": "unreachable"})
    assert broker_up(client) == 0


def test_probe_does_not_wait_for_a_hanging_broker(client, monkeypatch):
    hanging = threading.Event()
    monkeypatch.setattr(broker, "is_reachable", lambda: hanging.wait(10) or True)
    try:
        assert ready(client) == (200, {**OK, "broker": "unreachable"})
        assert not hanging.is_set()
    finally:
        hanging.set()


def test_redis_that_rejects_commands_is_unreachable(client, settings):
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
def test_probes_ignore_allowed_hosts(client, settings, path):
    settings.ALLOWED_HOSTS = ["auth.example.com"]
    assert client.get(path, headers={"Host": "127.0.0.1:8000"}).status_code == 200
    assert client.get(path, headers={"Host": "not a host"}).status_code == 200


@pytest.mark.parametrize("path", ["/admin/login/", "/oauth/api/schema/", "/healthz/", "/device/v1/healthz"])
def test_other_paths_reject_hosts_that_are_not_allowed(client, settings, path):
    settings.ALLOWED_HOSTS = ["auth.example.com"]
    assert client.get(path, headers={"Host": "127.0.0.1:8000"}).status_code == 400
    assert client.get(path, headers={"Host": "auth.example.com"}).status_code != 400
