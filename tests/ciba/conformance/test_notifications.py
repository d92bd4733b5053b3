"""Modules of the conformance suite of FAPI-CIBA about the client notification endpoint, in ping mode."""

import json

import pytest

from apps.callbacks import delivery
from apps.callbacks.models import CallbackDelivery
from apps.outbox.models import State
from tests.callbacks.conftest import deliver, sink  # noqa: F401 - fixtures
from tests.ciba.conformance import suite
from tests.ciba.conformance.suite import module
from tests.fakes import key_set

pytestmark = pytest.mark.django_db
PATH = "/notification"


@pytest.fixture
def ping_client(client, mobile_type, enroll, sink, monkeypatch):  # noqa: F811 - fixtures
    # The connection of the test stays open.
    monkeypatch.setattr(delivery, "close_old_connections", lambda: None)
    endpoint = {"delivery_mode": "ping", "notification_endpoint": sink.url + PATH}
    registered = suite.register(client, mobile_type, key_set.key("client-1"), **endpoint)
    registered.device = enroll()
    return registered


@pytest.mark.parametrize(
    ("response", "state"),
    [
        module("ping-backchannel-notification-endpoint-response-has-body", {"status": 200, "body": "{}"}, State.DONE),
        module("ping-backchannel-notification-endpoint-response-401", {"status": 401}, State.FAILED),
        module("ping-backchannel-notification-endpoint-response-403", {"status": 403}, State.FAILED),
        module(
            "ping-with-mtls-ciba-notification-endpoint-response-401-and-require-server-does-not-retry",
            {"status": 401},
            State.FAILED,
        ),
        module(
            "ping-backchannel-notification-endpoint-return-redirect-request",
            {"status": 301, "headers": {"Location": "/other"}},
            State.FAILED,
        ),
    ],
)
def test_flow_completes_after_any_response_to_the_ping(ping_client, sink, deliver, response, state):  # noqa: F811
    auth_req_id = ping_client.start()["auth_req_id"]
    ping_client.answer(approve=True)
    sink.script[PATH] = [response]
    [row] = deliver(CallbackDelivery.objects.get())
    # A row that is not due is not sent again.
    assert row.state == state
    [request] = sink.received
    assert request["path"] == PATH
    assert request["headers"]["authorization"] == f"Bearer {suite.NOTIFICATION_TOKEN}"
    assert request["headers"]["content-type"] == "application/json"
    assert json.loads(request["body"]) == {"auth_req_id": auth_req_id}
    assert ping_client.token(auth_req_id).status_code == 200
