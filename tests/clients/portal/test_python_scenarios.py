"""Scenarios of the portal library in Python, with both clients, at a running server and at the fake of the library."""

import asyncio
import functools

import countersign
import pytest
from countersign import operations

from tests.clients.portal.site import Fake, Real, phone_number

pytestmark = pytest.mark.processes

CALLBACK = "http://127.0.0.1:9/callback"
# Percent-encoding of paths is part of each scenario.
USER = "é/x ?#%2F"


class Synchronous:
    """Synchronous view of the asynchronous client."""

    def __init__(self, client, loop):
        self.client, self.loop = client, loop

    def __getattr__(self, name):
        def run(*arguments, **options):
            result = getattr(self.client, name)(*arguments, **options)
            return self.loop.run_until_complete(collect(result) if hasattr(result, "__aiter__") else result)

        return run


async def collect(items):
    return [item async for item in items]


@pytest.fixture(params=["real", "fake"])
def backend(request, portal_site):
    """Return the server of the scenario."""
    return Fake() if request.param == "fake" else Real(portal_site.phones)


@pytest.fixture(params=["sync", "async"])
def portal(request, backend):
    """Return the client of the scenario."""
    if request.param == "sync":
        with backend.client() as client:
            yield client
        return
    with asyncio.Runner() as runner:
        client = Synchronous(backend.async_client(), runner.get_loop())
        yield client
        client.close()


@pytest.fixture
def start(backend, portal, request):
    """Return a function that starts a push for a new device of the user of this test."""
    user_id = f"{USER} {request.node.name}"
    device_id = backend.enroll(user_id)
    push = functools.partial(portal.start_push, user_id=user_id, device_id=device_id, callback_uri=CALLBACK)
    push.user_id, push.device_id = user_id, device_id
    return push


def test_user_approves_and_denies_pushes(backend, portal, start):
    options = {"message": "Sign in?", "secure_message": "To the shop", "language_code": "en", "ip_address": "192.0.2.1"}
    started = start("login", **options, user_agent="Browser", signing_data="ignored", phone_number="+12025550199")
    assert (started.auth_method, started.time_to_live, started.device.platform) == ("push", 300_000, "android")
    with pytest.raises(countersign.WaitTimeout):
        portal.wait(started.transaction_id, timeout=0)
    backend.approve(start.device_id, started.transaction_id)
    result = portal.wait(started.transaction_id, timeout=10)
    assert (result.status, result.is_authenticated, result.user_id) == ("authenticated", True, start.user_id)
    assert set(result.raw) == {
        *("callback_uri", "transaction_id", "timestamp", "user_id", "is_authenticated", "authentication_method"),
        "status",
    }

    denied = start("login")
    backend.deny(start.device_id, denied.transaction_id, fraud=True)
    result = portal.wait(denied.transaction_id)
    assert (result.status, result.fraud_reported) == ("not_authenticated", True)
    assert result.not_authenticated_reason.reason == "not_accepted"


def test_number_is_returned_for_number_matching(backend, portal, start):
    started = start("match")
    assert len(started.verification_number) == 4
    backend.approve(start.device_id, started.transaction_id, number=started.verification_number)
    assert portal.result(started.transaction_id).is_authenticated


def test_push_is_resent_and_cancelled(portal, start):
    started = start("login")
    portal.resend_push(started.transaction_id)
    with pytest.raises(countersign.ResendLimitReached):
        portal.resend_push(started.transaction_id)
    portal.cancel(started.transaction_id)
    assert portal.wait(started.transaction_id).status == "cancelled"
    with pytest.raises(countersign.TransactionNotFound):
        portal.cancel(started.transaction_id)


def test_sms_code_is_resent_and_verified_once(backend, portal):
    number = phone_number()
    started = portal.start_push("login", user_id=USER, callback_uri=CALLBACK, phone_number=number)
    assert started.auth_method == "sms"
    code = backend.sms_code(started.transaction_id, number)
    portal.resend_sms(USER, started.transaction_id)
    with pytest.raises(countersign.InvalidVerificationCode) as caught:
        portal.verify_sms(USER, started.transaction_id, "wrong")
    assert (caught.value.code, caught.value.token, caught.value.status) == ("3003", "invalid_verification_code", 404)
    portal.verify_sms(USER, started.transaction_id, code)
    assert portal.result(started.transaction_id).is_authenticated
    with pytest.raises(countersign.TransactionNotFound):
        portal.verify_sms(USER, started.transaction_id, code)


def test_code_of_the_device_is_verified_once(backend, portal, start):
    started = start("terminal")
    assert (started.auth_method, started.code_to_phone) == ("push", True)
    with pytest.raises(countersign.InvalidVerificationCode):
        portal.verify_code(start.user_id, started.transaction_id, "wrong")
    code = backend.code(start.device_id, started.transaction_id)
    with pytest.raises(countersign.TransactionNotFound):
        portal.verify_code("another user", started.transaction_id, code)
    portal.verify_code(start.user_id, started.transaction_id, code)
    assert portal.result(started.transaction_id).is_authenticated
    with pytest.raises(countersign.TransactionNotFound):
        portal.verify_code(start.user_id, started.transaction_id, code)


def test_one_time_password_identifies_the_user(backend, portal, start):
    started = portal.start_otp("scan", callback_uri=CALLBACK, message="Sign in?")
    backend.scan(start.device_id, started.qr_data)
    assert portal.wait(started.transaction_id).user_id == start.user_id


def test_devices_are_listed_disabled_and_deleted(backend, portal, start):
    assert [item.type for item in portal.user_types(start.user_id) if item.devices] == [
        "login",
        "login-again",
        "match",
        "terminal",
    ]
    assert "login" in portal.device_types(start.user_id, start.device_id)
    [device] = portal.devices(start.user_id)
    assert (device.id, device.platform, device.push_authentication_enabled) == (start.device_id, "android", True)
    portal.disable_fingerprint(start.user_id, device.id)
    portal.disable_push_authentication(start.user_id, device.id)
    assert not portal.devices(start.user_id)[0].push_authentication_enabled
    portal.disable_mobile_authentication(start.user_id, device.id)
    assert not portal.devices(start.user_id)[0].mobile_authentication_enabled
    portal.delete_device(start.user_id, device.id)
    assert portal.devices(start.user_id) == []
    other_ids = [backend.enroll(start.user_id) for _number in range(3)]
    portal.delete_devices(start.user_id, [other_ids[0], "unknown"])
    assert [device.id for device in portal.devices(start.user_id)] == other_ids[1:]
    portal.delete_all_devices(start.user_id)
    assert portal.devices(start.user_id) == []


def test_enrollment_code_has_a_link_and_is_in_no_representation(portal):
    code = portal.create_enrollment_code(USER, "demo")
    assert code.enrollment_code in code.enrollment_uri
    assert code.enrollment_code not in repr(code)
    with pytest.raises(countersign.NotFound):
        portal.create_enrollment_code(USER, "unknown")


def test_events_are_read_over_all_pages(backend, portal, start, monkeypatch):
    monkeypatch.setattr(operations, "PAGE_SIZE", 1)
    backend.add_events(start.user_id)
    start("login")
    events = list(portal.events(user_id=start.user_id, exclude_event_type=["PUSH_AUTH_INITIALIZED"]))
    assert {"KEY_ENROLLMENT_SUCCESS", "PUSH_ENROLLMENT_SUCCESS"} <= {event.event_type for event in events}
    assert len({event.event_identifier for event in events}) == len(events)
    assert portal.events_page(size=2, user_id=start.user_id, event_type=["KEY_ENROLLMENT_SUCCESS"]).total_elements == 1


ERRORS = {
    "3005": {"type_name": "unknown"},
    "1003": {"type_name": "scan", "callback_uri": "no URL"},
    "1005": {"type_name": "scan", "callback_uri": CALLBACK, "message": "x" * 156},
    "1001": {"type_name": "match", "user_id": "unknown", "callback_uri": CALLBACK},
    "3001": {"type_name": "login-sms", "user_id": "unknown", "phone_number": "12"},
}


def test_errors_have_classes_with_number_and_token(portal):
    for code, parameters in ERRORS.items():
        with pytest.raises(countersign.errors.BY_CODE[code]) as caught:
            portal.start(**parameters)
        assert (caught.value.code, caught.value.description != "") == (code, True)


def test_repeated_start_returns_the_same_transaction(portal, start):
    first = start("login", idempotency_key=start.user_id[-100:].encode().hex())
    assert start("login", idempotency_key=start.user_id[-100:].encode().hex()) == first
    with pytest.raises(countersign.IdempotencyKeyReused):
        start("login", idempotency_key=start.user_id[-100:].encode().hex(), message="another")
