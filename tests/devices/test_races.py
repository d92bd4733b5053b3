"""Concurrent answers and registrations: each is verified once, and all responses are consistent."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.enrollment.models import Authenticator, Device, Profile, UsedNonce
from apps.events.models import Event
from apps.transactions import lifecycle
from apps.transactions.models import RejectedAnswer, Transaction
from clients.python.countersign_device import MessageType
from tests.api.calls import answer_path, send_json
from tests.api.test_races import at_once, own_transactions, statuses  # noqa: F401 - a fixture
from tests.devices.conftest import TokenDevice
from tests.devices.signing import sign

pytestmark = pytest.mark.django_db(transaction=True)
ENDINGS = {
    "MOBILE_AUTH_AUTHENTICATED": "authenticated",
    "MOBILE_AUTH_NOT_AUTHENTICATED": "not_authenticated",
    "MOBILE_AUTH_TRANSACTION_CANCELLED": "cancelled",
    "PUSH_AUTH_NOT_AUTHENTICATED_EXPIRED": "expired",
}


@pytest.fixture
def answer_call(device):
    """Return a function that sends one sealed answer, with or without a credential."""

    def build(challenge, name=None, token=None, **members):
        if name:
            members["credential"] = device.credential(name, token)
        path = answer_path(challenge["transaction_id"])
        body = {"message": device.sealed_answer(challenge, **members)}
        return lambda client: send_json(client, path, body, token=device.device_token)

    return build


@pytest.fixture
def registration_call(device):
    """Return a function that sends one sealed registration of a fingerprint."""

    def build(**members):
        message = device.registration("fingerprint", **members)
        return lambda client: device.send_registration(client, message)

    return build


@pytest.fixture
def outcome(result, callbacks):
    """Return the status of a challenge's transaction, after checking that E4, event and callback are consistent."""

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
@pytest.mark.usefixtures("each_kind")
def test_concurrent_identical_valid_answers_get_the_same_response(start_challenge, answer_call, outcome, row, kind):
    challenge = start_challenge(kind)
    responses = at_once(*[answer_call(challenge, kind)] * 10)
    assert {(response.status_code, response.content) for response in responses} == {
        (200, b'{"status":"authenticated"}')
    }
    assert outcome(challenge) == "authenticated"
    assert row(challenge["transaction_id"]).attempts_used == 1


@pytest.mark.parametrize("round_number", range(2))
def test_concurrent_valid_answers_approve_once(start_challenge, answer_call, outcome, row, round_number):
    challenge = start_challenge()
    responses = at_once(*[answer_call(challenge, "pin") for _ in range(10)])
    assert statuses(responses) == [200] + [404] * 9
    assert outcome(challenge) == "authenticated"
    assert row(challenge["transaction_id"]).attempts_used == 1


def test_concurrent_identical_invalid_answers_are_counted_once(start_challenge, answer_call, row, profile_row, device):
    challenge = start_challenge()
    responses = at_once(*[answer_call(challenge, "pin", "wrong")] * 10)
    assert len({(response.status_code, response.content) for response in responses}) == 1
    assert statuses(responses) == [403] * 10
    assert responses[0].json()["used_attempts"] == 1
    assert profile_row(device).wrong_pins == row(challenge["transaction_id"]).attempts_used == 1
    assert (RejectedAnswer.objects.count(), events_of("PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN")) == (1, 1)


def assert_disconnected_once(responses):
    """Check that three invalid PINs were counted, and that later ones found no profile, device or transaction."""
    counted = sorted(response.json()["used_attempts"] for response in responses if response.status_code == 403)
    assert counted == [1, 2]
    assert {response.status_code for response in responses} <= {401, 403, 404, 410}
    assert 410 in {response.status_code for response in responses}
    assert events_of("PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED") == 1
    assert not Profile.objects.exists()
    assert not Device.objects.exists()


@pytest.mark.parametrize("round_number", range(2))
def test_concurrent_invalid_pins_disconnect_once(start_challenge, answer_call, outcome, row, round_number):
    challenge = start_challenge()
    responses = at_once(*[answer_call(challenge, "pin", "wrong") for _ in range(10)])
    assert_disconnected_once(responses)
    assert outcome(challenge) == "not_authenticated"
    assert row(challenge["transaction_id"]).attempts_used == 3
    assert events_of("PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN") == 3


def test_concurrent_invalid_pins_across_transactions_disconnect_once(start_challenge, answer_call):
    responses = at_once(*[answer_call(start_challenge(), "pin", "wrong") for _ in range(10)])
    assert_disconnected_once(responses)
    assert list(Transaction.objects.values_list("status", flat=True)).count("not_authenticated") == 1
    assert sum(Transaction.objects.values_list("attempts_used", flat=True)) == 3
    assert CallbackDelivery.objects.count() == 1


@pytest.mark.parametrize("round_number", range(2))
def test_answers_and_registrations_share_the_pin_counter(start_challenge, answer_call, registration_call, round_number):
    challenge = start_challenge()
    calls = [answer_call(challenge, "pin", "wrong") for _ in range(5)]
    calls += [registration_call(pin_token="wrong") for _ in range(5)]
    assert_disconnected_once(at_once(*calls))


@pytest.mark.parametrize("round_number", range(3))
def test_concurrent_valid_and_invalid_pin(
    start_challenge, answer_call, outcome, profile_row, device, row, round_number
):
    challenge = start_challenge()
    valid, invalid = at_once(answer_call(challenge, "pin"), answer_call(challenge, "pin", "wrong"))
    assert valid.status_code == 200
    assert invalid.status_code in {403, 404}
    assert outcome(challenge) == "authenticated"
    assert row(challenge["transaction_id"]).attempts_used == (2 if invalid.status_code == 403 else 1)
    assert profile_row(device).wrong_pins == 0


@pytest.mark.parametrize("round_number", range(3))
def test_concurrent_valid_and_invalid_fingerprint(start_challenge, answer_call, outcome, round_number):
    challenge = start_challenge("fingerprint")
    valid, invalid = at_once(answer_call(challenge, "fingerprint"), answer_call(challenge, "fingerprint", "wrong"))
    assert (valid.status_code, invalid.status_code) in [(200, 404), (403, 403)]
    if valid.status_code == 200:
        assert outcome(challenge) == "authenticated"
        assert Authenticator.objects.filter(type="fingerprint").exists()
    else:
        assert events_of("PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED") == 1


@pytest.mark.parametrize("round_number", range(3))
def test_concurrent_approval_and_denial(start_challenge, answer_call, outcome, row, round_number):
    challenge = start_challenge()
    approval, denial = at_once(answer_call(challenge, "pin"), answer_call(challenge, approve=False))
    assert statuses([approval, denial]) == [200, 404]
    assert outcome(challenge) == ("authenticated" if approval.status_code == 200 else "not_authenticated")
    assert row(challenge["transaction_id"]).attempts_used == (1 if approval.status_code == 200 else 0)


@pytest.mark.parametrize("round_number", range(3))
def test_concurrent_approval_and_cancellation(start_challenge, answer_call, outcome, portal, round_number):
    challenge = start_challenge()
    path = f"/oauth/api/v4/authenticate/transaction/{challenge['transaction_id']}"
    headers = {"Authorization": portal.authorization}
    approval, cancelled = at_once(answer_call(challenge, "pin"), lambda client: client.delete(path, headers=headers))
    assert (approval.status_code, cancelled.status_code) in [(200, 404), (404, 204)]
    assert outcome(challenge) == ("authenticated" if approval.status_code == 200 else "cancelled")


@pytest.mark.parametrize("round_number", range(3))
@pytest.mark.parametrize(("name", "token"), [("pin", None), ("pin", "wrong")])
def test_concurrent_answer_and_expiry(
    start_challenge, answer_call, outcome, switch, profile_row, device, row, round_number, name, token
):
    switch(callback_on_expiry=True)
    challenge = start_challenge()
    started = Transaction.objects.filter(pk=challenge["transaction_id"])
    started.update(expires_at=timezone.now() + timedelta(milliseconds=30))

    def sweep(_client):
        while started.filter(status="pending").exists():
            lifecycle.expire_due()

    response, _none = at_once(answer_call(challenge, name, token), sweep)
    status = outcome(challenge, silent=())
    assert (response.status_code, status) in [(200, "authenticated"), (403, "expired"), (404, "expired")]
    is_verified = response.status_code != 404
    assert row(challenge["transaction_id"]).attempts_used == is_verified
    assert profile_row(device).wrong_pins == (1 if response.status_code == 403 else 0)


@pytest.mark.parametrize("round_number", range(2))
def test_concurrent_valid_and_invalid_signature(portal, device, type_of, answer_call, outcome, result, round_number):
    mobile_type = type_of("push")
    mobile_type.transaction_signing = True
    mobile_type.save()
    started = portal.start(mobile_type, device, signing_data="Pay 1 EUR").json()["transaction_id"]
    challenge = device.fetch(started)
    signatures = [sign(device.secret_key, text) for text in ("Pay 1 EUR", "Pay 2 EUR")]
    valid, invalid = at_once(*[answer_call(challenge, signature=signature) for signature in signatures])
    assert statuses([valid, invalid]) == [200, 404]
    assert result(challenge)["signature_verified"] is (valid.status_code == 200)
    assert outcome(challenge) == ("authenticated" if valid.status_code == 200 else "not_authenticated")
    kinds = Event.objects.filter(event_type__startswith="PUSH_AUTH_TRANSACTION_SIGNING_")
    assert kinds.count() == 1


@pytest.mark.usefixtures("each_kind")
def test_concurrent_identical_registrations_register_once(registration_call, device):
    before = UsedNonce.objects.count()
    responses = at_once(*[registration_call(pin_token=device.tokens["pin"])] * 10)
    assert statuses(responses) == [201] + [400] * 9
    assert UsedNonce.objects.count() == before + 1
    assert Authenticator.objects.filter(type="fingerprint").count() == 1


def test_concurrent_messages_with_the_same_nonce_register_once(registration_call, device):
    members = {"pin_token": device.tokens["pin"], "nonce": "the same nonce"}
    assert statuses(at_once(*[registration_call(**members) for _ in range(10)])) == [201] + [400] * 9


def test_concurrent_first_pins_register_once(new_device):
    device = new_device()
    messages = [device.registration("pin") for _ in range(10)]
    responses = at_once(*[lambda client, text=text: device.send_registration(client, text) for text in messages])
    assert statuses(responses) == [201] + [400] * 9
    assert Authenticator.objects.count() == 1


def test_concurrent_registrations_store_one_token(registration_call, device, start_challenge, respond):
    responses = at_once(*[registration_call(pin_token=device.tokens["pin"]) for _ in range(10)])
    assert statuses(responses) == [201] * 10
    tokens = [device.open(response.json()["message"], MessageType.TOKEN)["token"] for response in responses]
    stored = Authenticator.objects.get(type="fingerprint").token_hash
    accepted = Counter()
    for token in tokens:
        Authenticator.objects.update_or_create(
            profile=Profile.objects.get(), type="fingerprint", defaults={"token_hash": stored}
        )
        accepted[respond(start_challenge("fingerprint"), "fingerprint", token=token).status_code] += 1
    assert accepted == {200: 1, 403: 9}


@pytest.mark.parametrize("round_number", range(3))
def test_concurrent_disconnections_delete_the_device(
    device, enroll, client, portal, type_of, answer_call, start_challenge, round_number
):
    bert = TokenDevice(device_id=device.device_id, device_token=device.device_token)
    enroll("bert", device=bert, push_token="push-token-of-anna")
    bert.register(client, "pin")
    Profile.objects.update(wrong_pins=2)
    challenge = bert.fetch(portal.start(type_of("pin"), bert, user_id="bert").json()["transaction_id"])
    sealed = bert.sealed_answer(challenge, credential=bert.credential("pin", "wrong"))
    responses = at_once(
        answer_call(start_challenge(), "pin", "wrong"),
        lambda client: bert.send(client, challenge["transaction_id"], sealed),
    )
    assert statuses(responses) == [410, 410]
    assert not Device.objects.exists()


@pytest.mark.parametrize("round_number", range(3))
def test_concurrent_enrollment_and_unenrollment(device, enroll, enrollment_body, new_code, round_number):
    enroll("bert", device=TokenDevice(device_id=device.device_id, device_token=device.device_token), push_token="")
    body = enrollment_body(new_code("anna"))
    path = f"/device/v1/enrollments/{device.profile_id}"
    headers = {"Authorization": f"Bearer {device.device_token}"}
    enrolled, unenrolled = at_once(
        lambda client: send_json(client, "/device/v1/enrollments", body, token=device.device_token),
        lambda client: client.delete(path, headers=headers),
    )
    assert (enrolled.status_code, unenrolled.status_code) == (201, 204)
