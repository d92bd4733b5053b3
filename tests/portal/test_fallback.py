"""Fallbacks: the first type of the chain that can be initialised is started; without one, the error is 1001."""

import pytest
from django.core.exceptions import ValidationError

from apps.events.models import Event
from tests import factories
from tests.api.calls import error_of
from tests.portal.calls import PortalApi
from tests.portal.conftest import PHONE_NUMBER

WITH_CREDENTIAL = ["push_with_pin", "push_with_fingerprint", "push_with_custom_authenticator"]
NO_ENROLLMENT = "PUSH_AUTH_INIT_FAILURE_NO_PUSH_ENROLLMENT"
NOT_AVAILABLE = "PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE"


def failures():
    """Return event type and type name of each step that could not be initialised, in order."""
    recorded = Event.objects.filter(event_type__contains="INIT_FAILURE").order_by("id")
    return [(event.event_type, event.details["type"]) for event in recorded]


def test_sms_fallback_is_started_without_push_enrolment(any_api, make_type, row):
    mobile_type = make_type("push", "sms")
    response = any_api.start(mobile_type, phone_number=PHONE_NUMBER)
    body = response.json()
    assert (response.status_code, body["auth_method"]) == (200, "sms")
    assert set(body) == {"transaction_id", "auth_method", "time_to_live"}
    assert row(body["transaction_id"]).type_name == mobile_type.fallback.name
    assert failures() == [(NO_ENROLLMENT, mobile_type.name)]


def test_fallbacks_are_tried_in_order_with_an_event_each(any_api, make_type):
    mobile_type = make_type("push_with_pin", "push", "sms")
    response = any_api.start(mobile_type, phone_number=PHONE_NUMBER)
    assert response.json()["auth_method"] == "sms"
    assert failures() == [(NO_ENROLLMENT, mobile_type.name), (NO_ENROLLMENT, mobile_type.fallback.name)]


def test_first_available_step_is_started(any_api, make_type, device):
    mobile_type = make_type("push_with_pin", "push", "sms")
    assert any_api.start(mobile_type, device, phone_number="not validated").json()["auth_method"] == "push"
    assert failures() == [(NOT_AVAILABLE, mobile_type.name)]


@pytest.mark.parametrize("method", WITH_CREDENTIAL)
def test_missing_authenticator_without_fallback_is_1001(api, make_type, device, method):
    mobile_type = make_type(method)
    assert error_of(api.start(mobile_type, device)) == (404, "1001")
    assert failures() == [(NOT_AVAILABLE, mobile_type.name)]


@pytest.mark.parametrize("method", WITH_CREDENTIAL)
def test_missing_authenticator_starts_the_fallback(api, make_type, device, method):
    assert api.start(make_type(method, "push"), device).json()["auth_method"] == "push"


def test_removed_push_token_starts_the_fallback(api, make_type, enroll, profile_row):
    device = enroll()
    profile_row(device).push_enrollment.delete()
    assert api.start(make_type("push", "sms"), device, phone_number=PHONE_NUMBER).json()["auth_method"] == "sms"


def test_disabled_push_starts_the_fallback(api, make_type, device, switch):
    switch(push_authorization_enabled=False)
    mobile_type = make_type("push", "sms")
    assert api.start(mobile_type, device, phone_number=PHONE_NUMBER).json()["auth_method"] == "sms"
    assert failures() == [("PUSH_AUTH_INIT_FAILURE_DISABLED", mobile_type.name)]


def test_disabled_version_starts_the_fallback(api, make_type, device, version):
    version.status = "disabled"
    version.save()
    assert api.start(make_type("push", "sms"), device, phone_number=PHONE_NUMBER).json()["auth_method"] == "sms"


@pytest.mark.parametrize("number", [None, "", "12345", "+1", "not a number"])
def test_phone_number_is_validated_only_for_an_sms_step(api, make_type, device, number):
    mobile_type = make_type("push", "sms")
    assert api.start(mobile_type, device, phone_number=number).json()["auth_method"] == "push"
    assert error_of(api.start(mobile_type, user_id="unknown", phone_number=number)) == (400, "3001")


def test_chain_without_available_step_is_1001(api, make_type, switch):
    switch(sms_authentication_enabled=False)
    mobile_type = make_type("push_with_pin", "push", "sms")
    assert error_of(api.start(mobile_type, phone_number=PHONE_NUMBER)) == (404, "1001")
    assert [event for event, _type in failures()] == [NO_ENROLLMENT, NO_ENROLLMENT, "SMS_AUTH_INIT_FAILURE_DISABLED"]


def test_disabled_sms_type_is_3000(any_api, sms_type, switch):
    switch(sms_authentication_enabled=False)
    assert error_of(any_api.start(sms_type, phone_number=PHONE_NUMBER)) == (404, "3000")


def test_event_has_requested_and_resolved_type(api, make_type):
    mobile_type = make_type("push", "sms")
    started = api.start(mobile_type, phone_number=PHONE_NUMBER).json()["transaction_id"]
    event = Event.objects.get(event_type="SMS_AUTH_INITIALIZED")
    assert str(event.transaction_id) == started
    assert event.details == {
        "type": mobile_type.name,
        "resolved_type": mobile_type.fallback.name,
        "method": "sms",
    }


def test_fallback_has_its_own_lifetime_and_limits(api, make_type, row):
    mobile_type = make_type("push", "sms")
    fallback = mobile_type.fallback
    fallback.time_to_live, fallback.max_resends, fallback.max_attempts = 42, 7, 5
    fallback.save()
    body = api.start(mobile_type, phone_number=PHONE_NUMBER).json()
    assert body["time_to_live"] == 42_000
    transaction = row(body["transaction_id"])
    assert (transaction.max_resends, transaction.max_attempts) == (7, 5)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "Of the fallback"),
        ({"language_code": "nl-BE"}, "Van de terugval"),
        ({"language_code": "fr"}, "Of the fallback"),
        ({"message": "Of the request"}, "Of the request"),
    ],
)
@pytest.mark.parametrize("method", ["sms", "push"])
def test_fallback_uses_its_own_default_message(api, make_type, device, row, method, fields, expected):
    mobile_type = make_type("push_with_pin", method)
    fallback = mobile_type.fallback
    fallback.default_messages = {"en": "Of the fallback", "nl": "Van de terugval"}
    fallback.save()
    body = api.start(mobile_type, device, phone_number=PHONE_NUMBER, **fields).json()
    assert row(body["transaction_id"]).message == expected


def test_fallback_without_message_uses_that_of_the_requested_type(api, make_type, device, row):
    mobile_type = make_type("push_with_pin", "push")
    mobile_type.fallback.default_messages = {}
    mobile_type.fallback.save()
    body = api.start(mobile_type, device).json()
    assert row(body["transaction_id"]).message == "Sign in?"


def test_cycle_of_fallbacks_is_rejected(make_type):
    first = make_type("push", "push", "push")
    last = first.fallback.fallback
    for target in (first, first.fallback, last):
        last.fallback = target
        with pytest.raises(ValidationError):
            last.full_clean()


def test_stored_cycle_of_fallbacks_is_cut(api, make_type):
    first = make_type("push", "push")
    first.fallback.fallback = first
    first.fallback.save()
    assert error_of(api.start(first)) == (404, "1001")
    assert len(failures()) == 2


@pytest.mark.parametrize("method", ["sms", "otp"])
def test_type_without_push_cannot_have_a_fallback(make_type, method):
    mobile_type = factories.TypeFactory.build(method=method, fallback=make_type("sms"))
    with pytest.raises(ValidationError):
        mobile_type.full_clean()


def test_otp_type_cannot_be_a_fallback(make_type):
    mobile_type = factories.TypeFactory.build(method="push", fallback=make_type("otp"))
    with pytest.raises(ValidationError):
        mobile_type.full_clean()


def test_push_fallback_selects_its_device_by_the_api_version(portal, make_type, device):
    mobile_type = make_type("push_with_pin", "push")
    assert error_of(PortalApi(portal, 4).start(mobile_type)) == (400, "1003")
    assert PortalApi(portal, 2).start(mobile_type).json()["auth_method"] == "push"
