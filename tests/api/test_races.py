"""Concurrent requests have one outcome, which all responses report."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.enrollment.models import Device, EnrollmentCode, Profile, PushEnrollment, ServerKey
from apps.events.models import Event
from apps.system.models import Features, GeneralConfiguration
from apps.transactions import lifecycle
from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import ENROLLMENTS, answer_path, push_path, send_json

pytestmark = pytest.mark.django_db(transaction=True)
AUTHENTICATED, NOT_AUTHENTICATED = "MOBILE_AUTH_AUTHENTICATED", "MOBILE_AUTH_NOT_AUTHENTICATED"


@pytest.fixture(autouse=True)
def own_transactions(transactional_db):
    """Commit every request as in production. Configuration rows exist, so that requests do not wait to create them."""
    Features.get_solo()
    GeneralConfiguration.get_solo()


def at_once(*calls):
    """Run calls concurrently, each with its own client and connection, and return their results."""
    ready = threading.Barrier(len(calls))

    def run(call):
        try:
            ready.wait(timeout=20)
            return call(Client())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls, timeout=60))


def statuses(responses):
    return sorted(response.status_code for response in responses)


def endings(transaction_id):
    return list(
        Event.objects.filter(
            transaction_id=transaction_id, event_type__in=[AUTHENTICATED, NOT_AUTHENTICATED]
        ).values_list("event_type", flat=True)
    )


@pytest.fixture
def answering(device, started):
    """Return a function that builds a call with one sealed answer."""
    challenge = device.fetch(started)

    def build(*, approve):
        content = {"transaction_id": started, "token": challenge["token"], "authenticated": approve}
        body = {"message": device.seal(content)}
        return lambda client: send_json(client, answer_path(started), body, token=device.device_token)

    return build


def test_concurrent_identical_answers_count_once(answering, started):
    responses = at_once(*[answering(approve=True)] * 10)
    assert statuses(responses) == [200] * 10
    assert {response.json()["status"] for response in responses} == {"authenticated"}
    assert endings(started) == [AUTHENTICATED]
    assert CallbackDelivery.objects.count() == 1


@pytest.mark.parametrize("round_number", range(5))
def test_concurrent_approval_and_denial_have_one_outcome(answering, portal, started, round_number):
    yes, no = at_once(answering(approve=True), answering(approve=False))
    assert statuses([yes, no]) == [200, 404]
    approved = yes.status_code == 200
    status = "authenticated" if approved else "not_authenticated"
    assert (yes if approved else no).json() == {"status": status}
    assert portal.result(started).json()["status"] == status
    assert endings(started) == [AUTHENTICATED if approved else NOT_AUTHENTICATED]
    assert CallbackDelivery.objects.count() == 1


@pytest.mark.parametrize("round_number", range(5))
def test_approval_concurrent_with_expiry_has_one_outcome(answering, portal, started, switch, round_number):
    switch(callback_on_expiry=True)
    Transaction.objects.filter(pk=started).update(expires_at=timezone.now() + timedelta(milliseconds=30))

    def sweep(_client):
        while Transaction.objects.filter(pk=started, status="pending").exists():
            lifecycle.expire_due()

    response, _none = at_once(answering(approve=True), sweep)
    status = portal.result(started).json()["status"]
    assert (response.status_code, status) in [(200, "authenticated"), (404, "expired")]
    kinds = [AUTHENTICATED, "PUSH_AUTH_NOT_AUTHENTICATED_EXPIRED"]
    assert Event.objects.filter(event_type__in=kinds).count() == 1
    assert CallbackDelivery.objects.count() == 1


def test_concurrent_expiry_sweeps_end_each_transaction_once(portal, mobile_type, device, switch):
    switch(callback_on_expiry=True)
    for _ in range(10):
        portal.start(mobile_type, device)
    Transaction.objects.update(expires_at=timezone.now())
    counts = at_once(*[lambda _client: lifecycle.expire_due()] * 3)
    assert sum(counts) == 10
    assert CallbackDelivery.objects.count() == 10


def test_concurrent_use_of_a_code_enrolls_one_device(enrollment_body, new_code):
    body = enrollment_body(new_code())
    responses = at_once(*[lambda client: send_json(client, ENROLLMENTS, body)] * 10)
    assert statuses(responses) == [201] + [404] * 9
    assert (Device.objects.count(), Profile.objects.count()) == (1, 1)
    assert EnrollmentCode.objects.get().used_at


def test_concurrent_first_enrollments_share_one_server_key(enrollment_body, new_code):
    bodies = [enrollment_body(new_code(f"user {number}")) for number in range(6)]
    responses = at_once(*[lambda client, body=body: send_json(client, ENROLLMENTS, body) for body in bodies])
    assert statuses(responses) == [201] * 6
    assert len({response.json()["server_public_key"] for response in responses}) == 1
    assert ServerKey.objects.count() == 1


def enrolling_push(device, push_token):
    body = {"push_token": push_token}
    path = push_path(device.profile_id)
    return lambda client: send_json(client, path, body, method="PUT", token=device.device_token)


@pytest.mark.parametrize("round_number", range(3))
def test_concurrent_push_enrollments_in_single_device_mode(enroll, round_number):
    devices = [enroll("anna", push_token="") for _ in range(2)]
    responses = at_once(*[enrolling_push(device, f"token {device.device_id}") for device in devices])
    assert statuses(responses) == [204, 409]
    assert PushEnrollment.objects.count() == 1


def test_concurrent_push_enrollments_in_override_mode(enroll, switch):
    switch(push_enrollment_mode="override_allowed")
    devices = [enroll("anna", push_token="") for _ in range(2)]
    responses = at_once(*[enrolling_push(device, f"token {device.device_id}") for device in devices])
    assert statuses(responses) == [204, 204]
    assert PushEnrollment.objects.count() == 1


@pytest.mark.parametrize("round_number", range(3))
def test_concurrent_enrollments_with_the_same_push_token(enroll, round_number):
    devices = [enroll(user_id, push_token="") for user_id in ("anna", "bert")]
    responses = at_once(*[enrolling_push(device, "the same token") for device in devices])
    assert statuses(responses) == [204, 409]
    assert PushEnrollment.objects.count() == 1


def test_concurrent_push_enrollments_of_one_device(enroll):
    device = enroll("anna", push_token="")
    responses = at_once(*[enrolling_push(device, "token")] * 5)
    assert statuses(responses) == [204] * 5
    assert PushEnrollment.objects.get().token == "token"


def test_concurrent_enrollments_of_a_user_on_one_device(enroll, enrollment_body, new_code):
    device = enroll("bert", push_token="")
    bodies = [enrollment_body(new_code("anna")) for _ in range(2)]
    responses = at_once(
        *[lambda client, body=body: send_json(client, ENROLLMENTS, body, token=device.device_token) for body in bodies]
    )
    assert statuses(responses) == [201, 201]
    assert len({response.json()["profile_id"] for response in responses}) == 1
    assert Profile.objects.filter(user_id="anna").count() == 1


@pytest.mark.parametrize("mode", ["single_device", "override_allowed"])
def test_concurrent_enrollments_of_browsers(version, enrollment_body, new_code, switch, mode):
    switch(push_enrollment_mode=mode)
    version.platform = "web"
    version.save()
    bodies = [enrollment_body(new_code()) for _ in range(4)]
    responses = at_once(*[lambda client, body=body: send_json(client, ENROLLMENTS, body) for body in bodies])
    assert statuses(responses) == [201] * 4
    assert Profile.objects.filter(can_pull=True).count() == 1


@pytest.mark.parametrize("round_number", range(3))
def test_browser_concurrent_with_push_enrollment(version, enroll, enrollment_body, new_code, round_number):
    phone = enroll(push_token="")
    web = factories.ApplicationVersionFactory(application=version.application, platform="web")
    body = enrollment_body(new_code(), platform=web.platform)
    push, keys = at_once(
        lambda client: send_json(
            client, push_path(phone.profile_id), {"push_token": "x"}, method="PUT", token=phone.device_token
        ),
        lambda client: send_json(client, ENROLLMENTS, body),
    )
    assert keys.status_code == 201
    assert Profile.objects.filter(can_pull=True).exists() == (push.status_code == 409)


def leaving(device):
    path = f"{ENROLLMENTS}/{device.profile_id}"
    return lambda client: client.delete(path, headers={"Authorization": f"Bearer {device.device_token}"})


@pytest.mark.parametrize("round_number", range(5))
def test_unenrollment_concurrent_with_push_enrollment(enroll, round_number):
    device = enroll("anna", push_token="")
    enrolled, left = at_once(enrolling_push(device, "token"), leaving(device))
    assert left.status_code == 204
    assert enrolled.status_code in {204, 401, 404}
    assert not PushEnrollment.objects.exists()
    assert not Device.objects.exists()


def test_unenrollment_concurrent_with_an_answer(answering, device, portal, started):
    response, left = at_once(answering(approve=True), leaving(device))
    assert left.status_code == 204
    assert response.status_code in {200, 401, 404}
    status = portal.result(started).json()["status"]
    assert (status == "authenticated") is (response.status_code == 200)
    assert not Device.objects.exists()
