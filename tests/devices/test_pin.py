"""Approving with the PIN: wrong ones are counted over all transactions, and the last one disconnects."""

import pytest

from apps.callbacks.models import CallbackDelivery
from apps.enrollment.models import Authenticator, Device, Profile, PushEnrollment
from apps.transactions.models import RejectedAnswer
from tests.api.calls import error_of
from tests.devices.conftest import Phone

INVALID_MESSAGE = (400, "invalid_message")


def pin_error(answer):
    assert error_of(answer) == (403, "invalid_pin")
    return answer.json()["used_attempts"], answer.json()["max_attempts"]


@pytest.fixture
def wrong(ask, respond):
    """Answer with a wrong PIN token: of a new transaction, or of the one given."""
    return lambda challenge=None: respond(challenge or ask(), "pin", token="wrong")


def test_the_right_pin_approves(ask, respond, result, callbacks, event_types):
    challenge = ask()
    answer = respond(challenge, "pin")
    assert (answer.status_code, answer.json()) == (200, {"status": "authenticated"})
    assert event_types()[-1] == "MOBILE_AUTH_AUTHENTICATED"
    told = result(challenge)
    assert (told["status"], told["is_authenticated"]) == ("authenticated", True)
    assert (told["authentication_method"], told["used_authentication_attempts"]) == ("push_with_pin", 1)
    assert callbacks(challenge) == 1


def test_a_wrong_pin_leaves_the_transaction_to_another_try(
    ask, wrong, respond, result, callbacks, event_types, profile_row, phone
):
    challenge = ask()
    assert pin_error(wrong(challenge)) == (1, 3)
    assert event_types()[-1] == "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN"
    assert (result(challenge)["status"], result(challenge)["used_authentication_attempts"]) == ("pending", 1)
    assert callbacks(challenge) == 0
    assert profile_row(phone).wrong_pins == 1
    assert respond(challenge, "pin").json() == {"status": "authenticated"}
    assert result(challenge)["used_authentication_attempts"] == 2
    assert profile_row(phone).wrong_pins == 0


def test_the_count_goes_on_over_transactions(ask, wrong, result):
    first, second = ask(), ask()
    assert pin_error(wrong(first)) == (1, 3)
    assert pin_error(wrong(second)) == (2, 3)
    assert error_of(wrong(first)) == (410, "9003")
    assert result(first)["used_authentication_attempts"] == 2
    assert result(second)["used_authentication_attempts"] == 1
    assert (result(first)["status"], result(second)["status"]) == ("not_authenticated", "pending")


def test_a_right_pin_resets_the_count(ask, wrong, respond):
    for _ in range(3):
        assert pin_error(wrong()) == (1, 3)
        assert pin_error(wrong()) == (2, 3)
        assert respond(ask(), "pin").status_code == 200


def test_denying_resets_nothing_and_needs_no_pin(ask, wrong, respond, result, profile_row, phone):
    wrong()
    challenge = ask()
    assert respond(challenge, approve=False).json() == {"status": "not_authenticated"}
    assert result(challenge)["not_authenticated_reason"]["reason"] == "not_accepted"
    assert result(challenge)["used_authentication_attempts"] == 0
    assert profile_row(phone).wrong_pins == 1


def test_denying_with_a_wrong_pin_costs_nothing(ask, respond, profile_row, phone):
    assert respond(ask(), "pin", token="wrong", approve=False).json() == {"status": "not_authenticated"}
    assert profile_row(phone).wrong_pins == 0


def test_the_last_wrong_pin_disconnects_the_user(ask, wrong, result, callbacks, event_types):
    challenge = ask()
    for _ in range(2):
        wrong(challenge)
    before = len(event_types())
    assert error_of(wrong(challenge)) == (410, "9003")
    assert event_types()[before:] == [
        "PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED",
        "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN",
        "MOBILE_AUTH_NOT_AUTHENTICATED",
    ]
    for model in (Device, Profile, Authenticator, PushEnrollment):
        assert not model.objects.exists()
    told = result(challenge)
    assert (told["status"], told["is_authenticated"]) == ("not_authenticated", False)
    assert told["not_authenticated_reason"] == {"reason": "invalid_answer", "description": "Invalid push answer"}
    assert (told["authentication_method"], told["used_authentication_attempts"]) == ("push_with_pin", 3)
    assert told["user_id"] == "anna"
    assert callbacks(challenge) == 1


def test_with_the_last_user_the_bearer_token_dies(wrong, phone, client, portal, type_of):
    for _ in range(3):
        wrong()
    listed = client.get("/device/v1/transactions", headers={"Authorization": f"Bearer {phone.device_token}"})
    assert error_of(listed) == (401, "invalid_device_token")
    assert error_of(portal.start(type_of("pin"), phone)) == (404, "1001")
    enabled = portal.get(f"/oauth/api/v4/authenticate/user/anna/device/{phone.device_id}/enabled")
    assert enabled.json() == {"enabled": []}


def test_another_user_of_the_device_stays(wrong, ask, phone, enroll, client, portal, type_of):
    bert = Phone(device_id=phone.device_id, device_token=phone.device_token)
    enroll("bert", device=bert, push_token="push-token-of-anna")
    bert.register(client, "pin")
    waiting = ask()
    for _ in range(3):
        wrong()
    started = portal.start(type_of("pin"), bert, user_id="bert").json()["transaction_id"]
    challenge = bert.fetch(started)
    sealed = bert.sealed_answer(challenge, credential=bert.credential("pin"))
    assert bert.send(client, started, sealed).json() == {"status": "authenticated"}
    answer = phone.send(client, waiting["transaction_id"], phone.sealed_answer(waiting, approve=False))
    assert error_of(answer) == (404, "invalid_transaction")
    assert PushEnrollment.objects.get().profile.user_id == "bert"


def test_who_was_disconnected_can_enrol_again(wrong, bare_phone, client, portal, type_of):
    for _ in range(3):
        wrong()
    phone = bare_phone()
    phone.register(client, "pin")
    challenge = phone.fetch(portal.start(type_of("pin"), phone).json()["transaction_id"])
    sealed = phone.sealed_answer(challenge, credential=phone.credential("pin"))
    assert phone.send(client, challenge["transaction_id"], sealed).json() == {"status": "authenticated"}


def test_the_limit_0_means_none(ask, wrong, respond, set_application):
    set_application(max_pin_attempts=0)
    challenge = ask()
    for number in range(1, 9):
        assert pin_error(wrong(challenge)) == (number, 0)
    assert respond(challenge, "pin").status_code == 200


def test_a_limit_that_was_lowered_below_the_count_disconnects_at_the_next_wrong_pin(ask, wrong, set_application):
    set_application(max_pin_attempts=10)
    for _ in range(4):
        wrong()
    set_application(max_pin_attempts=2)
    assert error_of(wrong()) == (410, "9003")


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
def test_a_credential_that_is_missing_or_of_a_wrong_kind_is_free(
    ask, respond, result, event_types, profile_row, phone, credential
):
    challenge = ask()
    assert error_of(respond(challenge, credential=credential)) == INVALID_MESSAGE
    assert event_types()[-1] == "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE"
    assert profile_row(phone).wrong_pins == 0
    assert (result(challenge)["status"], result(challenge)["used_authentication_attempts"]) == ("pending", 0)
    assert not CallbackDelivery.objects.exists()
    assert respond(challenge, "pin").status_code == 200


@pytest.mark.parametrize("token", ["", "\0", "\ud800", "é", "x" * 40_000], ids=lambda text: ascii(text)[:8])
def test_a_token_that_holds_anything_is_as_wrong_as_any_other(ask, respond, token):
    credential = {"type": "pin", "token": token}
    assert pin_error(respond(ask(), credential=credential)) == (1, 3)


def test_the_token_of_another_authenticator_is_no_pin(ask, respond, phone):
    assert pin_error(respond(ask(), "pin", token=phone.tokens["fingerprint"])) == (1, 3)


def test_the_pin_of_another_user_is_wrong(ask, respond, bare_phone, client):
    bert = bare_phone("bert")
    bert.register(client, "pin")
    assert pin_error(respond(ask(), "pin", token=bert.tokens["pin"])) == (1, 3)


def test_a_wrong_challenge_token_is_judged_before_the_pin(ask, respond, profile_row, phone):
    challenge = ask()
    assert error_of(respond({**challenge, "token": "wrong"}, "pin", token="wrong")) == INVALID_MESSAGE
    assert profile_row(phone).wrong_pins == 0


def test_while_the_pin_is_off_it_proves_nothing_and_costs_nothing(
    ask, respond, wrong, result, set_application, profile_row, phone
):
    challenge = ask()
    set_application(pin_enabled=False)
    assert error_of(respond(challenge, "pin")) == INVALID_MESSAGE
    assert error_of(wrong(challenge)) == INVALID_MESSAGE
    assert (result(challenge)["status"], profile_row(phone).wrong_pins) == ("pending", 0)
    assert respond(challenge, approve=False).json() == {"status": "not_authenticated"}


@pytest.mark.parametrize("credential", [None, {"type": "pin", "token": "wrong"}, "x", 5, []], ids=str)
def test_plain_push_ignores_a_credential(ask, respond, profile_row, phone, credential):
    assert respond(ask("push"), credential=credential).json() == {"status": "authenticated"}
    assert profile_row(phone).wrong_pins == 0


def test_a_one_time_password_ignores_a_credential(portal, type_of, phone, respond, result):
    fields = {"type": type_of("otp").name, "callback_uri": "http://127.0.0.1:9/callback"}
    challenge = phone.claim_otp(portal.post("/oauth/api/v4/authenticate/user", fields).json()["otp"])
    assert respond(challenge, "pin", token="wrong").json() == {"status": "authenticated"}
    assert "used_authentication_attempts" not in result(challenge)


@pytest.mark.parametrize("kind", ["push", "fingerprint", "custom"])
def test_only_push_with_pin_tells_of_attempts(ask, respond, result, kind):
    challenge = ask(kind)
    assert "used_authentication_attempts" not in result(challenge)
    respond(challenge, "pin")
    assert "used_authentication_attempts" not in result(challenge)


class TestRepeats:
    """A byte-identical repeat gets the same status and body, and changes nothing."""

    @pytest.fixture
    def twice(self, client, phone, ask, event_types, profile_row):
        """Send a sealed answer, and then again what it was; returns the first answer."""

        def state():
            profile = Profile.objects.filter(user_id="anna").values("wrong_pins")
            return event_types(), list(profile), RejectedAnswer.objects.count(), CallbackDelivery.objects.count()

        def run(challenge, sealed):
            first = phone.send(client, challenge["transaction_id"], sealed)
            before = state()
            for _ in range(3):
                again = phone.send(client, challenge["transaction_id"], sealed)
                assert (again.status_code, again.content) == (first.status_code, first.content)
            assert state() == before
            return first

        return run

    def test_of_a_right_pin(self, twice, ask, phone, result):
        challenge = ask()
        sealed = phone.sealed_answer(challenge, credential=phone.credential("pin"))
        assert twice(challenge, sealed).status_code == 200
        assert result(challenge)["used_authentication_attempts"] == 1

    def test_of_a_wrong_pin(self, twice, ask, phone, result, respond):
        challenge = ask()
        sealed = phone.sealed_answer(challenge, credential=phone.credential("pin", "wrong"))
        assert pin_error(twice(challenge, sealed)) == (1, 3)
        assert result(challenge)["used_authentication_attempts"] == 1
        assert pin_error(respond(challenge, "pin", token="wrong")) == (2, 3)
        assert pin_error(twice(challenge, sealed)) == (1, 3)

    def test_of_a_wrong_pin_after_the_transaction_has_ended(self, twice, ask, phone, respond, client):
        challenge = ask()
        sealed = phone.sealed_answer(challenge, credential=phone.credential("pin", "wrong"))
        phone.send(client, challenge["transaction_id"], sealed)
        assert respond(challenge, "pin").status_code == 200
        assert pin_error(twice(challenge, sealed)) == (1, 3)
        assert error_of(respond(challenge, "pin", token="wrong")) == (404, "invalid_transaction")

    def test_of_the_wrong_pin_that_disconnected(self, twice, ask, phone, enroll, wrong, result):
        bert = Phone(device_id=phone.device_id, device_token=phone.device_token)
        enroll("bert", device=bert, push_token="push-token-of-anna")
        challenge = ask()
        for _ in range(2):
            wrong(challenge)
        sealed = phone.sealed_answer(challenge, credential=phone.credential("pin", "wrong"))
        assert error_of(twice(challenge, sealed)) == (410, "9003")
        assert result(challenge)["used_authentication_attempts"] == 3

    def test_of_a_denial(self, twice, ask, phone):
        challenge = ask()
        assert twice(challenge, phone.sealed_answer(challenge, approve=False)).status_code == 200

    def test_of_a_wrong_pin_while_the_pin_is_off(self, twice, ask, phone, client, set_application):
        challenge = ask()
        sealed = phone.sealed_answer(challenge, credential=phone.credential("pin", "wrong"))
        phone.send(client, challenge["transaction_id"], sealed)
        set_application(pin_enabled=False)
        assert pin_error(twice(challenge, sealed)) == (1, 3)
