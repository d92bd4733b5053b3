"""Answers and registrations at the same moment: each is judged once, and everybody hears the same."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.enrollment.models import Authenticator, Device, Profile, UsedNonce
from apps.events.models import Event
from apps.transactions import lifecycle
from apps.transactions.models import RejectedAnswer, Transaction
from tests.api.calls import answer_path, send_json
from tests.api.test_races import at_once, own_transactions, statuses  # noqa: F401 - a fixture
from tests.devices.conftest import Phone
from tests.devices.signing import sign

pytestmark = pytest.mark.django_db(transaction=True)
ENDINGS = {
    "MOBILE_AUTH_AUTHENTICATED": "authenticated",
    "MOBILE_AUTH_NOT_AUTHENTICATED": "not_authenticated",
    "MOBILE_AUTH_TRANSACTION_CANCELLED": "cancelled",
    "PUSH_AUTH_NOT_AUTHENTICATED_EXPIRED": "expired",
}


@pytest.fixture
def answering(phone):
    """Return a call that sends one sealed answer, with a credential or without."""

    def build(challenge, name=None, token=None, **members):
        if name:
            members["credential"] = phone.credential(name, token)
        path = answer_path(challenge["transaction_id"])
        body = {"message": phone.sealed_answer(challenge, **members)}
        return lambda client: send_json(client, path, body, token=phone.device_token)

    return build


@pytest.fixture
def registering(phone):
    """Return a call that sends one sealed registration of a fingerprint."""

    def build(**members):
        message = phone.registration("fingerprint", **members)
        return lambda client: phone.send_registration(client, message)

    return build


@pytest.fixture
def outcome(result, callbacks):
    """Return the status of a challenge's transaction, after checking that E4, event and callback agree."""

    def check(challenge, silent=("cancelled", "expired")):
        status = result(challenge)["status"]
        kinds = Event.objects.filter(transaction_id=challenge["transaction_id"], event_type__in=ENDINGS)
        assert [ENDINGS[kind] for kind in kinds.values_list("event_type", flat=True)] == [status]
        assert callbacks(challenge) == (0 if status in silent else 1)
        return status

    return check


def events_of(kind):
    return Event.objects.filter(event_type=kind).count()


@pytest.mark.parametrize("kind", ["pin", "fingerprint"])
def test_ten_identical_right_answers_at_once_are_one_answer(ask, answering, outcome, row, kind):
    challenge = ask(kind)
    answers = at_once(*[answering(challenge, kind)] * 10)
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b'{"status":"authenticated"}')}
    assert outcome(challenge) == "authenticated"
    assert row(challenge["transaction_id"]).attempts_used == 1


@pytest.mark.parametrize("round_number", range(2))
def test_ten_different_right_answers_at_once_approve_once(ask, answering, outcome, row, round_number):
    challenge = ask()
    answers = at_once(*[answering(challenge, "pin") for _ in range(10)])
    assert statuses(answers) == [200] + [404] * 9
    assert outcome(challenge) == "authenticated"
    assert row(challenge["transaction_id"]).attempts_used == 1


def test_the_same_wrong_answer_ten_times_at_once_is_counted_once(ask, answering, row, profile_row, phone):
    challenge = ask()
    answers = at_once(*[answering(challenge, "pin", "wrong")] * 10)
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert statuses(answers) == [403] * 10
    assert answers[0].json()["used_attempts"] == 1
    assert profile_row(phone).wrong_pins == row(challenge["transaction_id"]).attempts_used == 1
    assert (RejectedAnswer.objects.count(), events_of("PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN")) == (1, 1)


def assert_disconnected_once(answers):
    """Check that of many wrong PINs three were counted; later ones found no user, device or transaction any more."""
    counted = sorted(answer.json()["used_attempts"] for answer in answers if answer.status_code == 403)
    assert counted == [1, 2]
    assert {answer.status_code for answer in answers} <= {401, 403, 404, 410}
    assert 410 in {answer.status_code for answer in answers}
    assert events_of("PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED") == 1
    assert not Profile.objects.exists()
    assert not Device.objects.exists()


@pytest.mark.parametrize("round_number", range(2))
def test_ten_wrong_pins_at_once_disconnect_once(ask, answering, outcome, row, round_number):
    challenge = ask()
    answers = at_once(*[answering(challenge, "pin", "wrong") for _ in range(10)])
    assert_disconnected_once(answers)
    assert outcome(challenge) == "not_authenticated"
    assert row(challenge["transaction_id"]).attempts_used == 3
    assert events_of("PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN") == 3


def test_ten_wrong_pins_at_once_to_ten_transactions_disconnect_once(ask, answering):
    answers = at_once(*[answering(ask(), "pin", "wrong") for _ in range(10)])
    assert_disconnected_once(answers)
    assert list(Transaction.objects.values_list("status", flat=True)).count("not_authenticated") == 1
    assert sum(Transaction.objects.values_list("attempts_used", flat=True)) == 3
    assert CallbackDelivery.objects.count() == 1


@pytest.mark.parametrize("round_number", range(2))
def test_wrong_pins_at_both_places_at_once_share_one_count(ask, answering, registering, round_number):
    challenge = ask()
    calls = [answering(challenge, "pin", "wrong") for _ in range(5)]
    calls += [registering(pin_token="wrong") for _ in range(5)]
    assert_disconnected_once(at_once(*calls))


@pytest.mark.parametrize("round_number", range(3))
def test_a_right_and_a_wrong_pin_at_once(ask, answering, outcome, profile_row, phone, row, round_number):
    challenge = ask()
    right, wrong = at_once(answering(challenge, "pin"), answering(challenge, "pin", "wrong"))
    assert right.status_code == 200
    assert wrong.status_code in {403, 404}
    assert outcome(challenge) == "authenticated"
    assert row(challenge["transaction_id"]).attempts_used == (2 if wrong.status_code == 403 else 1)
    assert profile_row(phone).wrong_pins == 0


@pytest.mark.parametrize("round_number", range(3))
def test_a_right_and_a_wrong_fingerprint_at_once(ask, answering, outcome, round_number):
    challenge = ask("fingerprint")
    right, wrong = at_once(answering(challenge, "fingerprint"), answering(challenge, "fingerprint", "wrong"))
    assert (right.status_code, wrong.status_code) in [(200, 404), (403, 403)]
    if right.status_code == 200:
        assert outcome(challenge) == "authenticated"
        assert Authenticator.objects.filter(type="fingerprint").exists()
    else:
        assert events_of("PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED") == 1


@pytest.mark.parametrize("round_number", range(3))
def test_a_yes_with_the_pin_and_a_no_at_once(ask, answering, outcome, row, round_number):
    challenge = ask()
    yes, no = at_once(answering(challenge, "pin"), answering(challenge, approve=False))
    assert statuses([yes, no]) == [200, 404]
    assert outcome(challenge) == ("authenticated" if yes.status_code == 200 else "not_authenticated")
    assert row(challenge["transaction_id"]).attempts_used == (1 if yes.status_code == 200 else 0)


@pytest.mark.parametrize("round_number", range(3))
def test_a_yes_with_the_pin_and_a_cancellation_at_once(ask, answering, outcome, portal, round_number):
    challenge = ask()
    path = f"/oauth/api/v4/authenticate/transaction/{challenge['transaction_id']}"
    headers = {"Authorization": portal.authorization}
    yes, cancelled = at_once(answering(challenge, "pin"), lambda client: client.delete(path, headers=headers))
    assert (yes.status_code, cancelled.status_code) in [(200, 404), (404, 204)]
    assert outcome(challenge) == ("authenticated" if yes.status_code == 200 else "cancelled")


@pytest.mark.parametrize("round_number", range(3))
@pytest.mark.parametrize(("name", "token"), [("pin", None), ("pin", "wrong")])
def test_an_answer_with_the_pin_and_the_expiry_at_once(
    ask, answering, outcome, switch, profile_row, phone, row, round_number, name, token
):
    switch(callback_on_expiry=True)
    challenge = ask()
    started = Transaction.objects.filter(pk=challenge["transaction_id"])
    started.update(expires_at=timezone.now() + timedelta(milliseconds=30))

    def sweep(_client):
        while started.filter(status="pending").exists():
            lifecycle.expire_due()

    answer, _none = at_once(answering(challenge, name, token), sweep)
    status = outcome(challenge, silent=())
    assert (answer.status_code, status) in [(200, "authenticated"), (403, "expired"), (404, "expired")]
    judged = answer.status_code != 404
    assert row(challenge["transaction_id"]).attempts_used == judged
    assert profile_row(phone).wrong_pins == (1 if answer.status_code == 403 else 0)


@pytest.mark.parametrize("round_number", range(2))
def test_a_right_and_a_wrong_signature_at_once(portal, phone, type_of, answering, outcome, result, round_number):
    mobile_type = type_of("push")
    mobile_type.transaction_signing = True
    mobile_type.save()
    started = portal.start(mobile_type, phone, signing_data="Pay 1 EUR").json()["transaction_id"]
    challenge = phone.fetch(started)
    signatures = [sign(phone.secret_key, text) for text in ("Pay 1 EUR", "Pay 2 EUR")]
    right, wrong = at_once(*[answering(challenge, signature=signature) for signature in signatures])
    assert statuses([right, wrong]) == [200, 404]
    assert result(challenge)["signature_verified"] is (right.status_code == 200)
    assert outcome(challenge) == ("authenticated" if right.status_code == 200 else "not_authenticated")
    kinds = Event.objects.filter(event_type__startswith="PUSH_AUTH_TRANSACTION_SIGNING_")
    assert kinds.count() == 1


def test_the_same_registration_ten_times_at_once_registers_one(registering, phone):
    before = UsedNonce.objects.count()
    answers = at_once(*[registering(pin_token=phone.tokens["pin"])] * 10)
    assert statuses(answers) == [201] + [400] * 9
    assert UsedNonce.objects.count() == before + 1
    assert Authenticator.objects.filter(type="fingerprint").count() == 1


def test_ten_messages_with_the_same_nonce_at_once_register_one(registering, phone):
    members = {"pin_token": phone.tokens["pin"], "nonce": "the same nonce"}
    assert statuses(at_once(*[registering(**members) for _ in range(10)])) == [201] + [400] * 9


def test_ten_first_pins_at_once_register_one(bare_phone):
    phone = bare_phone()
    messages = [phone.registration("pin") for _ in range(10)]
    answers = at_once(*[lambda client, text=text: phone.send_registration(client, text) for text in messages])
    assert statuses(answers) == [201] + [400] * 9
    assert Authenticator.objects.count() == 1


def test_ten_registrations_at_once_leave_the_token_of_one(registering, phone, ask, respond):
    answers = at_once(*[registering(pin_token=phone.tokens["pin"]) for _ in range(10)])
    assert statuses(answers) == [201] * 10
    tokens = [phone.open(answer.json()["message"])["token"] for answer in answers]
    stored = Authenticator.objects.get(type="fingerprint").token_hash
    accepted = Counter()
    for token in tokens:
        Authenticator.objects.update_or_create(
            profile=Profile.objects.get(), type="fingerprint", defaults={"token_hash": stored}
        )
        accepted[respond(ask("fingerprint"), "fingerprint", token=token).status_code] += 1
    assert accepted == {200: 1, 403: 9}


@pytest.mark.parametrize("round_number", range(3))
def test_two_users_of_one_device_who_are_disconnected_at_once(
    phone, enroll, client, portal, type_of, answering, ask, round_number
):
    bert = Phone(device_id=phone.device_id, device_token=phone.device_token)
    enroll("bert", device=bert, push_token="push-token-of-anna")
    bert.register(client, "pin")
    Profile.objects.update(wrong_pins=2)
    challenge = bert.fetch(portal.start(type_of("pin"), bert, user_id="bert").json()["transaction_id"])
    sealed = bert.sealed_answer(challenge, credential=bert.credential("pin", "wrong"))
    answers = at_once(
        answering(ask(), "pin", "wrong"), lambda client: bert.send(client, challenge["transaction_id"], sealed)
    )
    assert statuses(answers) == [410, 410]
    assert not Device.objects.exists()


@pytest.mark.parametrize("round_number", range(3))
def test_enrolling_again_and_leaving_at_once(phone, enroll, enrollment_body, new_code, round_number):
    enroll("bert", device=Phone(device_id=phone.device_id, device_token=phone.device_token), push_token="")
    body = enrollment_body(new_code("anna"))
    path = f"/device/v1/enrollments/{phone.profile_id}"
    headers = {"Authorization": f"Bearer {phone.device_token}"}
    enrolled, left = at_once(
        lambda client: send_json(client, "/device/v1/enrollments", body, token=phone.device_token),
        lambda client: client.delete(path, headers=headers),
    )
    assert (enrolled.status_code, left.status_code) == (201, 204)
