"""Ping and push: what the notification endpoint gets, once, also after failures and the death of a worker."""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256

import pytest
from django.utils import timezone

from apps.applications.models import ApiClient
from apps.callbacks import delivery
from apps.callbacks.models import CallbackDelivery
from apps.ciba.models import AuthenticationRequest
from apps.outbox.models import State
from apps.transactions import lifecycle
from apps.transactions.models import Transaction
from tests.callbacks.conftest import deliver, sink  # noqa: F401 - fixtures
from tests.ciba.calls import challenge_of, error_of
from tests.security.secret_search import all_places, assert_hidden

pytestmark = pytest.mark.django_db

TOKEN = "8d67dc78-7faa-4d41-aabd-67707b374255"
AUTH_REQ_ID = "urn:openid:params:jwt:claim:auth_req_id"


class NotifiedClient:
    """Client with a notification endpoint, the user's device and the worker."""

    def __init__(self, ciba, device, server, worker):
        self.ciba, self.device, self.sink, self._deliver = ciba, device, server, worker

    def start(self):
        response = self.ciba.start(client_notification_token=TOKEN)
        assert response.status_code == 200, response.content
        return response.json()["auth_req_id"]

    def end(self, how):
        transaction = Transaction.objects.latest("created_at")
        if how in ("approve", "deny"):
            self.device.answer(challenge_of(self.device), approve=how == "approve")
        elif how == "expire":
            Transaction.objects.filter(pk=transaction.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
            lifecycle.expire_due()
        elif how == "cancel":
            lifecycle.cancel(transaction)
        else:
            lifecycle.end_failed_to_send(transaction)

    def send(self):
        """Make the next attempt of the last notification. Return its state."""
        [row] = self._deliver(CallbackDelivery.objects.latest("created_at"))
        return row.state

    @property
    def last_body(self):
        return json.loads(self.sink.received[-1]["body"])


@pytest.fixture
def notified(new_client, device, sink, deliver, monkeypatch):  # noqa: F811 - fixtures
    """Return a function that creates a client with a delivery mode."""
    # The connection of the test stays open.
    monkeypatch.setattr(delivery, "close_old_connections", lambda: None)

    def create(mode):
        ciba = new_client(delivery_mode=mode, notification_endpoint=f"{sink.url}/notify")
        return NotifiedClient(ciba, device, sink, deliver)

    return create


def test_ping_reports_every_end(notified):
    client = notified("ping")
    for end in ("approve", "deny", "expire", "cancel", "fail"):
        auth_req_id = client.start()
        client.end(end)
        assert client.send() == State.DONE
        assert client.last_body == {"auth_req_id": auth_req_id}
        headers = client.sink.received[-1]["headers"]
        assert (headers["authorization"], headers["content-type"]) == (f"Bearer {TOKEN}", "application/json")
        stored = AuthenticationRequest.objects.latest("created_at")
        assert (stored.notification_token, stored.auth_req_id) == ("", "")
        assert client.ciba.poll(auth_req_id).status_code == (200 if end == "approve" else 400)


def test_push_has_the_tokens(notified, event_types, admin_client, capfd):
    client = notified("push")
    auth_req_id = client.start()
    pending = {"notification token": TOKEN, "auth_req_id": auth_req_id}
    assert_hidden(pending, all_places(""))
    client.end("approve")
    assert error_of(client.ciba.poll(auth_req_id)) == (400, "unauthorized_client")
    assert client.send() == State.DONE
    body = client.last_body
    assert set(body) == {"auth_req_id", "access_token", "token_type", "expires_in", "id_token", "scope"}
    assert (body["auth_req_id"], body["token_type"], body["expires_in"]) == (auth_req_id, "Bearer", 300)
    claims = client.ciba.claims(body["id_token"])[1]
    half = urlsafe_b64encode(sha256(body["access_token"].encode()).digest()[:16]).decode().rstrip("=")
    assert (claims[AUTH_REQ_ID], claims["at_hash"], claims["sub"]) == (auth_req_id, half, "anna")
    assert client.ciba.userinfo(body["access_token"]).json() == {"sub": "anna"}
    assert error_of(client.ciba.poll(auth_req_id)) == (400, "unauthorized_client")
    assert event_types().count("CIBA_TOKENS_ISSUED") == 1
    timeline = admin_client.get(f"/admin/transactions/transaction/{claims['txn']}/change/").content.decode()
    assert "Callback, attempt 1: delivered" in timeline
    assert "CIBA notification" in timeline
    tokens = {name: body[name] for name in ("id_token", "access_token")}
    assert_hidden({**pending, **tokens}, all_places("".join(capfd.readouterr())))


def test_push_has_the_error(notified):
    client = notified("push")
    for end, error in (
        ("deny", "access_denied"),
        ("expire", "expired_token"),
        ("cancel", "transaction_failed"),
        ("fail", "transaction_failed"),
    ):
        auth_req_id = client.start()
        client.end(end)
        client.send()
        assert set(client.last_body) == {"auth_req_id", "error", "error_description"}
        assert (client.last_body["auth_req_id"], client.last_body["error"]) == (auth_req_id, error)


def test_only_transient_failures_are_repeated(notified):
    client = notified("ping")
    states = dict.fromkeys((200, 204), State.DONE) | dict.fromkeys((302, 400, 401, 403, 410), State.FAILED)
    for status, state in (states | dict.fromkeys((429, 503), State.DUE)).items():
        client.start()
        client.end("approve")
        client.sink.script["/notify"] = [{"status": status, "headers": {"Location": f"{client.sink.url}/other"}}]
        assert (client.send(), status) == (state, status)
        stored = AuthenticationRequest.objects.latest("created_at")
        assert bool(stored.notification_token) == (state == State.DUE)
    assert {request["path"] for request in client.sink.received} == {"/notify"}


def test_repeated_push_gives_no_second_right(notified, event_types, monkeypatch):
    """A worker dies after it has sent a push and before it has recorded it: the next worker sends the push again."""
    client = notified("push")
    client.start()
    client.end("approve")

    class Killed(BaseException):
        pass

    def die(_results):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "record", die)
        with pytest.raises(Killed):
            client.send()
    assert CallbackDelivery.objects.get().state == State.DUE
    CallbackDelivery.objects.update(leased_until=timezone.now())
    assert client.send() == State.DONE
    first, second = (json.loads(request["body"]) for request in client.sink.received)
    for name in ("id_token", "access_token"):
        claims = [client.ciba.claims(body[name])[1] for body in (first, second)]
        for claim in ("sub", "aud", "auth_time", "txn", "jti", AUTH_REQ_ID):
            assert claims[0].get(claim) == claims[1].get(claim)
    assert event_types().count("CIBA_TOKENS_ISSUED") == 1


def test_result_is_not_sent_when_it_is_old(notified):
    client = notified("push")
    client.start()
    client.end("approve")
    CallbackDelivery.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    assert client.send() == State.FAILED
    assert client.sink.received == []
    assert AuthenticationRequest.objects.get().notification_token == ""


def test_client_without_the_api_gets_no_result(notified):
    client = notified("push")
    client.start()
    client.end("approve")
    ApiClient.objects.update(apis=["events"])
    assert client.send() == State.FAILED
    assert client.sink.received == []
    assert AuthenticationRequest.objects.get().used_at is None


def test_private_address_gets_no_notification(notified, settings):
    client = notified("push")
    client.start()
    client.end("approve")
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    assert client.send() == State.DUE
    assert client.sink.received == []
