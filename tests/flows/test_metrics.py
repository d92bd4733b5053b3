"""What every process counts is read from any web process: seconds later, and after an orderly end."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.flows.waiting import wait_until

pytestmark = pytest.mark.processes

# Who writes these events.
WEB, WORKER = "API_AUTHENTICATION_FAILED", "PUSH_AUTH_PUSH_SERVICE_ACCEPTED_NOTIFICATION"


def test_counts_of_web_and_worker_are_told_and_an_orderly_end_loses_none(installation):
    def total(event_type):
        status, text = installation.stack.get("/metrics")
        assert status == 200
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return next(sample.value for sample in samples if sample.labels.get("type") == event_type)

    def stranger_calls():
        assert installation.stack.get("/oauth/api/v1/events")[0] == 401

    before = {name: total(name) for name in (WEB, WORKER)}
    stranger_calls()
    phone = installation.enroll()
    installation.start(phone)
    installation.fcm.wait(phone.push_token, status=200)
    for name, count in before.items():
        wait_until(lambda name=name, count=count: total(name) > count)
    assert total(WEB) == before[WEB] + 1

    for _number in range(3):
        stranger_calls()
    installation.stack.web.stop()
    installation.stack.start_web()
    assert total(WEB) == before[WEB] + 4

    count = total(WORKER)
    installation.start(phone)
    installation.fcm.wait(phone.push_token, 2, status=200)
    installation.stack.worker.stop()
    assert total(WORKER) > count
    installation.stack.start_worker()
