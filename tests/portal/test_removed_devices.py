"""Transactions of a device that was removed, or whose keys or push token were removed."""

import re

import pytest
from django.db import connection
from django.db.transaction import atomic
from django.test.utils import CaptureQueriesContext

from apps.callbacks.models import CallbackDelivery
from apps.events.models import Event
from apps.transactions import lifecycle
from apps.transactions.models import PushDelivery
from apps.transactions.portal import resolution
from config import worker
from tests.api.calls import CALLBACK, error_of
from tests.commands.command_runner import run
from tests.fakes.fcm import error
from tests.flows.waiting import wait_until
from tests.query_plans import query_plan

pytestmark = pytest.mark.django_db(transaction=True)

PENDING, ENDED = ("pending", None), ("not_authenticated", "failed_to_send")


@pytest.fixture
def started(api, make_type, device):
    return api.start(make_type("push", max_resends=1), device).json()["transaction_id"]


@pytest.fixture
def state(api):
    """Return a function that reads status and reason of a transaction as the portal does."""

    def read(transaction_id):
        result = api.result(transaction_id).json()
        return result["status"], result.get("not_authenticated_reason", {}).get("reason")

    return read


def is_called_back(transaction_id):
    return CallbackDelivery.objects.filter(transaction_id=transaction_id, url=CALLBACK).exists()


REMOVALS = {
    "device API": lambda device, _portal: device.unenroll(),
    "user API": lambda device, portal: portal.client.delete(
        f"/oauth/api/v4/users/anna/devices/{device.device_id}", headers={"Authorization": portal.authorization}
    ),
    "delete_device": lambda device, _portal: run("delete_device", "anna", device.device_id),
    "keys": lambda device, _portal: run("revoke_mobile_authentication", "anna", device.device_id),
}


@pytest.fixture(params=REMOVALS)
def remove(request, device, portal):
    return lambda: REMOVALS[request.param](device, portal)


def test_accepted_push_of_a_removed_device_ends_its_transaction(
    api, started, state, deliver_pushes, remove, sms_started, otp_type
):
    otp_started = api.start_otp(otp_type).json()["transaction_id"]
    deliver_pushes()
    assert state(started) == PENDING
    remove()
    assert run("expire_transactions").lines == ["0 transactions expired."]
    assert state(started) == ENDED
    assert is_called_back(started)
    event = Event.objects.get(event_type="MOBILE_AUTH_NOT_AUTHENTICATED")
    assert (event.client_id, str(event.transaction_id)) == (api.portal.api_client.client_id, started)
    # Transactions without a device stay pending.
    assert state(sms_started) == state(otp_started) == PENDING


def test_due_push_of_a_removed_device_ends_its_transaction(started, state, deliver_pushes, fcm, remove):
    remove()
    deliver_pushes()
    assert state(started) == ENDED
    assert is_called_back(started)
    assert not fcm.received


def test_delayed_push_of_a_removed_device_ends_its_transaction(started, state, deliver_pushes, fcm, remove):
    fcm.script["push-token-of-anna"] = [error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", {"Retry-After": "200"})]
    deliver_pushes()
    remove()
    assert PushDelivery.objects.get().state == "due"
    run("expire_transactions")
    assert state(started) == ENDED


def test_worker_ends_transactions_of_removed_devices(started, state, device):
    device.unenroll()
    # The worker serves no queue, so the push stays due.
    worker.start(set())
    try:
        wait_until(lambda: state(started) == ENDED, 20)
    finally:
        worker.stop()


def test_search_for_removed_devices_uses_indexes(started):
    with CaptureQueriesContext(connection) as queries, atomic():
        lifecycle.end_unanswerable()
        plans = [query_plan(query["sql"]) for query in queries.captured_queries if query["sql"].startswith("SELECT")]
    assert len(plans) == 2
    for text in plans:
        assert not re.search(r"Seq Scan on transactions|SCAN transactions_transaction$", text, re.MULTILINE), text


def test_scanned_transaction_of_a_removed_device_ends(api, otp_type, device, scan, state):
    started = api.start_otp(otp_type).json()
    scan(device, started["otp"])
    device.unenroll()
    run("expire_transactions")
    assert state(started["transaction_id"]) == ENDED
    assert is_called_back(started["transaction_id"])


def test_new_keys_keep_pending_transactions(started, state, device, enroll):
    enroll(device=device, push_token="")
    run("expire_transactions")
    assert state(started) == PENDING
    assert device.answer(device.fetch(started), approve=True) == "authenticated"


@pytest.fixture(params=["revoke_push", "override_allowed"])
def remove_push_token(request, device, enroll, switch):
    """Return a function that removes the push token of the device and keeps its keys."""

    def remove_token():
        if request.param == "revoke_push":
            run("revoke_push", "anna", device.device_id)
        else:
            enroll(push_token="another")

    switch(push_enrollment_mode="override_allowed")
    return remove_token


def test_due_push_without_a_push_token_ends_its_transaction(started, state, deliver_pushes, fcm, remove_push_token):
    remove_push_token()
    deliver_pushes()
    assert state(started) == ENDED
    assert is_called_back(started)
    assert not fcm.received


def test_accepted_push_without_a_push_token_can_be_answered(started, state, deliver_pushes, remove_push_token, device):
    deliver_pushes()
    remove_push_token()
    run("expire_transactions")
    assert state(started) == PENDING
    assert device.answer(device.fetch(started), approve=True) == "authenticated"


def test_device_removed_during_the_start_is_1001(portal, mobile_type, device, monkeypatch):
    resolve = resolution.resolve

    def resolve_and_remove(step):
        store = resolve(step)
        device.unenroll()
        return store

    monkeypatch.setattr(resolution, "resolve", resolve_and_remove)
    assert error_of(portal.start(mobile_type, device)) == (404, "1001")
