"""Allowed platforms of a type: other devices count as unable to do the type, and the fallback is used."""

import pytest

from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import error_of
from tests.portal.conftest import PHONE_NUMBER

pytestmark = pytest.mark.django_db


@pytest.fixture
def phones(enroll, version):
    """Return an Android phone and a browser of the same user, both enrolled for push."""
    from apps.system.models import GeneralConfiguration

    GeneralConfiguration.objects.update_or_create(pk=1, defaults={"push_enrollment_mode": "multiple_devices"})
    configuration = factories.PushMessagingConfigurationFactory()
    web = factories.ApplicationVersionFactory(
        application=version.application, platform="web", push_messaging_configuration=configuration
    )
    return {"android": enroll(push_token="phone"), "web": enroll(push_token="browser", version=web)}


@pytest.fixture
def no_web(make_type):
    return make_type("push", "sms", allowed_platforms=["android", "ios"], default_messages={"en": "{code}"})


def test_fallback_is_used_for_a_device_of_another_platform(portal, phones, no_web):
    fields = {"phone_number": PHONE_NUMBER, "message": "Sign in?"}
    assert portal.start(no_web, phones["android"], **fields).json()["auth_method"] == "push"
    assert portal.start(no_web, phones["web"], **fields).json()["auth_method"] == "sms"


def test_type_without_a_fallback_is_unavailable(portal, phones, make_type):
    mobile_type = make_type("push", allowed_platforms=["ios"])
    for device in phones.values():
        assert error_of(portal.start(mobile_type, device)) == (404, "1001")


def test_available_types_consider_the_platform(portal, phones, make_type):
    only_web = make_type("push", allowed_platforms=["web"])
    only_web_otp = make_type("otp", allowed_platforms=["web"])
    everywhere = make_type("push")

    def on_device(device):
        path = f"/oauth/api/v4/authenticate/user/anna/device/{device.device_id}/enabled"
        return set(portal.get(path).json()["enabled"])

    assert on_device(phones["web"]) == {only_web.name, only_web_otp.name, everywhere.name}
    assert on_device(phones["android"]) == {everywhere.name}
    listed = portal.get("/oauth/api/v4/authenticate/user/anna/enabled").json()["enabled"]
    platforms = {item["type"]: {app["platform"] for app in item.get("apps_enrolled_for_push", [])} for item in listed}
    assert platforms == {only_web.name: {"web"}, only_web_otp.name: set(), everywhere.name: {"web", "android"}}


def test_one_time_password_is_rejected_on_another_platform(portal, phones, make_type, scan, client):
    mobile_type = make_type("otp", allowed_platforms=["android"], default_messages={})
    started = portal.start(mobile_type, phones["web"], device_id=None, user_id=None).json()
    web = phones["web"]
    response = client.post(
        "/device/v1/otp",
        {"profile_id": web.profile_id, "otp": started["otp"]},
        content_type="application/json",
        headers={"Authorization": f"Bearer {web.device_token}"},
    )
    assert error_of(response) == (404, "invalid_otp")
    assert Transaction.objects.get().user_id == ""
    challenge = scan(phones["android"], started["otp"])
    assert phones["android"].answer(challenge, approve=True) == "authenticated"
    assert "device" not in portal.result(started["transaction_id"]).json()


def test_result_of_a_browser_is_labelled_also_after_unenrolment(portal, phones, mobile_type):
    device = phones["web"]
    transaction_id = portal.start(mobile_type, device).json()["transaction_id"]
    assert portal.result(transaction_id).json()["device"] == {"platform": "web"}
    assert device.answer(device.fetch(transaction_id), approve=True) == "authenticated"
    device.unenroll()
    assert portal.result(transaction_id).json()["device"] == {"platform": "web"}


def test_one_time_password_in_a_browser_is_labelled(portal, phones, otp_type, scan):
    started = portal.start(otp_type, phones["web"], device_id=None, user_id=None).json()
    assert "device" not in portal.result(started["transaction_id"]).json()
    assert phones["web"].answer(scan(phones["web"], started["otp"]), approve=True) == "authenticated"
    assert portal.result(started["transaction_id"]).json()["device"] == {"platform": "web"}


def test_results_of_apps_and_sms_have_no_label(portal, phones, make_type, mobile_type):
    sms = make_type("sms", default_messages={"en": "{code}"})
    for requested, fields in [(sms, {"phone_number": PHONE_NUMBER, "callback_uri": None}), (mobile_type, {})]:
        started = portal.start(requested, phones["android"], **fields).json()
        assert "device" not in portal.result(started["transaction_id"]).json()
