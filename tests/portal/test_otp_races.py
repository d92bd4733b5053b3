"""Ten phones scan the same one-time password at the same moment: it belongs to one of them."""

import pytest

from apps.events.models import Event
from apps.transactions.models import Transaction
from tests.api.calls import send_json
from tests.api.test_races import at_once, own_transactions, statuses  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db(transaction=True)


def scanning(device, otp):
    body = {"profile_id": device.profile_id, "otp": otp}
    return lambda client: send_json(client, "/device/v1/otp", body, token=device.device_token)


def test_of_ten_profiles_that_scan_at_once_one_wins(api, otp_type, enroll):
    devices = {f"user {number}": enroll(user_id=f"user {number}", push_token="") for number in range(10)}
    started = api.start_otp(otp_type).json()
    answers = at_once(*[scanning(device, started["otp"]) for device in devices.values()])
    assert statuses(answers) == [200] + [404] * 9
    [winner] = [user for user, answer in zip(devices, answers, strict=True) if answer.status_code == 200]
    assert Transaction.objects.get().user_id == winner
    message = next(answer.json()["message"] for answer in answers if answer.status_code == 200)
    assert devices[winner].answer(devices[winner].open(message), approve=True) == "authenticated"
    assert api.result(started["transaction_id"]).json()["user_id"] == winner
    assert Event.objects.filter(event_type="OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP").count() == 9


def test_one_profile_that_scans_ten_times_at_once_wins_every_time(api, otp_type, enroll):
    device = enroll(push_token="")
    started = api.start_otp(otp_type).json()
    answers = at_once(*[scanning(device, started["otp"])] * 10)
    assert statuses(answers) == [200] * 10
    assert len({device.open(answer.json()["message"])["token"] for answer in answers}) == 1
