"""Outages of the broker and the database, in a separate installation.

The processes connect through proxies that the tests disconnect, so that the shared servers keep running.
"""

import json
import os
import socket
import time
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.fakes.tcp_proxy import TcpProxy
from tests.flows import installation as installations
from tests.flows.conftest import check_logs
from tests.flows.waiting import wait_until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.environ["TEST_BACKEND"] == "sqlite", reason="SQLite and the embedded worker have no servers"),
]


def database_proxy(parts):
    if parts["host"].startswith("/"):
        return TcpProxy(socket.AF_UNIX, f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}")
    return TcpProxy(socket.AF_INET, (parts["host"], int(parts.get("port", 5432))))


@pytest.fixture(scope="module")
def proxied_installation(tmp_path_factory):
    """An installation whose connections pass through proxies: `installation`, `database`, `broker`."""
    variables = installations.database(offset=8)
    parts, broker_parts = conninfo_to_dict(variables["DATABASE_URL"]), urlsplit(variables["BROKER_URL"])
    credentials = f"{parts['user']}:{parts.get('password', '')}"
    database = database_proxy(parts)
    broker = TcpProxy(socket.AF_INET, (broker_parts.hostname, broker_parts.port))
    variables = {
        "DATABASE_URL": f"postgres://{credentials}@127.0.0.1:{database.port}/{parts['dbname']}",
        "BROKER_URL": f"redis://127.0.0.1:{broker.port}{broker_parts.path}",
    }
    with installations.running(tmp_path_factory.mktemp("wired"), **variables) as installation:
        yield SimpleNamespace(installation=installation, database=database, broker=broker)
        database.restore()
        broker.restore()


@pytest.fixture
def outage(proxied_installation):
    yield proxied_installation
    proxied_installation.database.restore()
    proxied_installation.broker.restore()
    proxied_installation.installation.stack.wait_ready()
    check_logs(proxied_installation.installation.stack)


def start_timed(installation, user, path="/callback"):
    started = time.monotonic()
    transaction_id = installation.start(user, path)
    return transaction_id, time.monotonic() - started


@pytest.mark.parametrize("failure", ["disconnect", "stall"])
def test_pushes_and_callbacks_are_delivered_without_the_broker(outage, failure):
    installation = outage.installation
    users = {installation.path(): installation.enroll() for _number in range(3)}
    getattr(outage.broker, failure)()
    started = {}
    for path, user in users.items():
        started[path], seconds = start_timed(installation, user, path)
        assert seconds < 2
    for user in users.values():
        installation.fcm.wait(user.push_token, status=200, seconds=4)
    for path, user in users.items():
        assert installation.answer(user, started[path]) == "authenticated"
    for path, transaction_id in started.items():
        installation.check_callback(transaction_id, installation.portal.wait(path, seconds=4), attempts=1)
    if failure == "disconnect":
        status, body = installation.stack.get("/readyz")
        assert (status, json.loads(body)["broker"]) == (200, "unreachable")
    outage.broker.restore()
    installation.stack.wait_ready()
    installation.start(user)
    installation.fcm.wait(user.push_token, 2, status=200, seconds=4)


def test_worker_started_without_the_broker_delivers(outage):
    installation = outage.installation
    user, path = installation.enroll(), installation.path()
    installation.stack.worker.stop()
    outage.broker.disconnect()
    installation.stack.start_worker()
    transaction_id, _seconds = start_timed(installation, user, path)
    installation.fcm.wait(user.push_token, status=200, seconds=4)
    installation.answer(user, transaction_id)
    installation.check_callback(transaction_id, installation.portal.wait(path, status=204, seconds=4), attempts=1)


def test_requests_succeed_after_a_restart_of_the_database(outage):
    installation = outage.installation
    users = [installation.enroll() for _number in range(4)]
    outage.database.disconnect()
    outage.database.restore()
    for user in users:
        installation.start(user)
    for user in users:
        installation.fcm.wait(user.push_token, status=200, seconds=4)


def test_database_outage_rejects_requests_and_loses_no_callback(outage):
    installation = outage.installation
    user, path, due_path = installation.enroll(), installation.path(), installation.path()
    installation.portal.script(path, {"delay": 60})
    # This callback becomes due during the outage of the database.
    installation.portal.script(due_path, {"status": 503})
    due_id, transaction_id = installation.start(user, due_path), installation.start(user, path)
    installation.answer(user, transaction_id)
    installation.portal.wait(path)
    installation.answer(user, due_id)
    wait_until(lambda: installation.events(due_id, "PUSH_AUTH_CALLBACK_FAILED"))

    outage.database.disconnect()
    status, body = installation.call(f"/oauth/api/v4/authenticate/transaction/{transaction_id}")
    assert (status, body["error"]) == (503, "temporarily_unavailable")
    assert installation.stack.get("/readyz", seconds=30)[0] == 503
    # The portal responds while the outcome cannot be recorded.
    installation.portal.release()
    outage.database.restore()
    restored_at = time.time()

    installation.stack.wait_ready()
    wait_until(lambda: installation.call(f"/oauth/api/v4/authenticate/transaction/{transaction_id}")[0] == 200, 60)
    new_transaction = installation.start(installation.enroll(), path)
    assert installation.result(new_transaction)["status"] == "pending"
    for late_id, late_path, seconds in ((due_id, due_path, 5), (transaction_id, path, 30)):
        calls = installation.portal.wait(late_path, 2, seconds=60)
        assert calls[1]["at"] - restored_at < seconds
        installation.check_callback(late_id, calls, attempts=2)


def test_worker_started_without_the_database_delivers_later(outage):
    installation = outage.installation
    user = installation.enroll()
    installation.stack.worker.stop()
    installation.start(user)
    outage.database.disconnect()
    installation.stack.worker.start()
    installation.stack.worker.wait_for('"worker_error"')
    outage.database.restore()
    installation.fcm.wait(user.push_token, status=200, seconds=60)


def test_worker_errors_are_logged_once_in_one_line(outage):
    worker = outage.installation.stack.worker
    before = len(worker.log().splitlines())

    def logged_lines(event):
        return [line for line in worker.log().splitlines()[before:] if f'"event": "{event}"' in line]

    outage.database.disconnect()
    # The worker has a dispatcher thread for each of four queues, and a thread for the expiry sweep.
    wait_until(lambda: len(logged_lines("worker_error")) >= 5)
    outage.database.restore()
    wait_until(lambda: len(logged_lines("worker_recovered")) >= 5, 60)
    # A lost connection can cause two different errors.
    assert 5 <= len(logged_lines("worker_error")) < 10
    expected = len(logged_lines("worker_error")) + len(logged_lines("worker_recovered"))
    assert len(worker.log().splitlines()) - before == expected
