"""The device API rejects every message of the test vectors that must be refused, with one error and without effect."""

import json

import pytest

from apps.api.device import rejections
from apps.enrollment.models import ServerKey
from apps.transactions.models import Transaction
from clients.python.countersign_device import MessageType
from tests.api.calls import answer_path, error_of, send_json
from tests.clients.vectors import DEVICES, FILE, key_texts, select
from tests.conftest import TestDevice

DOCUMENT = json.loads(FILE.read_text())
TO_SERVER = [
    pytest.param(name, vector, id=f"{name} {vector['reason']}")
    for name in DEVICES
    for vector in select(DOCUMENT, name).device["refused"]
    if vector["direction"] == "to_server"
]


@pytest.fixture
def enroll_device(enroll):
    """Return a function that enrols a device of the vectors with a server that has the key of the vectors."""

    def run(name):
        vectors = select(DOCUMENT, name)
        secret, public = key_texts(vectors.server)
        ServerKey.objects.create(kind=vectors.kind, secret_key=secret, public_key=public, shared=True)
        return enroll(device=TestDevice(secret_key=key_texts(vectors.device)[0], clock_difference=0))

    return run


@pytest.fixture
def start_transaction(portal, mobile_type):
    """Return a function that stores the transaction of the vectors, which their messages approve."""

    def run(name, device):
        approval = select(DOCUMENT, name).device["to_server"]["approval"]["content"]
        transaction = Transaction.objects.get(pk=portal.start(mobile_type, device).json()["transaction_id"])
        transaction.pk, transaction.token = approval["transaction_id"], approval["token"]
        transaction.save(force_insert=True)
        return transaction.pk

    return run


@pytest.mark.parametrize(("name", "vector"), TO_SERVER)
def test_refused_answer_has_no_effect(client, portal, enroll_device, start_transaction, event_types, name, vector):
    device = enroll_device(name)
    transaction_id = start_transaction(name, device)
    path = answer_path(transaction_id)
    response = send_json(client, path, {"message": vector["message"]}, token=device.device_token)
    assert error_of(response) == (400, "invalid_message")
    assert response.json()["error_description"] == "The sealed message is invalid."
    assert event_types()[-1] == "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE"
    assert portal.result(transaction_id).json()["status"] == "pending"
    valid = select(DOCUMENT, name).device["to_server"]["approval"]["message"]
    response = send_json(client, path, {"message": valid}, token=device.device_token)
    assert response.json() == {"status": "authenticated"}


@pytest.mark.parametrize("name", DEVICES)
def test_answer_to_another_transaction_is_rejected(client, portal, mobile_type, enroll_device, name):
    device = enroll_device(name)
    started = portal.start(mobile_type, device).json()["transaction_id"]
    message = select(DOCUMENT, name).device["to_server"]["approval"]["message"]
    response = send_json(client, answer_path(started), {"message": message}, token=device.device_token)
    assert error_of(response) == (400, "invalid_message")


def test_registration_is_not_an_answer(client, portal, mobile_type, enroll_device):
    device = enroll_device("p256")
    started = portal.start(mobile_type, device).json()["transaction_id"]
    content = {"transaction_id": started, "token": device.fetch(started)["token"], "authenticated": True}
    message = device.seal(content, MessageType.REGISTRATION)
    response = send_json(client, answer_path(started), {"message": message}, token=device.device_token)
    assert error_of(response) == (400, "invalid_message")
    assert portal.result(started).json()["status"] == "pending"


@pytest.mark.parametrize("reason", ["jwe_alg_dir", "jws_alg_es384", "payload_changed", "wrong_token"])
def test_rejections_take_the_same_time(client, enroll_device, start_transaction, monkeypatch, reason):
    clock = Clock()
    monkeypatch.setattr(rejections, "monotonic", clock.read)
    monkeypatch.setattr(rejections, "sleep", clock.sleep)
    device = enroll_device("p256")
    path = answer_path(start_transaction("p256", device))
    vectors = {vector["reason"]: vector for vector in select(DOCUMENT, "p256").device["refused"]}
    if reason == "wrong_token":
        message = device.seal({"transaction_id": "x", "token": "x", "authenticated": True})
    else:
        message = vectors[reason]["message"]
    response = send_json(client, path, {"message": message}, token=device.device_token)
    assert error_of(response) == (400, "invalid_message")
    assert clock.now == pytest.approx(rejections.REJECTION_SECONDS)


class Clock:
    """Clock on which each verification takes another time, at most a millisecond."""

    def __init__(self):
        self.now, self.reads = 0.0, 0

    def read(self):
        self.reads += 1
        self.now += 0.001 * (self.reads - 1)
        return self.now

    def sleep(self, seconds):
        self.now += seconds
