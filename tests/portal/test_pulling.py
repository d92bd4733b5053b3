"""Browsers that pull: push types reach a browser without a push token, which lists its requests itself."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.demo.device import DeviceApiError
from apps.enrollment.models import Profile
from apps.events.models import Event
from apps.transactions import lifecycle
from apps.transactions.models import PushDelivery
from tests import factories
from tests.api.calls import error_of
from tests.commands.command_runner import run
from tests.fakes.fcm import UNREGISTERED
from tests.portal.calls import PortalApi
from tests.portal.conftest import PHONE_NUMBER

pytestmark = pytest.mark.django_db
DROPPED = "PUSH_ENROLLMENT_DROP_EXISTING_PUSH_ENROLLMENT"


@pytest.fixture
def web_version(version):
    """Return a version for browsers of the application of `version`, with the same push messaging configuration."""
    configuration = version.push_messaging_configuration
    return factories.ApplicationVersionFactory(
        application=version.application, platform="web", push_messaging_configuration=configuration
    )


@pytest.fixture
def add_browser(enroll, web_version):
    """Return a function that enrols a browser without push."""
    return lambda **options: enroll(**{"push_token": "", "version": web_version, **options})


@pytest.fixture
def browser(add_browser):
    return add_browser()


@pytest.fixture
def browser_of_bert(add_browser):
    return add_browser(user_id="bert")


@pytest.fixture
def reachable(api, mobile_type):
    """Return a function that returns the ids of the devices that E2 lists for a push type."""

    def find():
        rows = [each for each in api.types().json()["enabled"] if each["type"] == mobile_type.name]
        return {app["device_id"] for each in rows for app in each["apps_enrolled_for_push"]}

    return find


def is_rejected(response):
    return error_of(response) == (404, "1001")


def test_request_reaches_a_browser_without_a_push(any_api, api, mobile_type, browser, event_types):
    response = any_api.start(mobile_type, browser)
    started = response.json()
    assert (response.status_code, started["auth_method"]) == (200, "push")
    assert event_types()[-1] == "PUSH_AUTH_INITIALIZED"
    assert Event.objects.latest("id").details["delivery"] == "pull"
    assert not PushDelivery.objects.exists()
    lifecycle.sweep()
    assert [pending["transaction_id"] for pending in browser.pending()] == [started["transaction_id"]]
    assert browser.answer(browser.fetch(started["transaction_id"]), approve=True) == "authenticated"
    result = api.result(started["transaction_id"]).json()
    assert (result["is_authenticated"], result["device"]) == (True, {"platform": "web"})


def test_available_types_include_those_of_the_browser(any_api, api, mobile_type, browser, add_browser):
    types = any_api.type_names(browser).json()["enabled"]
    assert mobile_type.name in [each if isinstance(each, str) else each["type"] for each in types]
    [listed] = api.types().json()["enabled"][0]["apps_enrolled_for_push"]
    assert (listed["device_id"], listed["platform"]) == (browser.device_id, "web")
    assert not api.portal.get("/oauth/api/v4/users/anna/devices").json()["devices"][0]["pushAuthenticationEnabled"]


def requests_of(*devices):
    return [profile["requests"] for device in devices for profile in device.enrollments()]


def test_devices_know_which_of_them_gets_the_requests(device, add_browser, browser_of_bert):
    first, second = add_browser(), add_browser()
    assert requests_of(device, first, second) == ["received", "other_device", "other_device"]
    assert run("revoke_push", "anna", device.device_id).code == 0
    assert requests_of(device, first, second, browser_of_bert) == ["off", "off", "off", "received"]
    first.enroll_push("push-token-of-a-browser")
    assert requests_of(device, first, second) == ["other_device", "received", "other_device"]


def test_browser_needs_no_push_messaging_configuration(api, mobile_type, browser, web_version):
    web_version.push_messaging_configuration = None
    web_version.save()
    assert api.start(mobile_type, browser).status_code == 200


def test_start_takes_as_many_queries_as_with_a_push(api, mobile_type, browser, enroll):
    def count(device, **fields):
        api.start(mobile_type, device, **fields)
        with CaptureQueriesContext(connection) as captured:
            assert api.start(mobile_type, device, **fields).status_code == 200
        return len(captured)

    # Only PostgreSQL stores the delivery in the statement of the transaction.
    spared = 0 if connection.vendor == "postgresql" else 1
    assert count(browser) + spared == count(enroll("bert"), user_id="bert")


@pytest.mark.parametrize("platform", ["android", "ios"])
def test_app_without_a_push_token_is_not_reachable(api, mobile_type, enroll, version, platform):
    version.platform = platform
    version.save()
    assert is_rejected(api.start(mobile_type, enroll(push_token="")))


@pytest.mark.parametrize(
    ("mode", "remaining"), [("single_device", [0]), ("override_allowed", [1]), ("multiple_devices", [0, 1])]
)
def test_mode_decides_between_two_browsers(
    api, mobile_type, add_browser, reachable, switch, mode, remaining, event_types
):
    switch(push_enrollment_mode=mode)
    browsers = [add_browser(), add_browser()]
    assert reachable() == {browsers[number].device_id for number in remaining}
    for number, each in enumerate(browsers):
        assert api.start(mobile_type, each).status_code == (200 if number in remaining else 404)
    assert event_types().count(DROPPED) == (mode == "override_allowed")


@pytest.mark.parametrize(
    ("mode", "is_second"), [("single_device", False), ("override_allowed", False), ("multiple_devices", True)]
)
def test_browser_is_no_second_target_beside_a_phone(device, add_browser, reachable, switch, mode, is_second):
    switch(push_enrollment_mode=mode)
    browser = add_browser()
    assert device.device_id in reachable()
    assert (browser.device_id in reachable()) == is_second


def test_browser_in_another_application_is_a_second_target(enroll, device, add_browser, reachable):
    other = factories.ApplicationVersionFactory(platform="web", push_messaging_configuration=None)
    browser = add_browser(version=other)
    assert reachable() == {device.device_id, browser.device_id}


def test_phone_cannot_replace_a_browser_in_single_device_mode(browser, enroll, reachable):
    phone = enroll(push_token="")
    with pytest.raises(DeviceApiError) as rejected:
        phone.enroll_push("token")
    assert rejected.value.status == 409
    assert reachable() == {browser.device_id}


def test_phone_replaces_a_browser_in_override_mode(browser, enroll, reachable, switch, event_types):
    switch(push_enrollment_mode="override_allowed")
    phone = enroll()
    assert reachable() == {phone.device_id}
    assert DROPPED in event_types()


def test_browser_enrolled_for_push_does_not_pull_after_it_was_replaced(add_browser, enroll, reachable, switch):
    switch(push_enrollment_mode="override_allowed")
    add_browser(push_token="browser")
    phone = enroll()
    assert reachable() == {phone.device_id}


def test_repeated_enrolment_of_a_browser_keeps_it_reachable(browser, add_browser, reachable):
    assert add_browser(device=browser).device_id == browser.device_id
    assert reachable() == {browser.device_id}


def test_removed_phone_makes_no_other_device_reachable(device, add_browser, reachable):
    browser = add_browser()
    device.unenroll()
    assert reachable() == set()
    add_browser(device=browser)
    assert reachable() == {browser.device_id}


def test_disabled_push_enrolment_makes_no_browser_reachable(api, mobile_type, add_browser, switch):
    earlier = add_browser()
    switch(push_enrollment_enabled=False)
    assert api.start(mobile_type, earlier).status_code == 200
    earlier.unenroll()
    assert is_rejected(api.start(mobile_type, add_browser()))


def test_disabled_push_authorization_applies(api, mobile_type, browser, switch, reachable):
    switch(push_authorization_enabled=False)
    assert is_rejected(api.start(mobile_type, browser))
    assert api.types().json()["enabled"] == []


def test_unreachable_browsers_are_indistinguishable(api, make_type, browser, web_version):
    mobile_type, no_web = make_type("push"), make_type("push", allowed_platforms=["ios"])
    unknown = api.start(mobile_type, user_id="unknown")
    locked = factories.FraudLockFactory(application=web_version.application)
    responses = [api.start(mobile_type, browser)]
    locked.delete()
    responses.append(api.start(no_web, browser))
    web_version.status = "disabled"
    web_version.save()
    responses.append(api.start(mobile_type, browser))
    assert {(response.status_code, response.content) for response in responses} == {(404, unknown.content)}


def test_missing_target_is_rejected_as_with_a_push_enrolment(portal, make_type, browser):
    for number in (3, 4):
        response = PortalApi(portal, number).start(make_type("push", "sms"), phone_number=PHONE_NUMBER)
        assert error_of(response) == (400, "1003")


REVOCATIONS = {
    "command": lambda _portal, device: run("revoke_push", "anna", device.device_id),
    "portal": lambda portal, device: portal.post(
        f"/oauth/api/v4/users/anna/devices/{device.device_id}/disablePushAuthentication", {}
    ),
}


@pytest.mark.parametrize("revoke", REVOCATIONS.values(), ids=REVOCATIONS)
@pytest.mark.parametrize("push_token", ["", "browser"])
def test_revoked_push_stops_the_browser(api, mobile_type, otp_type, scan, add_browser, revoke, push_token, event_types):
    browser = add_browser(push_token=push_token)
    revoke(api.portal, browser)
    assert event_types()[-1] == "ADMIN_PUSH_ENROLLMENT_REVOKED"
    assert is_rejected(api.start(mobile_type, browser))
    otp = api.start_otp(otp_type).json()["otp"]
    assert browser.answer(scan(browser, otp), approve=True) == "authenticated"
    count = len(event_types())
    revoke(api.portal, browser)
    assert len(event_types()) == count
    add_browser(device=browser)
    assert api.start(mobile_type, browser).status_code == 200


def test_browser_with_revoked_keys_is_not_reachable(api, mobile_type, browser):
    run("revoke_mobile_authentication", "anna", browser.device_id)
    assert is_rejected(api.start(mobile_type, browser))
    assert not Profile.objects.get().can_pull


def test_browser_pulls_after_its_push_token_became_invalid(
    api, mobile_type, add_browser, fcm, deliver_pushes, web_version
):
    browser = add_browser(push_token="browser")
    fcm.script["browser"] = [UNREGISTERED]
    first = api.start(mobile_type, browser).json()["transaction_id"]
    deliver_pushes()
    assert api.result(first).json()["not_authenticated_reason"]["reason"] == "failed_to_send"
    second = api.start(mobile_type, browser).json()["transaction_id"]
    assert PushDelivery.objects.filter(transaction=second).count() == 0
    assert browser.answer(browser.fetch(second), approve=True) == "authenticated"


def test_resend_to_a_browser_is_counted_and_sends_nothing(api, make_type, browser, event_types):
    started = api.start(make_type("push", max_resends=1), browser).json()["transaction_id"]
    assert api.resend_push(started).status_code == 204
    assert event_types()[-1] == "PUSH_AUTH_RESEND_SUCCESS"
    assert error_of(api.resend_push(started)) == (403, "3006")
    assert not PushDelivery.objects.exists()


def test_failed_resend_does_not_end_a_pulled_request(api, make_type, browser, fcm, deliver_pushes):
    started = api.start(make_type("push", max_resends=1), browser).json()["transaction_id"]
    browser.enroll_push("browser")
    fcm.script["browser"] = [UNREGISTERED]
    assert api.resend_push(started).status_code == 204
    deliver_pushes()
    assert PushDelivery.objects.get().state == "failed"
    assert api.result(started).json()["status"] == "pending"


def test_requests_to_a_browser_are_limited(api, mobile_type, browser, switch):
    switch(max_pushes_without_success=2)
    started = [api.start(mobile_type, browser) for _ in range(2)]
    assert error_of(api.start(mobile_type, browser)) == (429, "1429")
    browser.answer(browser.fetch(started[0].json()["transaction_id"]), approve=True)
    assert api.start(mobile_type, browser).status_code == 200
    switch(max_pending_transactions=2)
    assert error_of(api.start(mobile_type, browser)) == (429, "1429")
