"""The broker or the database goes away and comes back, in an installation of its own.

The product reaches both through proxies that a test disconnects, so that nobody else's server has to stop.
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
def wired(tmp_path_factory):
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
def outage(wired):
    yield wired
    wired.database.restore()
    wired.broker.restore()
    wired.installation.stack.wait_ready()
    check_logs(wired.installation.stack)


def start_timed(installation, phone, path="/callback"):
    started = time.monotonic()
    transaction_id = installation.start(phone, path)
    return transaction_id, time.monotonic() - started


@pytest.mark.parametrize("fault", ["disconnect", "stall"])
def test_without_the_broker_requests_are_quick_and_pushes_and_callbacks_come_by_the_sweep(outage, fault):
    installation = outage.installation
    phones = {installation.path(): installation.enroll() for _number in range(3)}
    getattr(outage.broker, fault)()
    started = {}
    for path, phone in phones.items():
        started[path], seconds = start_timed(installation, phone, path)
        assert seconds < 2
    for phone in phones.values():
        installation.fcm.wait(phone.push_token, status=200, seconds=4)
    for path, phone in phones.items():
        assert installation.answer(phone, started[path]) == "authenticated"
    for path, transaction_id in started.items():
        installation.check_callback(transaction_id, installation.portal.wait(path, seconds=4), attempts=1)
    if fault == "disconnect":
        status, body = installation.stack.get("/readyz")
        assert (status, json.loads(body)["broker"]) == (200, "unreachable")
    outage.broker.restore()
    installation.stack.wait_ready()
    installation.start(phone)
    installation.fcm.wait(phone.push_token, 2, status=200, seconds=4)


def test_a_worker_that_starts_without_the_broker_delivers(outage):
    installation = outage.installation
    phone, path = installation.enroll(), installation.path()
    installation.stack.worker.stop()
    outage.broker.disconnect()
    installation.stack.start_worker()
    transaction_id, _seconds = start_timed(installation, phone, path)
    installation.fcm.wait(phone.push_token, status=200, seconds=4)
    installation.answer(phone, transaction_id)
    installation.check_callback(transaction_id, installation.portal.wait(path, status=204, seconds=4), attempts=1)


def test_after_a_restart_of_the_database_the_first_requests_succeed(outage):
    installation = outage.installation
    phones = [installation.enroll() for _number in range(4)]
    outage.database.disconnect()
    outage.database.restore()
    for phone in phones:
        installation.start(phone)
    for phone in phones:
        installation.fcm.wait(phone.push_token, status=200, seconds=4)


def test_without_the_database_requests_are_refused_and_all_heals_when_it_returns(outage):
    installation = outage.installation
    phone, path, due_path = installation.enroll(), installation.path(), installation.path()
    installation.portal.script(path, {"delay": 60})
    # This one is due again while the database is away.
    installation.portal.script(due_path, {"status": 503})
    due_id, transaction_id = installation.start(phone, due_path), installation.start(phone, path)
    installation.answer(phone, transaction_id)
    installation.portal.wait(path)
    installation.answer(phone, due_id)
    wait_until(lambda: installation.events(due_id, "PUSH_AUTH_CALLBACK_FAILED"))

    outage.database.disconnect()
    status, body = installation.call(f"/oauth/api/v4/authenticate/transaction/{transaction_id}")
    assert (status, body["error"]) == (503, "temporarily_unavailable")
    assert installation.stack.get("/readyz", seconds=30)[0] == 503
    # The portal answers while nobody can write it down.
    installation.portal.release()
    outage.database.restore()
    restored_at = time.time()

    installation.stack.wait_ready()
    wait_until(lambda: installation.call(f"/oauth/api/v4/authenticate/transaction/{transaction_id}")[0] == 200, 60)
    fresh = installation.start(installation.enroll(), path)
    assert installation.result(fresh)["status"] == "pending"
    for late_id, late_path, seconds in ((due_id, due_path, 5), (transaction_id, path, 30)):
        calls = installation.portal.wait(late_path, 2, seconds=60)
        assert calls[1]["at"] - restored_at < seconds
        installation.check_callback(late_id, calls, attempts=2)


def test_a_worker_that_starts_without_the_database_delivers_when_it_is_there(outage):
    installation = outage.installation
    phone = installation.enroll()
    installation.stack.worker.stop()
    installation.start(phone)
    outage.database.disconnect()
    installation.stack.worker.start()
    installation.stack.worker.wait_for('"worker_error"')
    outage.database.restore()
    installation.fcm.wait(phone.push_token, status=200, seconds=60)


def test_faults_are_told_once_and_in_one_line(outage):
    worker = outage.installation.stack.worker
    before = len(worker.log().splitlines())

    def told(event):
        return [line for line in worker.log().splitlines()[before:] if f'"event": "{event}"' in line]

    outage.database.disconnect()
    # Of its threads one looks for each of four queues, and one for what has expired.
    wait_until(lambda: len(told("worker_error")) >= 5)
    outage.database.restore()
    wait_until(lambda: len(told("worker_recovered")) >= 5, 60)
    # A connection that is gone may be found out in two ways.
    assert 5 <= len(told("worker_error")) < 10
    assert len(worker.log().splitlines()) - before == len(told("worker_error")) + len(told("worker_recovered"))
