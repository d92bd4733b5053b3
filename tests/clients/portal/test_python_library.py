"""Retries, callbacks and representations of the portal library in Python, without a server."""

import logging
import socket
import threading
import time

import countersign
import httpx
import pytest
from countersign.asgi import AsgiCallback
from countersign.testing import FakeServer, FakeType
from countersign.wsgi import WsgiCallback

from tests import coroutines

CALLBACK = "https://portal.example.com/callback"
OTHER_SECRET = "whsec_kvA5Lq8HIqxsTvVvQ2vXq8Yl1vQ0m2Zr"


@pytest.fixture
def server():
    return FakeServer({"login": FakeType("push", time_to_live=60), "login-sms": "sms"})


@pytest.fixture
def portal(server):
    return server.client()


@pytest.fixture
def start(server, portal):
    device_id = server.add_device("anna")
    return lambda: portal.start_push("login", user_id="anna", device_id=device_id, callback_uri=CALLBACK)


FAILURES = {
    "connection refused": lambda server: server.disconnect_next(),
    "lost response": lambda server: server.disconnect_next(processed=True),
    "database": lambda server: server.fail_next("temporarily_unavailable", retry_after=2),
    "in progress": lambda server: server.fail_next("idempotency_in_progress"),
    "push not stored": lambda server: server.fail_next("1002"),
    "limit": lambda server: server.fail_next("1429", retry_after=3),
}


@pytest.mark.parametrize("name", FAILURES)
def test_start_is_retried_with_the_same_key(server, start, name):
    for _attempt in range(2):
        FAILURES[name](server)
    started_at = server.clock.now()
    start()
    assert len(server.portal.transactions) == 1
    # Pauses have jitter; Retry-After is the minimum.
    assert server.clock.now() - started_at >= {"limit": 6, "database": 4}.get(name, 0.7)


def test_retries_have_a_limit(server, portal, start):
    for _attempt in range(10):
        server.fail_next("1002")
    with pytest.raises(countersign.PushNotStored):
        start()
    assert len(server._failures) == 4


def test_long_retry_after_is_reported_and_not_awaited(server, portal, start):
    server.fail_next("1429", retry_after=3600)
    with pytest.raises(countersign.LimitReached) as caught:
        start()
    assert caught.value.retry_after == 3600


def test_verification_is_not_repeated_after_a_lost_response(server, portal):
    started = portal.start_sms("login-sms", user_id="anna", phone_number="+31 6 12345678")
    server.disconnect_next()
    server.disconnect_next(processed=True)
    with pytest.raises(countersign.NetworkError):
        portal.verify_sms("anna", started.transaction_id, server.sms_code(started.transaction_id))
    assert portal.result(started.transaction_id).is_authenticated


def test_cancel_succeeds_after_a_lost_response(server, portal, start):
    started = start()
    server.disconnect_next(processed=True)
    portal.cancel(started.transaction_id)
    approved = start()
    server.approve(approved.transaction_id)
    server.disconnect_next(processed=True)
    with pytest.raises(countersign.TransactionNotFound):
        portal.cancel(approved.transaction_id)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("approve", "authenticated"),
        ("deny", "not_authenticated"),
        ("fail_to_send", "not_authenticated"),
        ("expire", "expired"),
        (None, "expired"),
    ],
)
def test_wait_returns_the_planned_outcome(server, portal, start, outcome, status):
    if outcome:
        server.plan(outcome)
    result = portal.wait(start().transaction_id)
    assert (result.status, result.is_authenticated) == (status, outcome == "approve")


def test_wait_polls_with_backoff_until_its_timeout(server, portal, start):
    started, before = start(), server.clock.now()
    server.requests.clear()
    with pytest.raises(countersign.WaitTimeout):
        portal.wait(started.transaction_id, timeout=30)
    assert server.clock.now() - before == pytest.approx(30)
    assert 8 < len(server.requests) < 20


@pytest.mark.parametrize("response", [{"status_code": 502, "text": "<html>"}, {"status_code": 200, "json": []}])
def test_other_responses_are_reported_as_unexpected(server, response):
    portal = server.client(transport=httpx.MockTransport(lambda _request: httpx.Response(**response)))
    with pytest.raises(countersign.UnexpectedResponse) as caught:
        portal.result("1")
    assert caught.value.status == response["status_code"]


def test_redirects_are_not_followed(server):
    requests = []

    def redirect(request):
        requests.append(request)
        return httpx.Response(307, headers={"Location": "https://other.example.com/"})

    with pytest.raises(countersign.UnexpectedResponse):
        server.client(transport=httpx.MockTransport(redirect)).result("1")
    assert len(requests) == 1


def test_only_json_true_is_authenticated(server):
    body = {
        "transaction_id": "1",
        "status": "authenticated",
        "is_authenticated": "false",
        "user_id": "",
        "timestamp": 1,
    }
    portal = server.client(transport=httpx.MockTransport(lambda _request: httpx.Response(200, json=body)))
    assert portal.result("1").is_authenticated is False


def test_silent_server_causes_a_network_error_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        portal = countersign.Client(url, "portal", "secret", timeout=0.2, max_retries=0)
        before = time.monotonic()
        with pytest.raises(countersign.NetworkError, match="ReadTimeout"):
            portal.result("1")
    assert time.monotonic() - before < 5


@pytest.mark.parametrize("url", ["countersign.example.com", "https://portal:secret@example.com", "https://x/?a=b"])
def test_invalid_base_url_is_rejected(url):
    with pytest.raises(ValueError, match="base_url"):
        countersign.Client(url, "portal", "secret")


def test_secrets_are_in_no_representation_and_no_log(server, portal, start, caplog):
    caplog.set_level(logging.DEBUG)
    started = portal.start_sms("login-sms", user_id="anna", phone_number="+31612345678")
    with pytest.raises(countersign.InvalidVerificationCode) as caught:
        portal.verify_sms("anna", started.transaction_id, "987654x")
    client = countersign.Client("https://example.com", "portal", "secret-of-the-portal")
    shown = caplog.text + repr([portal, client, vars(client), started, caught.value])
    for secret in ("secret-of", "987654x", "+31612345678"):
        assert secret not in shown


@pytest.fixture
def handled(server):
    """Return the results that the handler passed on, and the handler."""
    results = []
    verifier = countersign.CallbackVerifier(
        signing_secrets=[OTHER_SECRET, server.signing_secret], credentials=server.callback_credentials
    )
    return results, countersign.CallbackHandler(server.client(), verifier, results.append)


def test_callback_is_verified_and_its_result_read(server, start, handled):
    results, handler = handled
    request = server.approve(start().transaction_id)
    assert handler.handle({name.title(): value for name, value in request.headers.items()}, request.body).status == 204
    assert [result.is_authenticated for result in results] == [True]


CHANGES = {
    "body": lambda request: (request.headers, request.body + b" "),
    "signature": lambda request: ({**request.headers, "webhook-signature": "v1,AAAA v2,AAAA ="}, request.body),
    "no signature": lambda request: ({**request.headers, "webhook-signature": ""}, request.body),
    "id": lambda request: ({**request.headers, "webhook-id": "other"}, request.body),
    "timestamp": lambda request: ({**request.headers, "webhook-timestamp": "²"}, request.body),
    "password": lambda request: ({**request.headers, "authorization": "Basic YTpi"}, request.body),
    "no credentials": lambda request: ({**request.headers, "authorization": ""}, request.body),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_callback_is_rejected(server, start, handled, name):
    results, handler = handled
    response = handler.handle(*CHANGES[name](server.approve(start().transaction_id)))
    assert (response.status, results) == (401, [])


@pytest.mark.parametrize("seconds", [-301, 301])
def test_callback_far_from_the_current_time_is_rejected(server, start, seconds):
    request = server.approve(start().transaction_id)
    now = time.time() + seconds
    verifier = countersign.CallbackVerifier(signing_secrets=[server.signing_secret], now=lambda: now)
    with pytest.raises(countersign.InvalidCallback, match="webhook-timestamp"):
        verifier.verify(request.headers, request.body)


@pytest.mark.parametrize(
    ("error", "status"), [("3004", 404), ("internal_error", 503), ("invalid_client", 503), ("access_denied", 503)]
)
def test_callback_is_retried_if_the_result_cannot_be_read(server, start, handled, error, status):
    results, handler = handled
    request = server.approve(start().transaction_id)
    server.fail_next(error)
    assert (handler.handle(request.headers, request.body).status, results) == (status, [])


def test_callback_of_a_pending_transaction_is_not_passed_on(server, start, handled):
    results, handler = handled
    request = server.callback(start().transaction_id)
    assert (handler.handle(request.headers, request.body).status, results) == (503, [])


def test_verifier_requires_secrets_or_credentials():
    with pytest.raises(ValueError, match="required"):
        countersign.CallbackVerifier()
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        countersign.CallbackVerifier(signing_secrets=["whsec_c2hvcnQ="])


def test_wsgi_application_handles_callbacks(server, start, handled):
    results, handler = handled
    application, request = WsgiCallback(handler), server.approve(start().transaction_id)
    transport = httpx.WSGITransport(app=application)
    with httpx.Client(transport=transport, base_url="http://portal") as client:
        assert client.post("/callback", content=request.body, headers=request.headers).status_code == 204
        assert client.post("/callback", content=request.body).status_code == 401
        assert client.post("/callback", content=b"x" * 100_000).status_code == 413
        assert client.get("/callback").status_code == 405
    assert len(results) == 1


def test_asgi_application_handles_callbacks(server, start):
    results = []
    request = server.approve(start().transaction_id)

    async def on_result(result):
        results.append(result)

    async def run():
        verifier = countersign.CallbackVerifier(signing_secrets=[server.signing_secret])
        application = AsgiCallback(countersign.AsyncCallbackHandler(server.async_client(), verifier, on_result))
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
            responses = [
                await client.post("/callback", content=request.body, headers=request.headers),
                await client.post("/callback", content=request.body),
                await client.get("/callback"),
            ]
        return [response.status_code for response in responses]

    assert coroutines.run(run()) == [204, 401, 405]
    assert len(results) == 1


def test_client_is_shared_by_threads(server, start):
    portal, results = server.client(), []
    transaction_id = start().transaction_id
    threads = [threading.Thread(target=lambda: results.append(portal.result(transaction_id))) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
