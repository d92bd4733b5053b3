"""Approval with a fingerprint or a custom authenticator, or with the PIN instead."""

import pytest

from apps.enrollment.models import Authenticator
from apps.transactions.models import RejectedAnswer
from tests.api.calls import error_of

INVALID_MESSAGE, REVOKED = (400, "invalid_message"), (403, "authenticator_revoked")
LIMIT_EVENTS = {
    "fingerprint": "PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED",
    "face": "PUSH_AUTH_VALIDATION_CUSTOM_AUTHENTICATOR_LIMIT_EXCEEDED",
}
AUTHENTICATORS = [("fingerprint", "fingerprint"), ("custom", "face")]


@pytest.mark.parametrize(("kind", "name"), [*AUTHENTICATORS, ("fingerprint", "pin"), ("custom", "pin")])
@pytest.mark.usefixtures("each_kind")
def test_own_token_or_pin_approves(start_challenge, respond, result, callbacks, kind, name):
    challenge = start_challenge(kind)
    assert respond(challenge, name).json() == {"status": "authenticated"}
    assert result(challenge)["authentication_method"] == challenge["type"]["method"]
    assert callbacks(challenge) == 1


def test_any_registered_custom_authenticator_approves(start_challenge, respond, device, client):
    device.register(client, "custom", authenticator_id="voice")
    for name in ("face", "voice"):
        assert respond(start_challenge("custom"), name).json() == {"status": "authenticated"}


@pytest.mark.parametrize(("kind", "name"), AUTHENTICATORS)
def test_invalid_token_revokes_the_authenticator_but_not_the_pin(
    start_challenge, respond, result, callbacks, event_types, profile_row, device, kind, name
):
    challenge = start_challenge(kind)
    before = len(event_types())
    assert error_of(respond(challenge, name, token="wrong")) == REVOKED
    assert event_types()[before:] == [LIMIT_EVENTS[name], "PUSH_AUTH_NOT_AUTHENTICATED_INVALID_CREDENTIAL"]
    assert not Authenticator.objects.filter(type=kind).exists()
    assert (result(challenge)["status"], callbacks(challenge)) == ("pending", 0)
    assert profile_row(device).wrong_pins == 0
    assert error_of(respond(challenge, name)) == REVOKED
    assert respond(challenge, "pin").json() == {"status": "authenticated"}


@pytest.mark.parametrize(("kind", "name"), AUTHENTICATORS)
def test_invalid_token_keeps_other_authenticators(start_challenge, respond, device, client, kind, name):
    device.register(client, "custom", authenticator_id="voice")
    respond(start_challenge(kind), name, token="wrong")
    remaining = set(Authenticator.objects.values_list("type", "authenticator_id"))
    registered = {("pin", ""), ("fingerprint", ""), ("custom", "face"), ("custom", "voice")}
    assert registered - remaining == {(kind, "" if kind == "fingerprint" else name)}


def test_revoked_authenticator_can_be_registered_again(start_challenge, respond, device, client):
    respond(start_challenge("fingerprint"), "fingerprint", token="wrong")
    assert device.register(client, "fingerprint").status_code == 201
    assert respond(start_challenge("fingerprint"), "fingerprint").json() == {"status": "authenticated"}


@pytest.mark.parametrize("kind", ["fingerprint", "custom"])
def test_invalid_pin_is_counted_for_every_method(start_challenge, respond, result, callbacks, kind):
    challenge = start_challenge(kind)
    for attempt in (1, 2):
        response = respond(challenge, "pin", token="wrong")
        assert error_of(response) == (403, "invalid_pin")
        assert response.json()["used_attempts"] == attempt
    assert error_of(respond(challenge, "pin", token="wrong")) == (410, "9003")
    details = result(challenge)
    assert (details["status"], details["not_authenticated_reason"]["reason"]) == ("not_authenticated", "invalid_answer")
    assert callbacks(challenge) == 1


@pytest.mark.parametrize(("kind", "name"), [("fingerprint", "face"), ("custom", "fingerprint")])
def test_credential_of_another_type_is_rejected_and_not_counted(start_challenge, respond, result, kind, name):
    challenge = start_challenge(kind)
    for token in (None, "wrong"):
        assert error_of(respond(challenge, name, token=token)) == INVALID_MESSAGE
    assert Authenticator.objects.count() == 3
    assert result(challenge)["status"] == "pending"


@pytest.mark.parametrize("value", [None, "", "iris", "FACE", 5, True, [], ["face"], {}, "\ud800", "\0"], ids=ascii)
def test_custom_credential_must_name_a_listed_authenticator(start_challenge, respond, device, value):
    credential = {"type": "custom", "authenticator_id": value, "token": device.tokens["face"]}
    challenge = start_challenge("custom")
    assert error_of(respond(challenge, credential=credential)) == INVALID_MESSAGE
    assert Authenticator.objects.count() == 3


def test_token_of_another_authenticator_revokes_the_named_one(start_challenge, respond, device, client):
    device.register(client, "custom", authenticator_id="voice")
    assert error_of(respond(start_challenge("custom"), "face", token=device.tokens["voice"])) == REVOKED
    assert set(Authenticator.objects.filter(type="custom").values_list("authenticator_id", flat=True)) == {"voice"}


@pytest.mark.parametrize("kind", ["fingerprint", "custom"])
@pytest.mark.parametrize("credential", [None, {}, [], "x", {"type": "fingerprint"}, {"type": "pin", "token": 5}])
def test_missing_or_malformed_credential_is_not_counted(start_challenge, respond, result, kind, credential):
    challenge = start_challenge(kind)
    assert error_of(respond(challenge, credential=credential)) == INVALID_MESSAGE
    assert result(challenge)["status"] == "pending"
    assert Authenticator.objects.count() == 3


@pytest.mark.parametrize(("kind", "name"), AUTHENTICATORS)
def test_denial_requires_no_credential(start_challenge, respond, kind, name):
    assert respond(start_challenge(kind), approve=False).json() == {"status": "not_authenticated"}
    assert respond(start_challenge(kind), name, token="wrong", approve=False).json() == {"status": "not_authenticated"}
    assert Authenticator.objects.count() == 3


@pytest.mark.parametrize(("kind", "name"), AUTHENTICATORS)
def test_repeated_invalid_token_gets_the_same_response(
    start_challenge, device, client, event_types, respond, kind, name
):
    challenge = start_challenge(kind)
    sealed = device.sealed_answer(challenge, credential=device.credential(name, "wrong"))
    first = device.send(client, challenge["transaction_id"], sealed)
    events = event_types()
    register = {"authenticator_id": "face"} if kind == "custom" else {}
    device.register(client, kind, **register)
    repeated = device.send(client, challenge["transaction_id"], sealed)
    assert (repeated.status_code, repeated.content) == (first.status_code, first.content)
    assert event_types() == [*events, "AUTHENTICATOR_REGISTERED"]
    assert RejectedAnswer.objects.count() == 1
    assert respond(challenge, name).json() == {"status": "authenticated"}


@pytest.mark.parametrize(
    ("kind", "name", "disabled"),
    [("fingerprint", "fingerprint", {"fingerprint_enabled": False}), ("custom", "face", {"custom_authenticators": []})],
)
def test_authenticator_disabled_meanwhile_is_rejected_and_kept(
    start_challenge, respond, result, set_application, kind, name, disabled
):
    challenge = start_challenge(kind)
    set_application(**disabled)
    for credential in (name, "pin"):
        assert error_of(respond(challenge, credential)) == INVALID_MESSAGE
    assert error_of(respond(challenge, name, token="wrong")) == INVALID_MESSAGE
    assert (result(challenge)["status"], Authenticator.objects.count()) == ("pending", 3)


def test_custom_credential_is_rejected_without_the_feature(start_challenge, respond, result, set_feature):
    challenge = start_challenge("custom")
    set_feature(custom_authenticators=False)
    assert error_of(respond(challenge, "face")) == INVALID_MESSAGE
    assert result(challenge)["status"] == "pending"
    set_feature(custom_authenticators=True)
    assert respond(challenge, "face").json() == {"status": "authenticated"}
