"""The counters of all processes are available from any web process, also after a process was stopped."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.flows.waiting import wait_until

pytestmark = pytest.mark.processes

# Event types that the web process and the worker record.
WEB, WORKER = "API_AUTHENTICATION_FAILED", "PUSH_AUTH_PUSH_SERVICE_ACCEPTED_NOTIFICATION"


def test_counters_of_all_processes_survive_an_orderly_stop(installation):
    def total(event_type):
        status, text = installation.stack.get("/metrics")
        assert status == 200
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return next(sample.value for sample in samples if sample.labels.get("type") == event_type)

    def call_without_credentials():
        assert installation.stack.get("/oauth/api/v1/events")[0] == 401

    before = {name: total(name) for name in (WEB, WORKER)}
    call_without_credentials()
    user = installation.enroll()
    installation.start(user)
    installation.fcm.wait(user.push_token, status=200)
    for name, count in before.items():
        wait_until(lambda name=name, count=count: total(name) > count)
    assert total(WEB) == before[WEB] + 1

    for _number in range(3):
        call_without_credentials()
    installation.stack.web.stop()
    installation.stack.start_web()
    assert total(WEB) == before[WEB] + 4

    count = total(WORKER)
    installation.start(user)
    installation.fcm.wait(user.push_token, 2, status=200)
    installation.stack.worker.stop()
    assert total(WORKER) > count
    installation.stack.start_worker()
