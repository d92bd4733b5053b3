"""Fraud reports, and the fraud lock that support staff can remove."""

from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.enrollment.models import Device, FraudLock
from apps.events.models import Event
from apps.transactions.models import SmsDelivery, Transaction
from tests import factories
from tests.api.calls import error_of
from tests.commands.command_runner import run
from tests.devices.conftest import TokenDevice

pytestmark = pytest.mark.django_db


@pytest.fixture
def push_type(db):
    return factories.TypeFactory(method="push")


@pytest.fixture
def report(client, portal, device, push_type):
    """Initiate a transaction and report it as fraud. Return its id and the response."""

    def send_report(**members):
        started = portal.start(push_type, device).json()["transaction_id"]
        sealed = device.sealed_answer(device.fetch(started), **{"approve": False, "fraud": True, **members})
        return started, device.send(client, started, sealed)

    return send_report


@pytest.mark.usefixtures("each_kind")
def test_fraud_report_is_a_denial_with_a_flag_for_the_portal(portal, report):
    started, response = report()
    assert response.json() == {"status": "not_authenticated"}
    result = portal.result(started).json()
    assert result["not_authenticated_reason"]["reason"] == "not_accepted"
    assert result["fraud_reported"] is True
    assert Event.objects.filter(event_type="PUSH_AUTH_FRAUD_REPORTED", transaction_id=started).count() == 1


def test_denial_without_report_has_no_fraud_flag(portal, report):
    started, _answer = report(fraud=False)
    assert "fraud_reported" not in portal.result(started).json()


@pytest.mark.parametrize("members", [{"approve": True}, {"fraud": "yes"}, {"fraud": 1}])
def test_approval_with_a_fraud_report_is_rejected(portal, report, members):
    started, response = report(**members)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_message")
    assert portal.result(started).json()["status"] == "pending"


def test_fraud_report_does_not_lock_by_default(portal, device, push_type, report):
    report()
    assert portal.start(push_type, device).status_code == 200


def test_locked_profile_looks_like_an_unknown_user(portal, device, push_type, report, switch):
    switch(lock_profile_on_fraud_report=True)
    report()
    locked = portal.start(push_type, device)
    unknown = portal.start(push_type, device, user_id="unknown")
    assert (locked.status_code, locked.json()) == (unknown.status_code, unknown.json())
    enabled = portal.get(f"/oauth/api/v4/authenticate/user/anna/device/{device.device_id}/enabled")
    assert enabled.json() == {"enabled": []}


def test_locked_profile_cannot_approve_older_transactions(client, portal, device, push_type, report, switch):
    switch(lock_profile_on_fraud_report=True)
    before = portal.start(push_type, device).json()["transaction_id"]
    challenge = device.fetch(before)
    report()
    rejected = device.send(client, before, device.sealed_answer(challenge))
    assert (rejected.status_code, rejected.json()["error"]) == (404, "invalid_transaction")
    assert portal.result(before).json()["status"] == "pending"
    run("unlock_user", "anna")
    assert device.answer(challenge, approve=True) == "authenticated"


def test_locked_profile_can_deny_older_transactions(client, portal, device, push_type, report, switch):
    switch(lock_profile_on_fraud_report=True)
    before = portal.start(push_type, device).json()["transaction_id"]
    challenge = device.fetch(before)
    report()
    denied = device.send(client, before, device.sealed_answer(challenge, approve=False))
    assert denied.json() == {"status": "not_authenticated"}


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no row locks")
def test_fraud_report_locks_the_profile_row_before_the_transaction(client, portal, device, push_type, switch):
    switch(lock_profile_on_fraud_report=True)
    started = portal.start(push_type, device).json()["transaction_id"]
    sealed = device.sealed_answer(device.fetch(started), approve=False, fraud=True)
    with CaptureQueriesContext(connection) as captured:
        device.send(client, started, sealed)
    statements = [query["sql"] for query in captured]
    [profile] = [at for at, sql in enumerate(statements) if "enrollment_profile" in sql and "FOR UPDATE" in sql]
    [ended] = [at for at, sql in enumerate(statements) if 'UPDATE "transactions_transaction"' in sql]
    assert profile < ended


def test_unlock_user_removes_the_fraud_lock(portal, device, push_type, report, switch):
    switch(lock_profile_on_fraud_report=True)
    report()
    assert "applications_unlocked: 1" in run("unlock_user", "anna").lines
    assert not FraudLock.objects.exists()
    assert portal.start(push_type, device).status_code == 200


@pytest.fixture
def locked(report, switch):
    """Lock anna in the application with a fraud report, and return the id of the reported transaction."""
    switch(lock_profile_on_fraud_report=True)
    started, _answer = report()
    return started


@pytest.fixture
def with_sms_fallback(db):
    sms_type = factories.TypeFactory(method="sms", default_messages={"en": "Your code: {code}"})
    return factories.TypeFactory(method="push", fallback=sms_type)


@pytest.fixture
def start(portal, with_sms_fallback):
    """Initiate a push with an SMS fallback, and return the response."""
    return lambda device, **fields: portal.start(with_sms_fallback, device, phone_number="+31612345678", **fields)


@pytest.fixture
def enabled(portal):
    """Return the types of E1 for a device, and the types of E2."""

    def names(device):
        user = "/oauth/api/v4/authenticate/user/anna"
        on_device = portal.get(f"{user}/device/{device.device_id}/enabled").json()["enabled"]
        return on_device, [available["type"] for available in portal.get(f"{user}/enabled").json()["enabled"]]

    return names


def test_fraud_lock_starts_no_fallback(start, enabled, device, locked, with_sms_fallback):
    before = Transaction.objects.count()
    for device_id in (device.device_id, "F" * 64, None):
        assert error_of(start(device, device_id=device_id)) == (404, "1001"), device_id
    assert (Transaction.objects.count(), SmsDelivery.objects.count()) == (before, 0)
    event = Event.objects.filter(event_type="SMS_AUTH_INIT_FAILURE_PROFILE_LOCKED").latest("id")
    assert (event.user_id, event.details) == ("anna", {"type": with_sms_fallback.fallback.name})
    assert enabled(device) == ([], [])
    # Without a lock the same request falls back.
    assert start(device, user_id="unknown").json()["auth_method"] == "sms"


@pytest.mark.parametrize(("number", "target"), [(2, {}), (3, {"app_id": "{application}"}), (3, {})])
def test_fraud_lock_starts_no_fallback_in_older_versions(
    portal, with_sms_fallback, application, locked, number, target
):
    form = {
        "type": with_sms_fallback.name,
        "user_id": "anna",
        "callback_uri": "http://127.0.0.1:9/callback",
        "phone_number": "+31612345678",
        **{name: value.format(application=application.identifier) for name, value in target.items()},
    }
    assert error_of(portal.post(f"/oauth/api/v{number}/authenticate/user", form)) == (404, "1001")


def test_fraud_lock_starts_no_fallback_while_push_is_off(start, device, locked, switch):
    switch(push_authorization_enabled=False)
    assert error_of(start(device)) == (404, "1001")


REMOVALS = {
    "device API": lambda device, _portal: device.unenroll(),
    "user API": lambda device, portal: portal.client.delete(
        f"/oauth/api/v4/users/anna/devices/{device.device_id}", headers={"Authorization": portal.authorization}
    ),
    "command": lambda device, _portal: run("delete_device", "anna", device.device_id),
    "keys": lambda device, _portal: run("revoke_mobile_authentication", "anna", device.device_id),
}


@pytest.mark.parametrize("removal", REMOVALS)
def test_fraud_lock_survives_removal_and_enrollment(portal, start, enabled, device, new_device, locked, removal):
    REMOVALS[removal](device, portal)
    assert error_of(start(device)) == (404, "1001")
    re_enrolled = new_device()
    assert error_of(start(re_enrolled)) == (404, "1001")
    assert enabled(re_enrolled) == ([], [])
    assert run("unlock_user", "anna").code == 0
    assert start(re_enrolled).json()["auth_method"] == "push"


def test_fraud_lock_survives_the_pin_limit(client, start, start_challenge, device, new_device, report, respond, switch):
    challenge = start_challenge("pin")
    switch(lock_profile_on_fraud_report=True)
    registrations = [device.registration("fingerprint", pin_token="wrong") for _attempt in range(3)]
    report()
    assert error_of(respond(challenge, "pin")) == (404, "invalid_transaction")
    assert [device.send_registration(client, each).status_code for each in registrations] == [403, 403, 410]
    assert not Device.objects.exists()
    assert error_of(start(new_device())) == (404, "1001")


def test_fraud_lock_survives_an_enrollment_on_the_same_device(client, portal, start, device, enroll, type_of, locked):
    re_enrolled = enroll("anna", device=TokenDevice(device_id=device.device_id, device_token=device.device_token))
    assert re_enrolled.profile_id == device.profile_id
    assert error_of(start(re_enrolled)) == (404, "1001")
    otp_type, callback = type_of("otp"), "http://127.0.0.1:9/callback"
    form = {"type": otp_type.name, "callback_uri": callback}
    otp = portal.post("/oauth/api/v4/authenticate/user", form).json()["otp"]
    body = {"profile_id": re_enrolled.profile_id, "otp": otp}
    headers = {"Authorization": f"Bearer {re_enrolled.device_token}"}
    scanned = client.post("/device/v1/otp", body, content_type="application/json", headers=headers)
    assert error_of(scanned) == (404, "invalid_otp")


def test_fraud_lock_covers_all_devices_of_the_application_and_no_other(start, enabled, new_device, switch, locked):
    switch(push_enrollment_mode="multiple_devices")
    second = new_device(push_token="second")
    assert error_of(start(second)) == (404, "1001")
    other = new_device(push_token="", version=factories.ApplicationVersionFactory())
    assert start(other).json()["auth_method"] == "sms"
    other.enroll_push("other")
    assert start(other).json()["auth_method"] == "push"
    on_second, of_user = enabled(second)
    assert on_second == []
    assert of_user == enabled(other)[0] != []


def test_purge_keeps_fraud_locks(device, locked):
    device.unenroll()
    assert run("purge", "--days", "0").code == 0
    assert FraudLock.objects.filter(user_id="anna").exists()


def test_fraud_lock_event_names_the_transaction_and_the_client(portal, device, locked):
    event = Event.objects.get(event_type="PROFILE_LOCKED")
    assert (event.transaction_id, event.client_id) == (UUID(locked), portal.api_client.client_id)
    assert event.details == {"device_id": device.device_id}


def test_list_devices_shows_fraud_locks_on_standard_error(device, application, locked):
    messages = [f"“anna” is locked in “{application.name}” after a fraud report. Unlock the user with unlock_user."]
    assert run("list_devices", "anna", "--json").problems == messages
    device.unenroll()
    assert run("list_devices", "anna").problems == ["No results.", *messages]
