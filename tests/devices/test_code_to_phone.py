"""Code to phone: the device shows a code after its authenticator has unlocked it, and the portal verifies the code."""

import re

import pytest

from apps.enrollment.models import Device, FraudLock, Profile
from apps.events.models import Event
from apps.transactions import lifecycle
from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import answer_path, error_of, fetch_path, send_json
from tests.conftest import Portal
from tests.devices.code_to_phone import CodeFlow, other_code, stored_code
from tests.devices.conftest import METHODS

pytestmark = pytest.mark.django_db
with_each_kind = pytest.mark.usefixtures("each_kind")

WRONG, NOT_FOUND, LOCKED = (404, "3003"), (404, "3004"), (429, "1429")
INVALID_MESSAGE, INVALID_TRANSACTION = (400, "invalid_message"), (404, "invalid_transaction")


@pytest.fixture
def flow(portal, device):
    return CodeFlow(portal, device)


@with_each_kind
@pytest.mark.parametrize(
    ("kind", "name"),
    [("push", None), ("pin", "pin"), ("fingerprint", "fingerprint"), ("fingerprint", "pin"), ("custom", "face")],
)
def test_code_is_unlocked_by_the_authenticator_and_approves(flow, device, kind, name, callbacks, event_types):
    transaction_id = flow.start(kind)
    challenge = device.fetch(transaction_id)
    assert challenge["type"]["code_to_phone"] is True
    assert ("code" in challenge) == (kind == "push")
    code = challenge["code"] if kind == "push" else flow.unlock(transaction_id, name)
    assert re.fullmatch("[0-9]{6}", code)
    response = flow.verify(transaction_id, code)
    assert (response.status_code, response.json()) == (200, {"transaction_id": transaction_id})
    result = flow.portal.result(transaction_id).json()
    assert (result["status"], result["is_authenticated"]) == ("authenticated", True)
    assert result["authentication_method"] == METHODS.get(kind, kind)
    assert callbacks(challenge) == 1
    assert event_types()[-2:] == ["MOBILE_AUTH_AUTHENTICATED", "PUSH_AUTH_TRANSACTION_RETRIEVED"]
    assert Device.objects.get().last_login_at
    assert not stored_code(transaction_id)
    assert not Event.objects.filter(details__icontains=code).exists()
    assert error_of(flow.verify(transaction_id, code)) == NOT_FOUND


def test_type_without_code_has_none(portal, device, mobile_type, flow, client):
    started = portal.start(mobile_type, device).json()
    assert "code_to_phone" not in started
    challenge = device.fetch(started["transaction_id"])
    assert "code" not in challenge
    assert "code_to_phone" not in challenge["type"]
    response = flow.send(client, challenge["transaction_id"], flow.request(challenge, "pin"))
    assert error_of(response) == INVALID_TRANSACTION
    assert error_of(flow.verify(challenge["transaction_id"], "123456")) == NOT_FOUND


@with_each_kind
@pytest.mark.parametrize("kind", ["push", *METHODS])
def test_no_path_reveals_the_code_before_its_unlock_or_approves(flow, device, client, portal, new_device, kind):
    """Every path of devices and portals that gets the transaction: none reveals the code, approves, or ends it."""
    transaction_id = flow.start(kind, max_resends=3, max_attempts=0)
    code = stored_code(transaction_id)
    other_device, other_portal = new_device("ben"), Portal(client, factories.ApiClientFactory())
    seen = [portal.result(transaction_id), other_portal.result(transaction_id)]
    # Before a device has got it, the correct code is wrong.
    seen += [flow.verify(transaction_id, code)]
    seen += [client.get("/device/v1/transactions", headers={"Authorization": f"Bearer {device.device_token}"})]
    if kind != "push":
        seen += [device.fetch(transaction_id), device.fetch(transaction_id)]
    token = str(Transaction.objects.get(pk=transaction_id).token)
    challenge = {"transaction_id": transaction_id, "token": token}
    credentials = [None, *(device.credential(name) for name in ("pin", "fingerprint", "face"))]
    approvals = [device.sealed_answer(challenge, approve=True, credential=credential) for credential in credentials]
    approvals += [device.sealed_answer(challenge, approve=True, number=code, code=code, fraud=False)]
    answers = [device.send(client, transaction_id, approval) for approval in approvals]
    assert {error_of(answer) for answer in answers} == {INVALID_MESSAGE}
    requests = [
        # An answer, a wrong token of the challenge, the key of another profile, another credential, no credential.
        *approvals,
        device.sealed_answer(challenge, approve=False),
        flow.request({**challenge, "token": "wrong"}, "pin"),
        flow.request({**challenge, "transaction_id": "1a5c6d6e-7a6b-4a27-8a4f-6f1d1f0a9b3c"}, "pin"),
        flow.request(challenge, "pin", device=other_device),
        "",
    ]
    if kind != "push":
        refused = {"pin": "fingerprint", "fingerprint": "face", "custom": "fingerprint"}[kind]
        requests += [flow.request(challenge), flow.request(challenge, refused)]
    responses = [flow.send(client, transaction_id, message) for message in requests]
    assert {error_of(response) for response in responses} <= {INVALID_MESSAGE, (400, "invalid_request")}
    own = other_device.seal({**challenge, "credential": device.credential("pin")})
    body = {"profile_id": other_device.profile_id}
    foreign = [
        flow.send(client, transaction_id, own, device=other_device),
        send_json(client, answer_path(transaction_id), {"message": own}, token=other_device.device_token),
        send_json(client, fetch_path(transaction_id), body, token=other_device.device_token),
    ]
    assert {error_of(response) for response in foreign} == {INVALID_TRANSACTION}
    sms = {"transaction_id": transaction_id, "sms_code": code}
    portals = [
        portal.post("/oauth/api/v4/authenticate/user/anna/sms", sms),
        portal.post("/oauth/api/v4/authenticate/user/anna/sms/resend", {"transaction_id": transaction_id}),
        flow.verify(transaction_id, code, user_id="ben"),
        flow.verify(transaction_id, code, portal=other_portal),
        other_portal.post(f"/oauth/api/v4/authenticate/transaction/{transaction_id}/resend", {}),
    ]
    assert {error_of(response) for response in portals} == {NOT_FOUND}
    resent = portal.post(f"/oauth/api/v4/authenticate/transaction/{transaction_id}/resend", {})
    assert resent.status_code == 204
    scanned = send_json(client, "/device/v1/otp", {**body, "otp": transaction_id}, token=other_device.device_token)
    assert error_of(scanned) == (404, "invalid_otp")
    seen += [*answers, *responses, *foreign, *portals, scanned]
    assert not any(code in getattr(each, "content", b"").decode() or code in str(each) for each in seen)
    assert flow.result(transaction_id) == ("pending", None)
    # The correct path still works.
    code = device.fetch(transaction_id)["code"] if kind == "push" else flow.unlock(transaction_id)
    assert flow.verify(transaction_id, code).status_code == 200


def test_wrong_pins_count_as_in_an_answer(flow, device, client, respond, portal):
    first, second = (device.fetch(flow.start("pin")) for _number in range(2))
    message = flow.request(first, "pin", "wrong")
    for _repeat in range(2):
        response = flow.send(client, first["transaction_id"], message)
        assert error_of(response) == (403, "invalid_pin")
        assert (response.json()["used_attempts"], response.json()["max_attempts"]) == (1, 3)
    response = flow.send(client, second["transaction_id"], flow.request(second, "pin", "wrong"))
    assert response.json()["used_attempts"] == 2
    third = device.fetch(portal.start(factories.TypeFactory(method="push_with_pin"), device).json()["transaction_id"])
    assert error_of(respond(third, "pin", "wrong")) == (410, "9003")
    # The device of the portal's user is gone, so the code is not valid either.
    assert error_of(flow.verify(first["transaction_id"], stored_code(first["transaction_id"]))) == NOT_FOUND


def test_last_wrong_pin_ends_the_transaction(flow, device, client, set_application, callbacks):
    set_application(max_pin_attempts=1)
    challenge = device.fetch(flow.start("pin"))
    message = flow.request(challenge, "pin", "wrong")
    assert error_of(flow.send(client, challenge["transaction_id"], message)) == (410, "9003")
    assert not Profile.objects.exists()
    assert flow.result(challenge["transaction_id"]) == ("not_authenticated", "invalid_answer")
    assert callbacks(challenge) == 1


@pytest.mark.parametrize(("kind", "name"), [("fingerprint", "fingerprint"), ("custom", "face")])
def test_wrong_token_revokes_its_authenticator(flow, device, client, kind, name):
    transaction_id = flow.start(kind)
    challenge = device.fetch(transaction_id)
    message = flow.request(challenge, name, "wrong")
    for _repeat in range(2):
        assert error_of(flow.send(client, transaction_id, message)) == (403, "authenticator_revoked")
    again = flow.send(client, transaction_id, flow.request(challenge, name))
    assert error_of(again) == (403, "authenticator_revoked")
    assert flow.verify(transaction_id, flow.unlock(transaction_id, "pin")).status_code == 200


@with_each_kind
def test_lost_responses_cost_nothing(flow, device, portal):
    transaction_id = flow.start("pin")
    message = flow.request(device.fetch(transaction_id), "pin")
    codes = {device.send_code_request(transaction_id, message) for _repeat in range(3)}
    assert len(codes) == 1
    assert portal.result(transaction_id).json()["used_authentication_attempts"] == 1
    assert flow.unlock(transaction_id, "pin") in codes
    assert portal.result(transaction_id).json()["used_authentication_attempts"] == 2
    push = flow.start("push")
    assert device.fetch(push)["code"] == device.fetch(push)["code"]
    assert flow.verify(transaction_id, codes.pop()).status_code == 200


@pytest.mark.parametrize("members", [{}, {"fraud": True}])
@pytest.mark.parametrize("kind", ["push", "pin"])
def test_denial_and_fraud_report_end_the_transaction(flow, device, respond, portal, kind, members):
    transaction_id = flow.start(kind)
    challenge = device.fetch(transaction_id)
    code = challenge.get("code") or flow.unlock(transaction_id)
    assert respond(challenge, approve=False, **members).json() == {"status": "not_authenticated"}
    assert flow.result(transaction_id) == ("not_authenticated", "not_accepted")
    assert portal.result(transaction_id).json().get("fraud_reported", False) == bool(members)
    assert error_of(flow.verify(transaction_id, code)) == NOT_FOUND


def test_wrong_codes_use_the_attempts_of_the_type(flow, device, callbacks):
    transaction_id = flow.start("pin", max_attempts=2)
    code = flow.unlock(transaction_id)
    assert error_of(flow.verify(transaction_id, other_code(code))) == WRONG
    assert flow.result(transaction_id) == ("pending", None)
    assert error_of(flow.verify(transaction_id, "not a code \U0001f600")) == WRONG
    assert flow.result(transaction_id) == ("not_authenticated", "invalid_answer")
    assert error_of(flow.verify(transaction_id, code)) == NOT_FOUND
    assert callbacks({"transaction_id": transaction_id}) == 1
    types = list(Event.objects.filter(transaction_id=transaction_id).values_list("event_type", flat=True))
    assert types.count("PUSH_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE") == 2
    assert types.count("PUSH_AUTH_VALIDATION_CODE_LIMIT_EXCEEDED") == 1
    # PIN tokens and codes are counted separately.
    assert flow.portal.result(transaction_id).json()["used_authentication_attempts"] == 1


def test_no_attempt_remains_after_an_interrupted_last_one(flow, device):
    transaction_id = flow.start("push")
    code = device.fetch(transaction_id)["code"]
    # The process was killed between the last attempt and the end of the transaction.
    Transaction.objects.update(code_attempts_used=3)
    assert error_of(flow.verify(transaction_id, code)) == NOT_FOUND
    assert flow.result(transaction_id) == ("pending", None)


def test_unlimited_attempts_end_with_the_lifetime(flow, device):
    transaction_id = flow.start("push", max_attempts=0)
    code = device.fetch(transaction_id)["code"]
    assert [error_of(flow.verify(transaction_id, other_code(code))) for _number in range(5)] == [WRONG] * 5
    Transaction.objects.update(expires_at=Transaction.objects.get().created_at)
    assert error_of(flow.verify(transaction_id, code)) == NOT_FOUND


@pytest.mark.parametrize("api_version", [2, 3])
def test_other_versions_verify_codes(flow, device, api_version):
    transaction_id = flow.start()
    assert flow.verify(transaction_id, device.fetch(transaction_id)["code"], version=api_version).status_code == 200


@pytest.mark.parametrize("missing", ["transaction_id", "code"])
def test_missing_parameter_is_named(flow, missing):
    form = {"transaction_id": "x", "code": "1"}
    del form[missing]
    response = flow.portal.post("/oauth/api/v4/authenticate/user/anna/code", form)
    assert error_of(response) == (400, "1003")
    assert missing in response.json()["description"]


def test_wrong_codes_of_all_transactions_lock_the_user(flow, device, switch, portal):
    switch(max_consecutive_code_failures=3)
    pending = flow.start("push")
    code = device.fetch(pending)["code"]
    for _number in range(3):
        transaction_id = flow.start("push")
        assert error_of(flow.verify(transaction_id, other_code(device.fetch(transaction_id)["code"]))) == WRONG
    assert error_of(flow.verify(pending, code)) == LOCKED
    assert flow.result(pending) == ("pending", None)
    locked = factories.TypeFactory(code_to_phone=True)
    response = portal.start(locked, device)
    assert error_of(response) == LOCKED
    assert int(response.headers["Retry-After"]) > 0
    # SMS codes and codes of devices are counted together; other types still start.
    sms = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    form = {"type": sms.name, "user_id": "anna", "phone_number": "+31612345678"}
    assert error_of(portal.post("/oauth/api/v4/authenticate/user", form)) == LOCKED
    assert portal.start(factories.TypeFactory(), device).status_code == 200
    types = list(Event.objects.values_list("event_type", flat=True))
    assert types.count("PUSH_AUTH_USER_LOCKED") == 1
    assert types.count("PUSH_AUTH_INIT_FAILURE_LIMIT_REACHED") == 1


def test_correct_code_clears_the_failures(flow, device, switch):
    switch(max_consecutive_code_failures=3)
    for _round in range(2):
        transaction_id = flow.start("push")
        code = device.fetch(transaction_id)["code"]
        assert [error_of(flow.verify(transaction_id, other_code(code))) for _number in range(2)] == [WRONG] * 2
        assert flow.verify(transaction_id, code).status_code == 200


def test_locked_removed_and_disabled_devices_cannot_continue(flow, device, client, version):
    started = [flow.start(kind) for kind in ("push", "pin")]
    push, pin = map(device.fetch, started)
    codes = [push["code"], flow.unlock(started[1])]
    lock = factories.FraudLockFactory()
    assert "code" not in device.fetch(started[0])
    assert error_of(flow.send(client, started[1], flow.request(pin, "pin"))) == INVALID_TRANSACTION
    refused = [error_of(flow.verify(*each)) for each in zip(started, codes, strict=True)]
    FraudLock.objects.filter(pk=lock.pk).delete()
    version.status = "disabled"
    version.save()
    refused += [error_of(flow.verify(*each)) for each in zip(started, codes, strict=True)]
    assert error_of(flow.send(client, started[1], flow.request(pin, "pin"))) == (403, "version_not_enabled")
    version.status = "enabled"
    version.save()
    device.unenroll()
    refused += [error_of(flow.verify(*each)) for each in zip(started, codes, strict=True)]
    assert refused == [NOT_FOUND] * 6
    lifecycle.sweep()
    assert {flow.result(each) for each in started} == {("not_authenticated", "failed_to_send")}


def test_fallback_without_code_is_announced_as_such(portal, device, client):
    sms = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    mobile_type = factories.TypeFactory(code_to_phone=True, fallback=sms)
    started = portal.start(mobile_type, device, user_id="eva", phone_number="+31612345678").json()
    assert started["auth_method"] == "sms"
    assert "code_to_phone" not in started
