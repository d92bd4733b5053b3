"""Effect of a version's status and configuration on pushes to its devices."""

import pytest

from apps.demo.device import DeviceApiError
from apps.enrollment.models import PushEnrollment
from apps.transactions.models import PushDelivery
from tests.api.calls import error_of
from tests.push import provider_cases
from tests.push.conftest import PHONE_NUMBER

pytestmark = pytest.mark.django_db(transaction=True)
ACCEPTED = [("accepted", "")]


@pytest.fixture(params=[provider_cases.FCM_V1, provider_cases.APNS_TOKEN], ids=str)
def provider_case(request):
    return request.param


def update(version, **fields):
    for name, value in fields.items():
        setattr(version, name, value)
    version.save()


def test_login_only_version_gets_pushes_and_no_new_devices(send_push, push_flow, version, device, enroll):
    update(version, status="login_only")
    transaction_id = send_push()
    assert push_flow.attempts(transaction_id) == ACCEPTED
    with pytest.raises(DeviceApiError) as rejection:
        enroll("bert", push_token=provider_cases.push_token())
    assert rejection.value.body["error_code"] == "version_not_enabled"
    device.enroll_push(provider_cases.push_token())
    assert device.answer(device.fetch(transaction_id), approve=True) == "authenticated"


def test_disabled_version_gets_no_pushes_and_no_devices(
    portal, version, device, enroll, mobile_type, type_with_fallback, fake, token
):
    update(version, status="disabled")
    assert error_of(portal.start(mobile_type, device)) == (404, "1001")
    assert portal.start(type_with_fallback, device, phone_number=PHONE_NUMBER).json()["auth_method"] == "sms"
    assert not PushDelivery.objects.exists()
    for attempt in (
        lambda: enroll("bert", push_token=provider_cases.push_token()),
        lambda: device.enroll_push(provider_cases.push_token()),
    ):
        with pytest.raises(DeviceApiError) as rejection:
            attempt()
        assert rejection.value.body["error_code"] == "version_not_enabled"
    assert fake.wait(token, 0, None, 0) == []


def test_reenabled_version_gets_pushes(send_push, push_flow, version, device):
    update(version, status="disabled")
    update(version, status="enabled")
    assert push_flow.attempts(send_push()) == ACCEPTED


def test_version_without_a_configuration_rejects_push_tokens(version, enroll, portal, mobile_type, type_with_fallback):
    update(version, push_messaging_configuration=None)
    device = enroll(push_token="")
    with pytest.raises(DeviceApiError) as rejection:
        device.enroll_push(provider_cases.push_token())
    assert rejection.value.status == 403
    assert not PushEnrollment.objects.exists()
    assert error_of(portal.start(mobile_type, device)) == (404, "1001")
    assert portal.start(type_with_fallback, device, phone_number=PHONE_NUMBER).json()["auth_method"] == "sms"


def test_removed_configuration_ends_pending_transactions(
    portal, push_flow, version, device, mobile_type, type_with_fallback, token, fake
):
    transaction_id = push_flow.start(mobile_type, device)
    update(version, push_messaging_configuration=None)
    push_flow.work()
    assert push_flow.result(transaction_id) == ("not_authenticated", "failed_to_send")
    assert push_flow.attempts(transaction_id) == [("refused", "the device has no push token")]
    assert portal.start(type_with_fallback, device, phone_number=PHONE_NUMBER).json()["auth_method"] == "sms"
    assert fake.wait(token, 0, None, 0) == []
