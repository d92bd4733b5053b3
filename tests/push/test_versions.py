"""What the status of a version and its configuration mean for the pushes to its phones."""

import pytest

from apps.demo.device import DeviceApiError
from apps.enrollment.models import PushEnrollment
from apps.transactions.models import PushDelivery
from tests.api.calls import error_of
from tests.push import kinds
from tests.push.conftest import PHONE_NUMBER

pytestmark = pytest.mark.django_db(transaction=True)
ACCEPTED = [("accepted", "")]


@pytest.fixture(params=[kinds.FCM_V1, kinds.APNS_TOKEN], ids=str)
def kind(request):
    return request.param


def change(version, **fields):
    for name, value in fields.items():
        setattr(version, name, value)
    version.save()


def test_a_login_only_version_goes_on_and_takes_no_new_phones(sent, pushes, version, phone, enroll):
    change(version, status="login_only")
    transaction_id = sent()
    assert pushes.attempts(transaction_id) == ACCEPTED
    with pytest.raises(DeviceApiError) as refused:
        enroll("bert", push_token=kinds.push_token())
    assert refused.value.body["error_code"] == "version_not_enabled"
    phone.enroll_push(kinds.push_token())
    assert phone.answer(phone.fetch(transaction_id), approve=True) == "authenticated"


def test_a_disabled_version_gets_no_pushes_and_takes_no_phones(
    portal, version, phone, enroll, mobile_type, with_fallback, stand_in, token
):
    change(version, status="disabled")
    assert error_of(portal.start(mobile_type, phone)) == (404, "1001")
    assert portal.start(with_fallback, phone, phone_number=PHONE_NUMBER).json()["auth_method"] == "sms"
    assert not PushDelivery.objects.exists()
    for attempt in (
        lambda: enroll("bert", push_token=kinds.push_token()),
        lambda: phone.enroll_push(kinds.push_token()),
    ):
        with pytest.raises(DeviceApiError) as refused:
            attempt()
        assert refused.value.body["error_code"] == "version_not_enabled"
    assert stand_in.wait(token, 0, None, 0) == []


def test_an_enabled_version_again_goes_on(sent, pushes, version, phone):
    change(version, status="disabled")
    change(version, status="enabled")
    assert pushes.attempts(sent()) == ACCEPTED


def test_a_version_without_a_configuration_takes_no_push_tokens(version, enroll, portal, mobile_type, with_fallback):
    change(version, push_messaging_configuration=None)
    phone = enroll(push_token="")
    with pytest.raises(DeviceApiError) as refused:
        phone.enroll_push(kinds.push_token())
    assert refused.value.status == 403
    assert not PushEnrollment.objects.exists()
    assert error_of(portal.start(mobile_type, phone)) == (404, "1001")
    assert portal.start(with_fallback, phone, phone_number=PHONE_NUMBER).json()["auth_method"] == "sms"


def test_a_configuration_taken_away_ends_what_waits_for_it(
    portal, pushes, version, phone, mobile_type, with_fallback, token, stand_in
):
    transaction_id = pushes.start(mobile_type, phone)
    change(version, push_messaging_configuration=None)
    pushes.work()
    assert pushes.result(transaction_id) == ("not_authenticated", "failed_to_send")
    assert pushes.attempts(transaction_id) == [("refused", "no push token left")]
    assert portal.start(with_fallback, phone, phone_number=PHONE_NUMBER).json()["auth_method"] == "sms"
    assert stand_in.wait(token, 0, None, 0) == []
