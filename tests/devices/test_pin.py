"""Approval with the PIN: invalid PINs are counted across all transactions up to the attempt limit."""

import pytest

from apps.callbacks.models import CallbackDelivery
from apps.enrollment.models import Authenticator, Device, Profile, PushEnrollment
from apps.transactions.models import RejectedAnswer
from tests.api.calls import error_of
from tests.devices.conftest import TokenDevice

INVALID_MESSAGE = (400, "invalid_message")


def pin_error(response):
    assert error_of(response) == (403, "invalid_pin")
    return response.json()["used_attempts"], response.json()["max_attempts"]


@pytest.fixture
def send_wrong_pin(start_challenge, respond):
    """Answer a challenge, by default of a new transaction, with an invalid PIN token."""
    return lambda challenge=None: respond(challenge or start_challenge(), "pin", token="wrong")


@pytest.mark.usefixtures("each_kind")
def test_valid_pin_approves(start_challenge, respond, result, callbacks, event_types):
    challenge = start_challenge()
    response = respond(challenge, "pin")
    assert (response.status_code, response.json()) == (200, {"status": "authenticated"})
    assert event_types()[-1] == "MOBILE_AUTH_AUTHENTICATED"
    details = result(challenge)
    assert (details["status"], details["is_authenticated"]) == ("authenticated", True)
    assert (details["authentication_method"], details["used_authentication_attempts"]) == ("push_with_pin", 1)
    assert callbacks(challenge) == 1


def test_invalid_pin_keeps_the_transaction_pending(
    start_challenge, send_wrong_pin, respond, result, callbacks, event_types, profile_row, device
):
    challenge = start_challenge()
    assert pin_error(send_wrong_pin(challenge)) == (1, 3)
    assert event_types()[-1] == "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN"
    assert (result(challenge)["status"], result(challenge)["used_authentication_attempts"]) == ("pending", 1)
    assert callbacks(challenge) == 0
    assert profile_row(device).wrong_pins == 1
    assert respond(challenge, "pin").json() == {"status": "authenticated"}
    assert result(challenge)["used_authentication_attempts"] == 2
    assert profile_row(device).wrong_pins == 0


def test_invalid_pins_are_counted_across_transactions(start_challenge, send_wrong_pin, result):
    first, second = start_challenge(), start_challenge()
    assert pin_error(send_wrong_pin(first)) == (1, 3)
    assert pin_error(send_wrong_pin(second)) == (2, 3)
    assert error_of(send_wrong_pin(first)) == (410, "9003")
    assert result(first)["used_authentication_attempts"] == 2
    assert result(second)["used_authentication_attempts"] == 1
    assert (result(first)["status"], result(second)["status"]) == ("not_authenticated", "pending")


def test_valid_pin_resets_the_counter(start_challenge, send_wrong_pin, respond):
    for _ in range(3):
        assert pin_error(send_wrong_pin()) == (1, 3)
        assert pin_error(send_wrong_pin()) == (2, 3)
        assert respond(start_challenge(), "pin").status_code == 200


def test_denial_requires_no_pin_and_keeps_the_counter(
    start_challenge, send_wrong_pin, respond, result, profile_row, device
):
    send_wrong_pin()
    challenge = start_challenge()
    assert respond(challenge, approve=False).json() == {"status": "not_authenticated"}
    assert result(challenge)["not_authenticated_reason"]["reason"] == "not_accepted"
    assert result(challenge)["used_authentication_attempts"] == 0
    assert profile_row(device).wrong_pins == 1


def test_denial_with_an_invalid_pin_is_not_counted(start_challenge, respond, profile_row, device):
    assert respond(start_challenge(), "pin", token="wrong", approve=False).json() == {"status": "not_authenticated"}
    assert profile_row(device).wrong_pins == 0


def test_last_invalid_pin_disconnects_the_user(start_challenge, send_wrong_pin, result, callbacks, event_types):
    challenge = start_challenge()
    for _ in range(2):
        send_wrong_pin(challenge)
    before = len(event_types())
    assert error_of(send_wrong_pin(challenge)) == (410, "9003")
    assert event_types()[before:] == [
        "PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED",
        "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN",
        "MOBILE_AUTH_NOT_AUTHENTICATED",
    ]
    for model in (Device, Profile, Authenticator, PushEnrollment):
        assert not model.objects.exists()
    details = result(challenge)
    assert (details["status"], details["is_authenticated"]) == ("not_authenticated", False)
    assert details["not_authenticated_reason"] == {"reason": "invalid_answer", "description": "Invalid push answer"}
    assert (details["authentication_method"], details["used_authentication_attempts"]) == ("push_with_pin", 3)
    assert details["user_id"] == "anna"
    assert callbacks(challenge) == 1


def test_device_token_is_invalid_after_the_last_user_is_disconnected(send_wrong_pin, device, client, portal, type_of):
    for _ in range(3):
        send_wrong_pin()
    listed = client.get("/device/v1/transactions", headers={"Authorization": f"Bearer {device.device_token}"})
    assert error_of(listed) == (401, "invalid_device_token")
    assert error_of(portal.start(type_of("pin"), device)) == (404, "1001")
    enabled = portal.get(f"/oauth/api/v4/authenticate/user/anna/device/{device.device_id}/enabled")
    assert enabled.json() == {"enabled": []}


def test_other_users_of_the_device_stay_enrolled(
    send_wrong_pin, start_challenge, device, enroll, client, portal, type_of
):
    bert = TokenDevice(device_id=device.device_id, device_token=device.device_token)
    enroll("bert", device=bert, push_token="push-token-of-anna")
    bert.register(client, "pin")
    pending = start_challenge()
    for _ in range(3):
        send_wrong_pin()
    started = portal.start(type_of("pin"), bert, user_id="bert").json()["transaction_id"]
    challenge = bert.fetch(started)
    sealed = bert.sealed_answer(challenge, credential=bert.credential("pin"))
    assert bert.send(client, started, sealed).json() == {"status": "authenticated"}
    response = device.send(client, pending["transaction_id"], device.sealed_answer(pending, approve=False))
    assert error_of(response) == (404, "invalid_transaction")
    assert PushEnrollment.objects.get().profile.user_id == "bert"


def test_disconnected_user_can_enroll_again(send_wrong_pin, new_device, client, portal, type_of):
    for _ in range(3):
        send_wrong_pin()
    device = new_device()
    device.register(client, "pin")
    challenge = device.fetch(portal.start(type_of("pin"), device).json()["transaction_id"])
    sealed = device.sealed_answer(challenge, credential=device.credential("pin"))
    assert device.send(client, challenge["transaction_id"], sealed).json() == {"status": "authenticated"}


def test_limit_0_means_no_limit(start_challenge, send_wrong_pin, respond, set_application):
    set_application(max_pin_attempts=0)
    challenge = start_challenge()
    for number in range(1, 9):
        assert pin_error(send_wrong_pin(challenge)) == (number, 0)
    assert respond(challenge, "pin").status_code == 200


def test_lowered_limit_applies_to_the_next_invalid_pin(start_challenge, send_wrong_pin, set_application):
    set_application(max_pin_attempts=10)
    for _ in range(4):
        send_wrong_pin()
    set_application(max_pin_attempts=2)
    assert error_of(send_wrong_pin()) == (410, "9003")


@pytest.mark.parametrize(
    "credential",
    [
        *(None, "", 5, True, [], {}, "pin", {"type": "pin"}, {"token": "x"}, {"type": "pin", "token": None}),
        *({"type": "pin", "token": value} for value in (5, [], {}, True)),
        *({"type": value, "token": "x"} for value in (None, "", "PIN", "fingerprint", "custom", 5, [], {}, "\ud800")),
        {"type": "custom", "authenticator_id": "face", "token": "x"},
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_missing_or_malformed_credential_is_not_counted(
    start_challenge, respond, result, event_types, profile_row, device, credential
):
    challenge = start_challenge()
    assert error_of(respond(challenge, credential=credential)) == INVALID_MESSAGE
    assert event_types()[-1] == "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE"
    assert profile_row(device).wrong_pins == 0
    assert (result(challenge)["status"], result(challenge)["used_authentication_attempts"]) == ("pending", 0)
    assert not CallbackDelivery.objects.exists()
    assert respond(challenge, "pin").status_code == 200


@pytest.mark.parametrize("token", ["", "\0", "\ud800", "é", "x" * 30_000], ids=lambda text: ascii(text)[:8])
def test_pin_token_with_any_content_is_verified(start_challenge, respond, token):
    credential = {"type": "pin", "token": token}
    assert pin_error(respond(start_challenge(), credential=credential)) == (1, 3)


def test_token_of_another_authenticator_is_an_invalid_pin(start_challenge, respond, device):
    assert pin_error(respond(start_challenge(), "pin", token=device.tokens["fingerprint"])) == (1, 3)


def test_pin_token_of_another_user_is_invalid(start_challenge, respond, new_device, client):
    bert = new_device("bert")
    bert.register(client, "pin")
    assert pin_error(respond(start_challenge(), "pin", token=bert.tokens["pin"])) == (1, 3)


def test_challenge_token_is_verified_before_the_pin(start_challenge, respond, profile_row, device):
    challenge = start_challenge()
    assert error_of(respond({**challenge, "token": "wrong"}, "pin", token="wrong")) == INVALID_MESSAGE
    assert profile_row(device).wrong_pins == 0


def test_disabled_pin_is_rejected_and_not_counted(
    start_challenge, respond, send_wrong_pin, result, set_application, profile_row, device
):
    challenge = start_challenge()
    set_application(pin_enabled=False)
    assert error_of(respond(challenge, "pin")) == INVALID_MESSAGE
    assert error_of(send_wrong_pin(challenge)) == INVALID_MESSAGE
    assert (result(challenge)["status"], profile_row(device).wrong_pins) == ("pending", 0)
    assert respond(challenge, approve=False).json() == {"status": "not_authenticated"}


@pytest.mark.parametrize("credential", [None, {"type": "pin", "token": "wrong"}, "x", 5, []], ids=str)
def test_push_without_pin_ignores_a_credential(start_challenge, respond, profile_row, device, credential):
    assert respond(start_challenge("push"), credential=credential).json() == {"status": "authenticated"}
    assert profile_row(device).wrong_pins == 0


def test_otp_ignores_a_credential(portal, type_of, device, respond, result):
    fields = {"type": type_of("otp").name, "callback_uri": "http://127.0.0.1:9/callback"}
    challenge = device.claim_otp(portal.post("/oauth/api/v4/authenticate/user", fields).json()["otp"])
    assert respond(challenge, "pin", token="wrong").json() == {"status": "authenticated"}
    assert "used_authentication_attempts" not in result(challenge)


@pytest.mark.parametrize("kind", ["push", "fingerprint", "custom"])
def test_only_push_with_pin_reports_attempts(start_challenge, respond, result, kind):
    challenge = start_challenge(kind)
    assert "used_authentication_attempts" not in result(challenge)
    respond(challenge, "pin")
    assert "used_authentication_attempts" not in result(challenge)


class TestRepeats:
    """A byte-identical repeat gets the same status and body, and has no effect."""

    @pytest.fixture
    def send_repeatedly(self, client, device, start_challenge, event_types, profile_row):
        """Send the same sealed answer four times, compare the responses and return the first."""

        def state():
            profile = Profile.objects.filter(user_id="anna").values("wrong_pins")
            return event_types(), list(profile), RejectedAnswer.objects.count(), CallbackDelivery.objects.count()

        def run(challenge, sealed):
            first = device.send(client, challenge["transaction_id"], sealed)
            before = state()
            for _ in range(3):
                repeated = device.send(client, challenge["transaction_id"], sealed)
                assert (repeated.status_code, repeated.content) == (first.status_code, first.content)
            assert state() == before
            return first

        return run

    def test_repeat_of_a_valid_pin(self, send_repeatedly, start_challenge, device, result):
        challenge = start_challenge()
        sealed = device.sealed_answer(challenge, credential=device.credential("pin"))
        assert send_repeatedly(challenge, sealed).status_code == 200
        assert result(challenge)["used_authentication_attempts"] == 1

    def test_repeat_of_an_invalid_pin(self, send_repeatedly, start_challenge, device, result, respond):
        challenge = start_challenge()
        sealed = device.sealed_answer(challenge, credential=device.credential("pin", "wrong"))
        assert pin_error(send_repeatedly(challenge, sealed)) == (1, 3)
        assert result(challenge)["used_authentication_attempts"] == 1
        assert pin_error(respond(challenge, "pin", token="wrong")) == (2, 3)
        assert pin_error(send_repeatedly(challenge, sealed)) == (1, 3)

    def test_repeat_of_an_invalid_pin_after_the_transaction_has_ended(
        self, send_repeatedly, start_challenge, device, respond, client
    ):
        challenge = start_challenge()
        sealed = device.sealed_answer(challenge, credential=device.credential("pin", "wrong"))
        device.send(client, challenge["transaction_id"], sealed)
        assert respond(challenge, "pin").status_code == 200
        assert pin_error(send_repeatedly(challenge, sealed)) == (1, 3)
        assert error_of(respond(challenge, "pin", token="wrong")) == (404, "invalid_transaction")

    def test_repeat_of_the_invalid_pin_that_disconnected_the_user(
        self, send_repeatedly, start_challenge, device, enroll, send_wrong_pin, result
    ):
        bert = TokenDevice(device_id=device.device_id, device_token=device.device_token)
        enroll("bert", device=bert, push_token="push-token-of-anna")
        challenge = start_challenge()
        for _ in range(2):
            send_wrong_pin(challenge)
        sealed = device.sealed_answer(challenge, credential=device.credential("pin", "wrong"))
        assert error_of(send_repeatedly(challenge, sealed)) == (410, "9003")
        assert result(challenge)["used_authentication_attempts"] == 3

    def test_repeat_of_a_denial(self, send_repeatedly, start_challenge, device):
        challenge = start_challenge()
        assert send_repeatedly(challenge, device.sealed_answer(challenge, approve=False)).status_code == 200

    def test_repeat_of_an_invalid_pin_while_the_pin_is_disabled(
        self, send_repeatedly, start_challenge, device, client, set_application
    ):
        challenge = start_challenge()
        sealed = device.sealed_answer(challenge, credential=device.credential("pin", "wrong"))
        device.send(client, challenge["transaction_id"], sealed)
        set_application(pin_enabled=False)
        assert pin_error(send_repeatedly(challenge, sealed)) == (1, 3)
