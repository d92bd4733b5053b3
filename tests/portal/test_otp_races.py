"""Concurrent scans: a one-time password is bound to the first device only."""

import pytest

from apps.events.models import Event
from apps.transactions.models import Transaction
from tests.api.calls import send_json
from tests.api.test_races import at_once, own_transactions, statuses  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db(transaction=True)


def scanning(device, otp):
    body = {"profile_id": device.profile_id, "otp": otp}
    return lambda client: send_json(client, "/device/v1/otp", body, token=device.device_token)


def test_one_of_ten_concurrent_scans_succeeds(api, otp_type, enroll):
    devices = {f"user {number}": enroll(user_id=f"user {number}", push_token="") for number in range(10)}
    started = api.start_otp(otp_type).json()
    responses = at_once(*[scanning(device, started["otp"]) for device in devices.values()])
    assert statuses(responses) == [200] + [404] * 9
    [winner] = [user for user, response in zip(devices, responses, strict=True) if response.status_code == 200]
    assert Transaction.objects.get().user_id == winner
    message = next(response.json()["message"] for response in responses if response.status_code == 200)
    assert devices[winner].answer(devices[winner].open(message), approve=True) == "authenticated"
    assert api.result(started["transaction_id"]).json()["user_id"] == winner
    assert Event.objects.filter(event_type="OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP").count() == 9


def test_concurrent_scans_of_one_profile_all_succeed(api, otp_type, enroll):
    device = enroll(push_token="")
    started = api.start_otp(otp_type).json()
    responses = at_once(*[scanning(device, started["otp"])] * 10)
    assert statuses(responses) == [200] * 10
    assert len({device.open(response.json()["message"])["token"] for response in responses}) == 1
