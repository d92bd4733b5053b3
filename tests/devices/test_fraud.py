"""A user who denies can report a fraud, which can lock the user in the application until support staff unlock it."""

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
from tests.devices.conftest import Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def push_type(db):
    return factories.TypeFactory(method="push")


@pytest.fixture
def report(client, portal, phone, push_type):
    """Start a transaction and report it; returns its id and the answer."""

    def run_it(**members):
        started = portal.start(push_type, phone).json()["transaction_id"]
        sealed = phone.sealed_answer(phone.fetch(started), **{"approve": False, "fraud": True, **members})
        return started, phone.send(client, started, sealed)

    return run_it


def test_a_fraud_report_is_a_denial_that_the_portal_can_read(portal, report):
    started, answer = report()
    assert answer.json() == {"status": "not_authenticated"}
    result = portal.result(started).json()
    assert result["not_authenticated_reason"]["reason"] == "not_accepted"
    assert result["fraud_reported"] is True
    assert Event.objects.filter(event_type="PUSH_AUTH_FRAUD_REPORTED", transaction_id=started).count() == 1


def test_a_plain_denial_says_nothing_of_fraud(portal, report):
    started, _answer = report(fraud=False)
    assert "fraud_reported" not in portal.result(started).json()


@pytest.mark.parametrize("members", [{"approve": True}, {"fraud": "yes"}, {"fraud": 1}])
def test_nobody_approves_a_fraud(portal, report, members):
    started, answer = report(**members)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_message")
    assert portal.result(started).json()["status"] == "pending"


def test_without_the_switch_the_profile_goes_on(portal, phone, push_type, report):
    report()
    assert portal.start(push_type, phone).status_code == 200


def test_with_the_switch_the_profile_is_locked_and_looks_like_no_enrolment(portal, phone, push_type, report, switch):
    switch(lock_profile_on_fraud_report=True)
    report()
    locked = portal.start(push_type, phone)
    unknown = portal.start(push_type, phone, user_id="nobody")
    assert (locked.status_code, locked.json()) == (unknown.status_code, unknown.json())
    enabled = portal.get(f"/oauth/api/v4/authenticate/user/anna/device/{phone.device_id}/enabled")
    assert enabled.json() == {"enabled": []}


def test_what_was_asked_for_before_the_report_is_not_approved_until_support_staff_unlock(
    client, portal, phone, push_type, report, switch
):
    switch(lock_profile_on_fraud_report=True)
    before = portal.start(push_type, phone).json()["transaction_id"]
    challenge = phone.fetch(before)
    report()
    refused = phone.send(client, before, phone.sealed_answer(challenge))
    assert (refused.status_code, refused.json()["error"]) == (404, "invalid_transaction")
    assert portal.result(before).json()["status"] == "pending"
    run("unlock_user", "anna")
    assert phone.answer(challenge, approve=True) == "authenticated"


def test_what_was_asked_for_before_the_report_can_still_be_denied(client, portal, phone, push_type, report, switch):
    switch(lock_profile_on_fraud_report=True)
    before = portal.start(push_type, phone).json()["transaction_id"]
    challenge = phone.fetch(before)
    report()
    denied = phone.send(client, before, phone.sealed_answer(challenge, approve=False))
    assert denied.json() == {"status": "not_authenticated"}


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no locks of rows")
def test_the_profile_is_locked_before_the_transaction_as_by_who_judges_a_pin(client, portal, phone, push_type, switch):
    switch(lock_profile_on_fraud_report=True)
    started = portal.start(push_type, phone).json()["transaction_id"]
    sealed = phone.sealed_answer(phone.fetch(started), approve=False, fraud=True)
    with CaptureQueriesContext(connection) as captured:
        phone.send(client, started, sealed)
    statements = [query["sql"] for query in captured]
    [profile] = [at for at, sql in enumerate(statements) if "enrollment_profile" in sql and "FOR UPDATE" in sql]
    [ended] = [at for at, sql in enumerate(statements) if sql.startswith('UPDATE "transactions_transaction"')]
    assert profile < ended


def test_support_staff_unlock_it(portal, phone, push_type, report, switch):
    switch(lock_profile_on_fraud_report=True)
    report()
    assert "applications_unlocked: 1" in run("unlock_user", "anna").lines
    assert not FraudLock.objects.exists()
    assert portal.start(push_type, phone).status_code == 200


@pytest.fixture
def locked(report, switch):
    """Lock anna in the application by a fraud report; returns the id of the transaction that was reported."""
    switch(lock_profile_on_fraud_report=True)
    started, _answer = report()
    return started


@pytest.fixture
def with_sms_fallback(db):
    sms_type = factories.TypeFactory(method="sms", default_messages={"en": "Your code: {code}"})
    return factories.TypeFactory(method="push", fallback=sms_type)


@pytest.fixture
def start(portal, with_sms_fallback):
    """Start a push that can fall back to a text message, and return the response."""
    return lambda phone, **fields: portal.start(with_sms_fallback, phone, phone_number="+31612345678", **fields)


@pytest.fixture
def enabled(portal):
    """Return the types of E1 for a device, and those of E2."""

    def names(phone):
        user = "/oauth/api/v4/authenticate/user/anna"
        on_device = portal.get(f"{user}/device/{phone.device_id}/enabled").json()["enabled"]
        return on_device, [available["type"] for available in portal.get(f"{user}/enabled").json()["enabled"]]

    return names


def test_fraud_lock_starts_no_fallback(start, enabled, phone, locked, with_sms_fallback):
    before = Transaction.objects.count()
    for device_id in (phone.device_id, "F" * 64, None):
        assert error_of(start(phone, device_id=device_id)) == (404, "1001"), device_id
    assert (Transaction.objects.count(), SmsDelivery.objects.count()) == (before, 0)
    event = Event.objects.filter(event_type="SMS_AUTH_INIT_FAILURE_PROFILE_LOCKED").latest("id")
    assert (event.user_id, event.details) == ("anna", {"type": with_sms_fallback.fallback.name})
    assert enabled(phone) == ([], [])
    # Without a lock the same request falls back.
    assert start(phone, user_id="nobody").json()["auth_method"] == "sms"


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


def test_fraud_lock_starts_no_fallback_while_push_is_off(start, phone, locked, switch):
    switch(push_authorization_enabled=False)
    assert error_of(start(phone)) == (404, "1001")


REMOVALS = {
    "device API": lambda phone, _portal: phone.unenroll(),
    "user API": lambda phone, portal: portal.client.delete(
        f"/oauth/api/v4/users/anna/devices/{phone.device_id}", headers={"Authorization": portal.authorization}
    ),
    "command": lambda phone, _portal: run("delete_device", "anna", phone.device_id),
    "keys": lambda phone, _portal: run("revoke_mobile_authentication", "anna", phone.device_id),
}


@pytest.mark.parametrize("removal", REMOVALS)
def test_fraud_lock_survives_removal_and_enrolment(portal, start, enabled, phone, bare_phone, locked, removal):
    REMOVALS[removal](phone, portal)
    assert error_of(start(phone)) == (404, "1001")
    again = bare_phone()
    assert error_of(start(again)) == (404, "1001")
    assert enabled(again) == ([], [])
    assert run("unlock_user", "anna").code == 0
    assert start(again).json()["auth_method"] == "push"


def test_fraud_lock_survives_the_pin_limit(client, start, ask, phone, bare_phone, report, respond, switch):
    challenge = ask("pin")
    switch(lock_profile_on_fraud_report=True)
    registrations = [phone.registration("fingerprint", pin_token="wrong") for _attempt in range(3)]
    report()
    assert error_of(respond(challenge, "pin")) == (404, "invalid_transaction")
    assert [phone.send_registration(client, each).status_code for each in registrations] == [403, 403, 410]
    assert not Device.objects.exists()
    assert error_of(start(bare_phone())) == (404, "1001")


def test_fraud_lock_survives_an_enrolment_on_the_same_device(client, portal, start, phone, enroll, type_of, locked):
    again = enroll("anna", device=Phone(device_id=phone.device_id, device_token=phone.device_token))
    assert again.profile_id == phone.profile_id
    assert error_of(start(again)) == (404, "1001")
    otp_type, callback = type_of("otp"), "http://127.0.0.1:9/callback"
    form = {"type": otp_type.name, "callback_uri": callback}
    otp = portal.post("/oauth/api/v4/authenticate/user", form).json()["otp"]
    body = {"profile_id": again.profile_id, "otp": otp}
    headers = {"Authorization": f"Bearer {again.device_token}"}
    scanned = client.post("/device/v1/otp", body, content_type="application/json", headers=headers)
    assert error_of(scanned) == (404, "invalid_otp")


def test_fraud_lock_covers_all_devices_of_the_application_and_no_other(start, enabled, bare_phone, switch, locked):
    switch(push_enrollment_mode="multiple_devices")
    second = bare_phone(push_token="second")
    assert error_of(start(second)) == (404, "1001")
    other = bare_phone(push_token="", version=factories.ApplicationVersionFactory())
    assert start(other).json()["auth_method"] == "sms"
    other.enroll_push("other")
    assert start(other).json()["auth_method"] == "push"
    on_second, of_user = enabled(second)
    assert on_second == []
    assert of_user == enabled(other)[0] != []


def test_purge_keeps_fraud_locks(phone, locked):
    phone.unenroll()
    assert run("purge", "--days", "0").code == 0
    assert FraudLock.objects.filter(user_id="anna").exists()


def test_fraud_lock_event_names_the_transaction_and_the_client(portal, phone, locked):
    event = Event.objects.get(event_type="PROFILE_LOCKED")
    assert (event.transaction_id, event.client_id) == (UUID(locked), portal.api_client.client_id)
    assert event.details == {"device_id": phone.device_id}


def test_list_devices_shows_fraud_locks_on_standard_error(phone, application, locked):
    said = [f"“anna” is locked in “{application.name}” after a fraud report: see unlock_user."]
    assert run("list_devices", "anna", "--json").problems == said
    phone.unenroll()
    assert run("list_devices", "anna").problems == ["Nothing was found.", *said]
